"""The bench of the contract suite: it keeps its state, and its check of the wire bites."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mydia_web.backends.errors import RateLimited, SignInRefused, Unreachable
from mydia_web.backends.values import Wanted
from tests.backends.bench import Bench, Held
from tests.backends.openapi import needed
from tests.backends.trakt import published
from tests.backends.trakt.bench import TraktBench
from tests.fakes.trakt import Exchange

SEEN = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = TraktBench()
    yield bench
    bench.close()


def test_it_holds_what_the_person_did(bench: Bench) -> None:
    (film,) = bench.add_movie("Sintel", imdb="tt1727587", copies=2)
    bench.person_watches(film, SEEN)
    bench.person_stops_at(film, 2_700_000, SEEN + timedelta(hours=3))
    assert bench.held(film) == Held(True, 2_700_000, 1, SEEN)
    bench.person_unwatches(film)
    assert bench.held(film) == Held(watched=False)


def test_the_backend_and_the_bench_agree(bench: Bench) -> None:
    (film,) = bench.add_movie("Sintel")
    special = bench.add_episode("Harbour Lights", 0, 0, tvdb="991000", through=2)
    backend = bench.backend(bench.connection())
    for target in (film, special):
        backend.push(target, Wanted(change_type="mark_watched", at=SEEN))
        shown = backend.push(
            target, Wanted(change_type="progress_update", at=SEEN, position_ms=1_234_567)
        )
        held = bench.held(target)
        assert abs(held.position_ms - 1_234_567) <= bench.grain_ms
        assert (held.watched, held.play_count, held.last_played_at) == (True, 1, SEEN)
        assert abs(shown.position_ms - held.position_ms) <= 1
        found = replace(target, remote_id="", external_ids={})
        assert target is film or backend.find(found) == target.remote_id
    assert len({item.remote_id for page in backend.library() for item in page.items}) == 2
    assert bench.violations() == []
    assert bench.requests()[0] == (
        "GET",
        "/sync/history/movies/1?page=1&limit=250&extended=full%2Cimages",
    )
    assert bench.requests() == []
    backend.close()


def test_it_fails_as_it_is_told(bench: Bench) -> None:
    backend, refused = bench.backend(bench.connection()), bench.backend(bench.wrong_connection())
    with pytest.raises(SignInRefused):
        refused.check()
    with bench.answering(429, headers={"Retry-After": "3"}), pytest.raises(RateLimited):
        backend.check()
    (film,) = bench.add_movie("Sintel", imdb="tt1727587")
    with bench.losing_answers(), pytest.raises(Unreachable):
        backend.push(film, Wanted(change_type="mark_watched", at=datetime(2026, 11, 1, tzinfo=UTC)))
    backend.check()
    assert bench.violations() == []
    backend.close()
    refused.close()


def exchange(method: str, path: str, body: bytes, status: int, answer: bytes) -> Exchange:
    headers = {
        "Content-Type": "application/json",
        "trakt-api-version": "2",
        "trakt-api-key": "key",
        "Authorization": "Bearer token",
    }
    return Exchange(
        method, path, headers, body, status, {"Content-Type": "application/json"}, answer
    )


ADDED = (
    b'{"added": {"movies": 1, "episodes": 0}, '
    b'"updated": {"movies": 0, "episodes": 0}, "not_found": {}}'
)
PAUSED = b'{"progress": 10, "paused_at": "x", "id": 1, "type": "episode"'


@pytest.mark.parametrize(
    ("one", "is_right"),
    [
        (
            exchange("POST", "/sync/history", b'{"movies": [{"ids": {"trakt": 1}}]}', 201, ADDED),
            True,
        ),
        (
            exchange("POST", "/sync/history", b'{"movies": [{"ids": {"trakt": "1"}}]}', 201, ADDED),
            False,
        ),
        (exchange("POST", "/sync/history", b'{"movies": [{"ids": {}}]}', 201, ADDED), False),
        (
            exchange(
                "POST", "/sync/history", b'{"episodes": [{"ids": {"imdb": "tt1"}}]}', 201, ADDED
            ),
            False,
        ),
        (
            exchange("POST", "/sync/history", b'{"movies": []}', 201, b'{"added": {"movies": 1}}'),
            False,
        ),
        (exchange("GET", "/sync/playback/movies", b"", 200, b'[{"progress": 10}]'), False),
        (exchange("GET", "/sync/playback/episodes", b"", 200, b"[" + PAUSED + b"}]"), False),
        (exchange("GET", "/sync/history/movies?limit=many", b"", 200, b"[]"), False),
        (exchange("GET", "/sync/histories/movies", b"", 200, b"[]"), False),
        (exchange("DELETE", "/sync/playback/x", b"", 204, b""), False),
        (exchange("POST", "/scrobble/pause", b'{"progress": "half"}', 201, b"{}"), False),
        (exchange("GET", "/users/settings", b"", 451, b""), False),
    ],
)
def test_what_breaks_the_description_is_found(one: Exchange, is_right: bool) -> None:
    needed(published.SPEC)
    assert (published.faults([one]) == []) is is_right


def test_a_request_without_a_sign_in_breaks_the_description() -> None:
    needed(published.SPEC)
    one = exchange("GET", "/sync/history/movies", b"", 200, b"[]")
    assert published.faults([one]) == []
    for name in ("trakt-api-key", "Authorization"):
        headers = {key: value for key, value in one.headers.items() if key != name}
        assert published.faults([replace(one, headers=headers)])
