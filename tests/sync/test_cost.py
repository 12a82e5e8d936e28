"""What one change costs each other server from end to end, and what it costs to ask where nothing
is new.

A person watches on a Jellyfin; its webhook comes in, is merged and queued, and the worker tells the
others. Counted at the servers, with libraries of two sizes: the cost of a change must not grow with
them. docs/sources.md has the numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from mydia_web import clock
from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.sources import registry
from mydia_web.sources.accounts import add_source
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES
from tests.backends.test_requests import DOCUMENT

#: Titles of each server: less than a page of a listing, and more than one.
SIZES = (20, 520)
WHERE_WATCHED = "where it is watched"
LONG_AGO = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
LENGTH_MS = 90 * 60_000

#: What the webhook tells → the requests to each other server. Three at most, but where the API
#: allows no less: Trakt must be asked for its number of a title it was never told of, and lists
#: what was played and what is paused apart; a position it takes as a share of a length that it must
#: be asked for, and shows what it kept only in its listing.
CHANGES: Mapping[str, Mapping[str, int]] = {
    "watched": {"jellyfin": 2, "emby": 2, "plex": 3, "kodi": 3, "trakt": 4},
    "unwatched": {"jellyfin": 2, "emby": 2, "plex": 3, "kodi": 3, "trakt": 0},
    "progress": {"jellyfin": 2, "emby": 3, "plex": 3, "kodi": 3, "trakt": 4},
}
#: The requests of a pull in which nothing is new, at each size. Plex is asked for its libraries,
#: and then for what changed in each; Jellyfin for what is under way, the newest plays and the
#: newest titles; Kodi for its time, and then for changes.
IDLE: Mapping[str, tuple[int, int]] = {
    "jellyfin": (3, 3),
    "emby": (1, 1),
    "plex": (3, 3),
    "kodi": (2, 2),
    "trakt": (1, 1),
}
WORDS = {"watched": "is watched", "unwatched": "is unwatched", "progress": "is stopped half-way"}


@pytest.fixture(params=SIZES, ids="{} titles".format)
def size(request: pytest.FixtureRequest) -> int:
    return int(request.param)


@pytest.fixture
def benches(monkeypatch: pytest.MonkeyPatch, size: int) -> Iterator[dict[str, Bench]]:
    """A server of each kind, and the one where the person watches; each holds so many films."""
    benches = {kind: BENCHES[kind]() for kind in BENCHES} | {WHERE_WATCHED: BENCHES["jellyfin"]()}
    for kind in BENCHES:
        monkeypatch.setitem(registry._BACKENDS, kind, benches[kind].backend)
    for bench in benches.values():
        for number in range(size):
            [film] = bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
            if number:  # a service's library is what was watched
                bench.person_watches(film, LONG_AGO + timedelta(hours=number))
    yield benches
    for bench in benches.values():
        bench.close()
        assert bench.violations() == []


@pytest.fixture
def sources(benches: dict[str, Bench], alice: User) -> dict[str, Source]:
    """alice's, each read once, and with nothing owed to any."""
    sources = {name: _linked(name, bench, alice) for name, bench in benches.items()}
    # A service is told of all that is watched elsewhere: it comes first, and then has it already.
    for source in sorted(sources.values(), key=lambda one: one.kind != "trakt"):
        pull(source)
    assert drain() == 0
    for bench in benches.values():
        bench.requests()
    return sources


def _linked(name: str, bench: Bench, alice: User) -> Source:
    kind = "jellyfin" if name == WHERE_WATCHED else name
    typed = replace(bench.connection(), device_id=f"device {name}")
    signed_in = sign_in(kind, typed)
    source = add_source(kind, name, typed.base_url)
    source.server_id = signed_in.server.server_id
    keep_sign_in(source, alice.id, signed_in.linked, typed.device_id)
    make_webhook(source)
    db.session.commit()
    return source


def pull(source: Source) -> None:
    db.session.commit()
    begin_write()
    pull_id = request_pull(source.id).id
    db.session.commit()
    assert run_pull(pull_id)


def drain() -> int:
    """As the worker does it when it is woken: with connections of its own. How many were
    delivered.
    """
    db.session.commit()
    with Worker() as worker:
        return sum(tally.synced for tally in worker.drain().tallies.values())


@pytest.fixture
def tell(client: FlaskClient, sources: dict[str, Source], size: int) -> Callable[..., None]:
    """The server where the person watches tells of the first film, and the worker goes to work."""

    def send(event: str, **more: object) -> None:
        secret = webhook_secret(sources[WHERE_WATCHED])
        film = {"type": "movie", "title": "Film 0", "ids": {"imdb": "tt0000001"}}
        answer = client.post(f"/webhooks/generic/{secret}", json={"event": event, **film, **more})
        assert answer.status_code == 202
        db.session.commit()
        apply_events()
        drain()

    return send


def count(benches: Mapping[str, Bench]) -> dict[str, int]:
    return {kind: len(bench.requests()) for kind, bench in benches.items()}


def test_the_documentation_has_the_numbers() -> None:
    kinds = list(IDLE)
    lines = [
        [f"a title {WORDS[event]} elsewhere", *counts.values()] for event, counts in CHANGES.items()
    ]
    rows = [f"| {' | '.join(map(str, line))} |" for line in lines]
    assert all(list(counts) == kinds for counts in CHANGES.values())
    assert "\n".join(rows) in DOCUMENT.read_text(encoding="utf-8")


def test_so_many_requests_take_one_change_to_each_other_server(
    benches: dict[str, Bench], tell: Callable[..., None], alice: User
) -> None:
    tell("watched")
    counted = {"watched": count(benches)}
    tell("unwatched")
    counted["unwatched"] = count(benches)
    tell("progress", position_seconds=1200, duration_seconds=5400)
    counted["progress"] = count(benches)
    assert counted == {event: {**counts, WHERE_WATCHED: 0} for event, counts in CHANGES.items()}


def test_so_many_requests_take_a_pull_that_brings_nothing(
    benches: dict[str, Bench],
    sources: dict[str, Source],
    size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The evening after: what is of the last hours is asked for again.
    monkeypatch.setattr(clock, "read", lambda: datetime.now(UTC) + timedelta(hours=4))
    db.session.execute(update(SourceAccount).values(pulled_at=now()))
    for source in sources.values():
        pull(source)
    counted = count(benches)
    assert {kind: counted[kind] for kind in IDLE} == {
        kind: counts[SIZES.index(size)] for kind, counts in IDLE.items()
    }
