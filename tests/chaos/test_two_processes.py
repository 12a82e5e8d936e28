"""What several processes do to the same titles at once leaves every server and us with one and the
same state.
"""

import json
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_token
from mydia_web.backends.values import Target
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import webhook_secret
from mydia_web.sources.models import Pull, SourceEvent
from mydia_web.sync.pulls import request_pull
from tests.chaos.conftest import address_of
from tests.chaos.held import (
    PATIENCE,
    GatedEmbyBench,
    GatedJellyfinBench,
    await_waiting,
    titles_held,
)
from tests.chaos.processes import Command, wait_until
from tests.conftest import migrate
from tests.sync.household import Household, Server

MINUTES = 100
#: Seconds: the position that was set first, on B, and the one that was set after it.
OLDER, NEWER = 1555, 1792
#: How many people press at once: fewer than the web server has threads.
AT_ONCE = 4


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """These are run on both, whatever the others are run on."""

    def make() -> str:
        url = f"sqlite:///{tmp_path / 'mydia.db'}"
        if request.param == "postgresql":
            url = request.getfixturevalue("cluster").create()
        migrate(url)
        return url

    return make


class Flat:
    """alice's servers A and B with the same films, read an hour ago, and the processes that keep
    them together.
    """

    def __init__(
        self, household: Household, alice: User, start: Callable[..., Command], titles: int
    ) -> None:
        self._alice_id = alice.id
        self.token = add_token(alice, "player")
        self.a = household.add("emby", "A", GatedEmbyBench())
        self.b = household.add("jellyfin", "B", GatedJellyfinBench())
        household.later(hours=-1)
        self._films = {
            server.name: [self._add_film(server, number) for number in range(titles)]
            for server in (self.a, self.b)
        }
        household.settle()
        household.later(hours=1)
        query = select(MediaItem.id).where(MediaItem.title.like("Film %")).order_by(MediaItem.id)
        self.film_ids = list(db.session.scalars(query))
        db.session.commit()
        self.web = start("serve")
        for _ in range(2):
            start("sync-queue", "--watch")

    def _add_film(self, server: Server, number: int) -> Target:
        [target] = server.bench.add_movie(
            f"Film {number}", year=2000, minutes=MINUTES, imdb=f"tt{number:07}"
        )
        return target

    def films_on(self, server: Server) -> list[Target]:
        return self._films[server.name]

    def stop_all(self, server: Server, seconds: int, at: datetime) -> None:
        """alice leaves every film there at this position."""
        for film in self.films_on(server):
            server.bench.person_stops_at(film, seconds * 1000, at)

    def ask(self, *servers: Server) -> None:
        """Ask for pulls of these, in this order."""
        db.session.commit()
        begin_write()
        for server in servers:
            request_pull(server.source_id)
        db.session.commit()

    def held(self) -> object:
        return titles_held(self._alice_id, self.film_ids)

    def address(self) -> str:
        host, port = wait_until(lambda: address_of(self.web), PATIENCE, what="the web server")
        return f"http://{host}:{port}"

    def await_calm(self) -> None:
        """Wait until everything is read, applied and delivered."""
        wait_until(
            lambda: self._open() == (0, 0, 0), PATIENCE, what="all pulls, events and deliveries"
        )

    def await_pulls(self) -> None:
        wait_until(lambda: self._open()[0] == 0, PATIENCE, what="all pulls")

    def _open(self) -> tuple[int | None, ...]:
        db.session.rollback()
        return (
            db.session.scalar(select(func.count()).where(Pull.finished_at.is_(None))),
            db.session.scalar(select(func.count()).where(SourceEvent.status == "received")),
            db.session.scalar(select(func.count()).where(QueuedChange.status != Status.SYNCED)),
        )

    def assert_all_at(self, seconds: int) -> None:
        """Every title stands at this position here, on A and on B."""
        db.session.rollback()
        query = select(PlaybackProgress.media_item_id, PlaybackProgress.position_seconds)
        here = {row.media_item_id: row.position_seconds for row in db.session.execute(query)}
        shown = [
            (
                here.get(film_id),
                self.a.bench.held(on_a).position_ms // 1000,
                self.b.bench.held(on_b).position_ms // 1000,
            )
            for film_id, on_a, on_b in zip(
                self.film_ids, self.films_on(self.a), self.films_on(self.b), strict=True
            )
        ]
        apart = [one for one in shown if one != (seconds, seconds, seconds)]
        assert apart == [], f"{len(apart)} of {len(shown)} titles are apart (here, A, B)"

    def assert_stays_at(self, seconds: int) -> None:
        """All stand there, also after everything was read again."""
        self.await_calm()
        self.assert_all_at(seconds)
        self.ask(self.a, self.b)
        self.await_calm()
        self.assert_all_at(seconds)


@pytest.fixture
def titles() -> int:
    return 20


@pytest.fixture
def flat(
    alice: User,
    client: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[..., Command],
    titles: int,
) -> Iterator[Flat]:
    household = Household(alice, client, monkeypatch)
    flat = Flat(household, alice, start, titles)
    yield flat
    for server in (flat.a, flat.b):
        server.fake.is_open.set()
        server.fake.shows_titles.set()
    household.close()


def read_at_once(flat: Flat, first: Server, second: Server) -> None:
    """Two processes have read both servers, and take the first one's news in as the second one's
    wait at its heels.
    """
    for server in (first, second):
        server.fake.shut()
    flat.ask(first, second)
    for server in (first, second):
        assert server.fake.was_asked.wait(PATIENCE), f"nobody reads {server.name}"
    with flat.held():
        for number, server in enumerate((first, second), 1):
            server.fake.is_open.set()
            await_waiting(number)


@pytest.mark.parametrize("titles", [20, pytest.param(120, marks=pytest.mark.chaos)])
@pytest.mark.parametrize("order", ["AB", "BA"])
def test_two_pulls_at_once_of_different_news_of_the_same_titles_end_with_the_later(
    flat: Flat, order: str
):
    set_at = now() - timedelta(seconds=10)
    flat.stop_all(flat.b, OLDER, set_at)
    flat.stop_all(flat.a, NEWER, set_at + timedelta(seconds=2.5))
    servers = {"A": flat.a, "B": flat.b}
    read_at_once(flat, *(servers[name] for name in order))
    flat.assert_stays_at(NEWER)


def send_all(
    flat: Flat, send: Callable[[int], None], pool: ThreadPoolExecutor
) -> Callable[[], None]:
    """Send something for every title, some at once. Returns how to wait for the answers."""
    sent = [pool.submit(send, number) for number in range(len(flat.film_ids))]
    return lambda: [one.result(PATIENCE) for one in sent].clear()


def post(address: str, body: object, **headers: str) -> None:
    content = json.dumps(body).encode()
    request = urllib.request.Request(
        address, content, {"Content-Type": "application/json", **headers}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status in (200, 202)


def meets_a_pull(
    flat: Flat, send: Callable[[int], None], *, waiting: int, is_pull_first: bool
) -> None:
    """A process has read B, and takes its news in as others take what is sent: the pull first, or
    last.

    What is sent is delivered once the news are taken in: the look before a delivery would be
    another reading.
    """
    flat.b.fake.shows_titles.clear()
    flat.b.fake.shut()
    flat.ask(flat.b)
    assert flat.b.fake.was_asked.wait(PATIENCE), "nobody reads B"
    with ThreadPoolExecutor(AT_ONCE) as pool:
        with flat.held():
            if is_pull_first:
                flat.b.fake.is_open.set()
                await_waiting(1)
            await_answers = send_all(flat, send, pool)
            await_waiting(waiting + is_pull_first)
            flat.b.fake.is_open.set()
            await_waiting(waiting + 1)
        await_answers()
    flat.await_pulls()
    flat.b.fake.shows_titles.set()


@pytest.mark.parametrize("is_pull_first", [True, False], ids=["pull first", "click first"])
def test_a_click_is_newer_than_what_a_pull_under_way_has_read(flat: Flat, is_pull_first: bool):
    """Also where it goes back: the further position is not the newer one."""
    clicked = 600
    flat.stop_all(flat.b, OLDER, now() - timedelta(minutes=1))
    address = flat.address()

    def click(number: int) -> None:
        body = {"position_seconds": clicked, "duration_seconds": MINUTES * 60}
        page = f"{address}/api/v1/playback/movie/{flat.film_ids[number]}"
        post(page, body, Authorization=f"Bearer {flat.token}")

    meets_a_pull(flat, click, waiting=1, is_pull_first=is_pull_first)
    flat.assert_stays_at(clicked)


@pytest.mark.parametrize("is_pull_first", [True, False], ids=["pull first", "webhook first"])
def test_a_webhook_is_newer_than_what_a_pull_under_way_has_read(flat: Flat, is_pull_first: bool):
    flat.stop_all(flat.b, OLDER, now() - timedelta(minutes=1))
    flat.stop_all(flat.a, NEWER, now())
    address = f"{flat.address()}/webhooks/emby/{webhook_secret(get_source(flat.a.source_id))}"
    db.session.commit()

    def tell(number: int) -> None:
        film = flat.films_on(flat.a)[number]
        told = {
            "Event": "playback.stop",
            "Date": now().isoformat(),
            "User": {"Name": "alice"},
            "Item": {"Type": "Movie", "Name": f"Film {number}", "Id": film.remote_id},
            "PlaybackInfo": {"PositionTicks": NEWER * 10_000_000, "PlayedToCompletion": False},
        }
        post(address, told)

    meets_a_pull(flat, tell, waiting=1, is_pull_first=is_pull_first)
    flat.assert_stays_at(NEWER)
