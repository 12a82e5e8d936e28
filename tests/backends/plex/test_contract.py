"""The descriptions find what is wrong, and the bench does what it claims."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import RateLimited, SignInRefused, Unreachable
from mydia_web.backends.values import Wanted
from tests.backends.bench import Bench, Held
from tests.backends.plex import contract
from tests.backends.plex.bench import PlexBench
from tests.backends.plex.conftest import Open
from tests.fakes.plex import FakePlex
from tests.fakes.plex_http import Exchange, Reply, Request

CLICK = datetime(2026, 11, 1, 20, 30, 15, tzinfo=UTC)
JSON = {"Accept": "application/json", "X-Plex-Token": "server-5ca1ab-1001-1"}


def exchange(method: str, target: str, answer: bytes = b"{}", **headers: str) -> Exchange:
    return Exchange(
        Request(method, target, {**JSON, **headers}), Reply(200, answer, "application/json")
    )


@pytest.mark.parametrize(
    "wrong",
    [
        exchange("GET", "/no/such/path"),
        exchange("DELETE", "/:/timeline"),
        exchange("POST", "/:/timeline?state=stopped&time=5&duration=9"),
        exchange(
            "POST", "/:/timeline?state=gone&time=5&duration=9", **{"X-Plex-Client-Identifier": "x"}
        ),
        exchange(
            "POST",
            "/:/timeline?state=stopped&time=1.5&duration=9",
            **{"X-Plex-Client-Identifier": "x"},
        ),
        exchange("PUT", "/:/scrobble?key=1"),
        exchange(
            "GET", "/library/metadata/1", b'{"MediaContainer": {"Metadata": [{"viewCount": "2"}]}}'
        ),
        exchange("GET", "/library/metadata/1", b'{"MediaContainer": {"Metadata": {}}}'),
        exchange(
            "GET",
            "/library/metadata/1",
            b'{"MediaContainer": {"Metadata": [{"Guid": [{"id": 3}]}]}}',
        ),
        exchange(
            "GET", "/library/sections", b'{"MediaContainer": {"Directory": [{"allowSync": 3}]}}'
        ),
        exchange("GET", "/library/sections", b"<html>"),
    ],
)
def test_what_the_server_would_not_say_or_take_is_found(wrong: Exchange) -> None:
    contract.need_descriptions()
    assert len(contract.faults_of_server([wrong])) == 1
    assert contract.faults_of_server([replace(wrong, staged=True)]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        exchange("GET", "/api/v2/no/such/path"),
        exchange("GET", "/api/v2/user", b'{"id": 5}'),
        exchange("GET", "/api/v2/resources", b'[{"name": "Attic"}]'),
        exchange("POST", "/api/v2/home/users"),
    ],
)
def test_what_plex_tv_would_not_say_or_take_is_found(wrong: Exchange) -> None:
    contract.need_descriptions()
    assert len(contract.faults_of_tv([wrong])) == 1


def test_the_routes_no_description_has_are_those_and_no_others(
    plex: FakePlex, open_plex: Open
) -> None:
    contract.need_descriptions()
    open_plex({"token": "account-of-alice", "pin": "1234"}, remote_user_id="Bob").sign_in()
    assert "POST /api/v2/home/users/00000000000007d2/switch" in plex.tv.lines()
    assert len(contract.UNDESCRIBED) == 4


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = PlexBench()
    yield bench
    assert bench.violations() == []
    bench.close()


@pytest.fixture
def backend(bench: Bench) -> Iterator[Backend]:
    backend = bench.backend(bench.connection())
    yield backend
    backend.close()


def test_a_bench_holds_what_was_added_and_done_on_it(bench: Bench, backend: Backend) -> None:
    film, copy = bench.add_movie("Sintel", imdb="tt1727587", copies=2)
    episode = bench.add_episode("Harbour Lights", 0, 0, tvdb="991000", through=1)
    listed = [item for page in backend.library() for item in page.items]
    assert [item.remote_id for item in listed][:2] == [film.remote_id, episode.remote_id]
    assert {film.remote_id, copy.remote_id, episode.remote_id} < {item.remote_id for item in listed}
    assert len(listed) == 4
    bench.person_stops_at(film, 600_000, CLICK)
    assert bench.held(film) == Held(False, 600_000, 0, CLICK)
    bench.person_watches(film, CLICK)
    assert bench.held(film) == Held(True, 0, 1, CLICK)
    bench.person_unwatches(film)
    assert bench.held(film) == bench.held(copy) == Held(watched=False)
    bench.remove(copy)
    assert len([item for page in backend.library() for item in page.items]) == 3


def test_a_bench_tells_requests_since_the_last_call_and_fails_as_asked(
    bench: Bench, backend: Backend
) -> None:
    (film,) = bench.add_movie("Sintel")
    change = Wanted(change_type="mark_watched", at=CLICK, watched=True, position_ms=0)
    with bench.losing_answers(), pytest.raises(Unreachable):
        backend.push(film, change)
    read = ("GET", "/library/metadata/1?includeGuids=1")
    mark = ("PUT", "/:/scrobble?identifier=com.plexapp.plugins.library&key=1")
    assert bench.requests() == [read, mark]
    with bench.answering(503, headers={"Retry-After": "9"}), pytest.raises(RateLimited):
        backend.push(film, change)
    bench.requests()
    backend.push(film, change)
    assert bench.requests() == [read]
    assert bench.requests() == []
    assert bench.held(film).play_count == 1


def test_a_bench_signs_in_as_after_linking(bench: Bench, backend: Backend) -> None:
    assert dict(backend.sign_in().credentials) == bench.connection().credentials
    wrong = bench.backend(bench.wrong_connection())
    with pytest.raises(SignInRefused):
        wrong.check()
    wrong.close()
