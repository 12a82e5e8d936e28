"""A server that was away: what is owed to it goes out soon after it is back, by itself."""

from datetime import timedelta
from threading import Event

import pytest
from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.playback import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.outages import note_alive
from mydia_web.queue.wakeup import WakeUp
from mydia_web.sources import health
from mydia_web.sources.accounts import link_account
from mydia_web.sources.artwork import remember_artwork
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sync.inbound.listen import Listener, listen_targets
from mydia_web.sync.outbound.retry import DOWN_AFTER, MAX_PAUSE
from mydia_web.sync.outbound.worker import Worker
from tests.cast import add_copy, add_film, add_server
from tests.conftest import PASSWORD
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_socket import LoudKodi

OWED = 60


@pytest.fixture
def kodi():
    with LoudKodi() as server:
        yield server


@pytest.fixture
def server(alice, kodi):
    source = add_server("Living room", url=kodi.url)
    link_account(source, alice.id, kodi.credentials)
    db.session.commit()
    return source


def owe(kodi: FakeKodi, source, user, number: int = OWED) -> None:
    for one in range(number):
        film = add_film(f"{kodi.name} {one}", 2000, minutes=90)
        movie = kodi.add_movie(f"{kodi.name} {one}", year=2000, minutes=90)
        add_copy(source, film, f"movie:{movie.id}", movie.file)
        mark_watched(user.id, film)
    db.session.commit()


def delivered(kodi: FakeKodi) -> int:
    return sum(movie.playcount for movie in kodi.movies.values())


def take_for_down(source, *, attempts: int = 9) -> None:
    """As after hours: nobody would ask again for a while, and the rows that were tried wait for
    longer.
    """
    db.session.rollback()
    db.session.refresh(source)
    source.pause_reason, source.paused_until = "down", now() + timedelta(hours=1)
    source.failure_count, source.last_error_at = attempts, now() - timedelta(minutes=1)
    for row in db.session.scalars(select(QueuedChange)):
        row.status, row.error_class, row.attempt_count = "failed", "transient", attempts
        row.next_attempt_at = now() + timedelta(hours=5)
    db.session.commit()


@pytest.mark.parametrize("owed", [1, OWED])
@pytest.mark.parametrize("hours", [1, 24])
def test_after_an_outage_all_goes_out_within_a_minute_of_its_end(
    kodi, server, alice, drain, set_clock, owed, hours
):
    kodi.now = set_clock.now
    owe(kodi, server, alice, owed)
    with kodi.answering(503):
        drain()
        for minute in range(hours * 60):
            set_clock.pass_(minutes=1)
            if minute % 20 == 0 or minute > hours * 60 - 3:
                drain()
    assert delivered(kodi) == 0
    asked = len(kodi.exchanges)
    set_clock.pass_(seconds=MAX_PAUSE.total_seconds())
    drain()
    assert delivered(kodi) == owed
    # One question for the clock, and a reading and a mark each: nothing was tried twice.
    assert len(kodi.exchanges) - asked <= 2 * owed + 2


def test_while_it_is_away_one_row_a_minute_asks(kodi, server, alice, drain, set_clock):
    owe(kodi, server, alice)
    with kodi.answering(503):
        drain()
        assert server.pause_reason == "down"
        asked = len(kodi.exchanges)
        for _ in range(60):
            set_clock.pass_(seconds=10)
            drain()
        assert len(kodi.exchanges) - asked <= 11
    assert server.failure_count > DOWN_AFTER


@pytest.mark.parametrize("way", ["test", "command", "pull", "webhook", "connection", "picture"])
def test_whatever_shows_that_it_lives_sends_all_at_once(
    kodi, server, alice, client, runner, pull, drain, way
):
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    owe(kodi, server, alice)
    take_for_down(server)
    drain()
    assert delivered(kodi) == 0
    if way == "pull":
        pull()
    else:
        show_life(way, kodi, server, client, runner)
    drain()
    assert delivered(kodi) == OWED


def show_life(way: str, kodi: FakeKodi, server, client, runner) -> None:
    if way == "test":
        client.post(f"/sources/{server.id}/test")
    elif way == "command":
        assert runner.invoke(args=["sources", "test", server.name]).exit_code == 0
    elif way == "webhook":
        make_webhook(server)
        db.session.commit()
        address = f"/webhooks/generic/{webhook_secret(server)}"
        assert client.post(address, json={"event": "nonsense"}).status_code in (202, 400)
    elif way == "connection":
        [to] = listen_targets()
        db.session.commit()
        listener = Listener(to, app_context())
        assert kodi.sockets.wait_for(1)
        wait_until_probed(server.id)
        listener.end()
        listener.join(5)
    else:
        kodi.pictures["image://film.jpg/"] = PNG
        key = remember_artwork(server.id, "image://film.jpg/")
        db.session.commit()
        assert client.get(f"/artwork/{key}").status_code == 200


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


def wait_until_probed(source_id: int) -> None:
    tick = Event()
    for _ in range(1000):
        due = db.session.scalar(select(func.count()).where(QueuedChange.next_attempt_at <= now()))
        db.session.rollback()
        if due:
            return
        tick.wait(0.01)
    raise AssertionError("nobody asked")


def test_one_that_speaks_and_cannot_be_reached_is_not_tried_with_each_word(
    session, server, set_clock
):
    take_for_down(server)
    server.last_error_at = set_clock.now()
    db.session.commit()
    assert not health.probe_soon(server.id)
    set_clock.pass_(seconds=health.LEAST_PAUSE.total_seconds() + 1)
    assert health.probe_soon(server.id)
    assert not health.probe_soon(server.id)


@pytest.mark.parametrize("reason", [None, "operator", "rate_limited"])
def test_a_sign_of_life_ends_no_other_pause(session, server, set_clock, reason):
    server.pause_reason = reason
    server.paused_until = set_clock.now() + MAX_PAUSE if reason == "rate_limited" else None
    server.last_error_at = set_clock.now() - timedelta(hours=1)
    db.session.commit()
    before = (server.pause_reason, server.paused_until)
    note_alive(server.id)
    db.session.refresh(server)
    assert (server.pause_reason, server.paused_until) == before


def test_a_sign_of_life_wakes_the_worker(kodi, server, alice):
    owe(kodi, server, alice, 1)
    take_for_down(server)
    with WakeUp() as wake_up:
        begin_write()
        note_alive(server.id)
        db.session.commit()
        stop, waiting = Event(), 30.0
        wake_up.wait(stop, waiting)
    due = db.session.scalar(select(func.count()).where(QueuedChange.next_attempt_at <= now()))
    assert due == 1


def test_a_server_that_is_back_does_not_wait_for_a_drain_that_another_keeps_going(
    kodi, server, alice
):
    """What was given up for a while is begun again within the same drain."""
    owe(kodi, server, alice, 1)
    with FakeKodi(name="Cellar") as slow:
        cellar = add_server("Cellar", alice, url=slow.url)
        owe(slow, cellar, alice, 200)
        slow.delay = 0.1
        kodi.down()
        stop, source_id = Event(), server.id
        db.session.commit()

        def settled(outcome) -> None:
            if outcome.delivery.source_id != source_id:
                return
            if outcome.failure is None:
                stop.set()
            else:
                kodi.up()
                make_all_due()

        with Worker(on_settled=settled) as worker:
            worker.drain(stop=stop)
        assert delivered(kodi) == 1
        assert delivered(slow) < 200


def make_all_due() -> None:
    begin_write()
    for row in db.session.scalars(
        select(QueuedChange).where(QueuedChange.error_class == "transient")
    ):
        row.next_attempt_at = now()
    db.session.commit()
