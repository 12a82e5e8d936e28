"""A pull whose process is killed goes on by itself as soon as its lease has ended, however often
that happens.
"""

import signal
from collections.abc import Callable, Iterator
from threading import Lock

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.models import Pull, SourceItem
from mydia_web.sync.pulls import request_pull
from tests.backends.jellyfin.bench import JellyfinBench
from tests.chaos.processes import Command, wait_until
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser import Reply, Request
from tests.sync.household import Household, Server

KILLS = 30
#: In seconds: the short lease of these processes, a start, and what was not read yet.
PATIENCE = 60


class Deadly(FakeJellyfin):
    """Kills who reads its library, before it answers, as often as it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.victim: Command | None = None
        self.kills_left = 0
        #: Which requests for a page are deadly: all from this one on.
        self.deadly_from = 1
        self.pages = 0
        self._one_at_a_time = Lock()

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        with self._one_at_a_time:
            if self.victim and "includeItemTypes=Movie" in request.target:
                self.pages += 1
                if self.kills_left and self.pages >= self.deadly_from:
                    self._kill()
        return reply

    def _kill(self) -> None:
        assert self.victim is not None
        self.kills_left -= 1
        self.pages = 0
        self.victim.kill()
        self.victim.start()


class DeadlyBench(JellyfinBench):
    def __init__(self) -> None:
        super(JellyfinBench, self).__init__(Deadly())


@pytest.fixture
def titles() -> int:
    """Two pages."""
    return 600


@pytest.fixture
def server(
    alice: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch, titles: int
) -> Iterator[Server]:
    """alice's Jellyfin; she has watched every second film there."""
    household = Household(alice, client, monkeypatch)
    server = household.add("jellyfin", "There", DeadlyBench())
    for number in range(titles):
        [film] = server.bench.add_movie(f"Film {number}", year=2000, imdb=f"tt{number:07}")
        if number % 2:
            server.bench.person_watches(film, now())
    yield server
    household.close()


@pytest.fixture
def serve(start: Callable[..., Command], server: Server) -> Iterator[Callable[[], Command]]:
    """Starts `mydia-web serve`."""
    yield lambda: start("serve")
    server.fake.victim = None


def ask(server: Server) -> None:
    db.session.commit()
    begin_write()
    request_pull(server.source_id, is_sweep=True)
    db.session.commit()


def the_pull() -> Pull:
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Pull)).one()


def is_over() -> bool:
    return the_pull().finished_at is not None


def assert_all_is_in(alice: User, titles: int) -> None:
    pull = the_pull()
    assert (pull.status, pull.message) == ("done", f"{titles} titles: {titles // 2} watched")
    assert db.session.scalar(select(func.count()).select_from(SourceItem)) == titles
    watched = select(func.count()).where(
        PlaybackProgress.user_id == alice.id, PlaybackProgress.watched
    )
    assert db.session.scalar(watched) == titles // 2


def test_a_pull_whose_process_is_killed_goes_on_when_it_is_started_again(
    server, serve, alice, titles
):
    """A supervisor starts it within a second, while the lease of the dead one still lives."""
    server.fake.kills_left = 1
    server.fake.deadly_from = 2
    server.fake.victim = serve()
    ask(server)
    wait_until(is_over, PATIENCE, what="the pull to go on and end")
    assert server.fake.kills_left == 0
    assert_all_is_in(alice, titles)


def test_a_server_that_is_told_to_end_gives_its_pull_back(server, serve, alice, titles):
    """What is begun again at once need not wait for any lease."""
    victim = serve()
    ask(server)
    wait_until(lambda: the_pull().done, PATIENCE, what="the first page")
    victim.signal(signal.SIGTERM)
    assert victim.wait(30) == 0
    pull = the_pull()
    assert (pull.status, pull.claim_token) in (("requested", None), ("done", None))
    serve()
    wait_until(is_over, PATIENCE, what="the pull to go on and end")
    assert_all_is_in(alice, titles)


@pytest.mark.chaos
@pytest.mark.parametrize("titles", [2_600])
def test_a_pull_survives_as_many_kills_as_come(server, serve, alice, titles):
    """Each kill but every fifth finds it where the last one did: no more than that in a row bring
    nothing.
    """
    server.fake.kills_left = KILLS
    server.fake.victim = serve()
    ask(server)
    for kill in range(KILLS):
        server.fake.deadly_from = 1 + kill // 5
        wait_until(
            lambda left=KILLS - kill - 1: server.fake.kills_left <= left,
            2 * PATIENCE,
            what=f"kill {kill + 1}",
        )
        assert the_pull().status != "failed"
    wait_until(is_over, 2 * PATIENCE, what="the pull to go on and end")
    assert_all_is_in(alice, titles)
