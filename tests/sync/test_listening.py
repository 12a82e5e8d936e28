"""Servers that tell their news on an open connection: heard, applied, lost, found again, and
left.
"""

import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select, update

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.progress import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import link_account
from mydia_web.sources.inbox import make_webhook, store_event
from mydia_web.sources.models import NowPlaying, Source, SourceAccount, SourceEvent
from mydia_web.sync.inbound import listen as listening
from mydia_web.sync.inbound.inbox import NOTIFICATION, apply_events, watch_inbox
from mydia_web.sync.inbound.listen import (
    Listener,
    ListenTarget,
    is_listened_to,
    listen_targets,
    watch_servers,
)
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from mydia_web.sync.service import Service
from tests.cast import add_server
from tests.fakes.jellyfin_socket import LoudJellyfin
from tests.fakes.kodi_socket import LoudKodi


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "LOOK_EVERY", 0.1)
    monkeypatch.setattr(listening, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(listening, "LONGEST_PAUSE", 0.2)


@pytest.fixture
def kodi() -> Iterator[LoudKodi]:
    with LoudKodi() as server:
        yield server


@pytest.fixture
def server(alice: User, kodi: LoudKodi) -> Source:
    source = add_server("Living room", url=kodi.url)
    link_account(source, alice.id, kodi.credentials)
    db.session.commit()
    return source


def pull(source: Source) -> None:
    begin_write()
    pull_id = request_pull(source.id).id
    db.session.commit()
    run_pull(pull_id)


@pytest.fixture
def run(session: object) -> Iterator[Callable[..., None]]:
    """Run these watchers, as the web server does, until the test is over."""
    stop, threads, context = threading.Event(), list[threading.Thread](), app_context()

    def watch(watcher: Callable[[threading.Event], None]) -> None:
        with context():
            watcher(stop)

    def start(*watchers: Callable[[threading.Event], None]) -> None:
        db.session.commit()
        threads.extend(threading.Thread(target=watch, args=(one,), daemon=True) for one in watchers)
        for thread in threads:
            thread.start()

    yield start
    stop.set()
    for thread in threads:
        thread.join(10)
        assert not thread.is_alive()


def wait_until(is_true: Callable[[], object], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < until, "it did not come about"
        db.session.rollback()
        time.sleep(0.02)


def count(table: type) -> int:
    db.session.rollback()
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def listeners() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("listen to ")]


def test_a_mark_there_is_heard_here(run, kodi, server, alice):
    film = kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
    pull(server)
    run(watch_servers, watch_inbox)
    assert kodi.sockets.wait_for(1)
    kodi.mark(film, 1)
    wait_until(lambda: count(Play) == 1)
    db.session.rollback()
    (event,) = db.session.scalars(select(SourceEvent)).all()
    assert (event.kind, event.status, event.name) == (
        "notification",
        "applied",
        "VideoLibrary.OnUpdate",
    )
    assert kodi.credentials["password"] not in event.body
    assert db.session.get_one(Source, server.id).last_event_at is None  # no webhook has come


def test_what_plays_is_shown_while_it_plays(run, kodi, server):
    film = kodi.add_movie("Sintel", year=2010, minutes=40, imdb="tt1727587")
    pull(server)
    run(watch_servers, watch_inbox)
    assert kodi.sockets.wait_for(1)
    kodi.play(film)
    wait_until(lambda: count(NowPlaying) == 1)
    assert count(PlaybackProgress) == 0
    kodi.stop(1200)
    wait_until(lambda: count(NowPlaying) == 0)
    wait_until(lambda: count(PlaybackProgress) == 1)
    assert db.session.scalars(select(PlaybackProgress.position_seconds)).one() == 1200


def test_whether_it_is_listened_to_is_known_for_its_page(run, kodi, server):
    kodi.sockets.down()
    source_id = server.id
    assert is_listened_to(source_id) is None
    run(watch_servers)
    wait_until(lambda: is_listened_to(source_id) is False)
    kodi.sockets.up()
    wait_until(lambda: is_listened_to(source_id))
    db.session.rollback()
    begin_write()
    db.session.execute(update(Source).values(enabled=False))
    db.session.commit()
    wait_until(lambda: is_listened_to(source_id) is None)


def test_each_user_of_one_kodi_hears_for_herself(run, kodi, server, bob):
    film = kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
    begin_write()
    link_account(server, bob.id, kodi.credentials)
    db.session.commit()
    pull(server)
    run(watch_servers, watch_inbox)
    assert kodi.sockets.wait_for(2)
    kodi.mark(film, 1)
    wait_until(lambda: count(Play) == 2)
    assert len(set(db.session.scalars(select(Play.user_id)))) == 2


def test_our_own_push_is_no_news(run, kodi, server, alice, film):
    kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
    pull(server)
    run(watch_servers, watch_inbox)
    assert kodi.sockets.wait_for(1)
    begin_write()
    mark_watched(alice.id, film)
    db.session.commit()
    with Worker() as worker:
        worker.drain()
    wait_until(lambda: count(SourceEvent) == 1 and not db.session.scalars(received()).all())
    assert count(Play) == 1
    assert [one.status for one in db.session.scalars(select(QueuedChange))] == ["synced"]
    assert len(kodi.writes()) == 1


def received():
    return select(SourceEvent).where(SourceEvent.status == "received")


def test_jellyfin_is_heard_too(run, alice, session):
    with LoudJellyfin() as jellyfin:
        person = jellyfin.add_person("alice")
        film = jellyfin.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
        source = add_server("Attic", kind="jellyfin", url=jellyfin.url)
        link_account(
            source,
            alice.id,
            {"token": jellyfin.new_token(person.id, "x")},
            remote_user_id=person.id,
        )
        db.session.commit()
        pull(source)
        run(watch_servers, watch_inbox)
        assert jellyfin.sockets.wait_for(1)
        state = film.state(person.id)
        state.played, state.play_count = True, 1
        jellyfin.announce(person.id, jellyfin.user_data(film, person.id))
        wait_until(lambda: count(Play) == 1)


def test_a_dropped_connection_is_made_again(run, kodi, server):
    film = kodi.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")
    pull(server)
    run(watch_servers, watch_inbox)
    for _ in range(3):
        assert kodi.sockets.wait_for(1)
        kodi.sockets.drop()
        assert kodi.sockets.wait_for(0)
    assert kodi.sockets.wait_for(1)
    kodi.mark(film, 1)
    wait_until(lambda: count(Play) == 1)


def test_a_server_that_goes_and_comes_is_said_once_each(run, kodi, server, caplog):
    caplog.set_level(logging.INFO)

    def said() -> list[str]:
        return [one.getMessage() for one in caplog.records if one.name == listening.__name__]

    run(watch_servers)
    wait_until(lambda: len(said()) == 1)
    kodi.down()
    wait_until(lambda: len(said()) == 2)
    time.sleep(2)
    kodi.up()
    wait_until(lambda: len(said()) == 3)
    assert said()[0] == said()[2] == "Living room tells its news by itself."
    assert said()[1].startswith("Living room cannot be listened to: Nothing answers at ws://127")
    assert kodi.credentials["password"] not in caplog.text


def test_a_connection_that_never_holds_is_not_said_again_and_again(run, kodi, server, caplog):
    caplog.set_level(logging.INFO)
    run(watch_servers)
    while len(kodi.sockets.handshakes) < 5:
        kodi.sockets.wait_for(1)
        kodi.sockets.drop()
    said = [one for one in caplog.records if one.name == listening.__name__]
    assert len(said) <= 3, [one.getMessage() for one in said]


def test_pauses_grow_to_the_longest_and_are_not_all_the_same(session, monkeypatch):
    monkeypatch.setattr(listening, "FIRST_PAUSE", 1.0)
    monkeypatch.setattr(listening, "LONGEST_PAUSE", 120.0)
    monkeypatch.setattr(Listener, "_run", lambda _listener: None)
    target = ListenTarget(
        account_id=1,
        source_id=1,
        name="Den",
        base_url="",
        tls="",
        remote_user_id="",
        credentials="",
    )
    listener = Listener(target, app_context())
    for failures, longest in ((1, 1), (2, 2), (5, 16), (8, 120), (10_000, 120)):
        listener._failures = failures
        pauses = {listener._pause() for _ in range(100)}
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_a_refused_sign_in_is_not_tried_again_and_again(run, kodi, server):
    kodi.password = "another"
    run(watch_servers)
    wait_until(lambda: kodi.headers)
    time.sleep(1)
    assert len(kodi.sockets.handshakes) == 1


def test_sources_and_accounts_come_and_go(run, kodi, server, alice):
    run(watch_servers)
    assert kodi.sockets.wait_for(1)
    change(server, enabled=False)
    assert kodi.sockets.wait_for(0)
    change(server, enabled=True)
    assert kodi.sockets.wait_for(1)
    begin_write()
    db.session.delete(db.session.scalars(select(SourceAccount)).one())
    db.session.commit()
    assert kodi.sockets.wait_for(0)
    begin_write()
    link_account(db.session.get_one(Source, server.id), alice.id, kodi.credentials)
    db.session.commit()
    assert kodi.sockets.wait_for(1)


def test_a_source_that_moves_is_followed(run, kodi, server):
    run(watch_servers)
    assert kodi.sockets.wait_for(1)
    with LoudKodi() as other:
        begin_write()
        source = db.session.get_one(Source, server.id)
        source.base_url = other.url
        link_account(
            source, db.session.scalars(select(SourceAccount.user_id)).one(), other.credentials
        )
        db.session.commit()
        assert other.sockets.wait_for(1)
        assert kodi.sockets.wait_for(0)


def change(source: Source, **values: object) -> None:
    begin_write()
    for name, value in values.items():
        setattr(db.session.get_one(Source, source.id), name, value)
    db.session.commit()


def test_where_webhooks_come_in_nobody_listens(session, server):
    assert len(listen_targets()) == 1
    make_webhook(server)
    assert len(listen_targets()) == 1  # none has come yet
    server.last_event_at = now() - timedelta(hours=23)
    assert listen_targets() == []
    server.last_event_at = now() - timedelta(hours=25)
    assert len(listen_targets()) == 1


def test_whom_nobody_listens_to(session, server, alice, cast):
    add_server("Films", alice, kind="emby")
    account = db.session.scalars(
        select(SourceAccount).where(SourceAccount.source_id == server.id)
    ).one()
    assert [one.account_id for one in listen_targets()] == [account.id]
    account.refused_at = now()
    assert listen_targets() == []


def test_there_is_an_end_to_threads(session, server, bob, monkeypatch):
    link_account(server, bob.id, {"username": "bob"})
    monkeypatch.setattr(listening, "MOST_THREADS", 1)
    assert len(listen_targets()) == 1


def test_a_stop_ends_all_threads_quickly(session, kodi, server, alice):
    begin_write()
    for number in range(5):
        source = add_server(f"Kodi {number}", url=kodi.url)
        link_account(source, alice.id, kodi.credentials)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and never answers
        url = f"http://127.0.0.1:{mute.getsockname()[1]}"
        source = add_server("Mute", url=url)
        link_account(source, alice.id, {"websocket_port": url.rpartition(":")[2]})
        db.session.commit()
        stop, context = threading.Event(), app_context()

        def watch() -> None:
            with context():
                watch_servers(stop)

        watcher = threading.Thread(target=watch)
        watcher.start()
        assert kodi.sockets.wait_for(6)
        stop.set()
        watcher.join(10)
        assert not watcher.is_alive()
        assert kodi.sockets.wait_for(0)
        wait_until(lambda: not listeners(), 10)


def test_what_another_version_wrote_is_no_end_of_the_inbox(session, server):
    begin_write()
    store_event(server.id, NOTIFICATION, '{"account_id": "?"}')
    db.session.commit()
    assert apply_events() == 1
    event = db.session.scalars(select(SourceEvent)).one()
    assert event.status == "failed"
    assert "next pull" in event.message


def test_no_webhook_can_bring_a_notification(client, server):
    begin_write()
    make_webhook(db.session.get_one(Source, server.id))
    db.session.commit()
    assert client.post("/webhooks/notification/1-x", json={}).status_code == 404


@pytest.mark.parametrize("listen", [True, False])
def test_the_web_server_listens_unless_it_is_told_not_to(app, kodi, server, monkeypatch, listen):
    monkeypatch.setitem(app.config, "SETTINGS", replace(app.config["SETTINGS"], listen=listen))
    db.session.commit()
    service = Service(app.app_context)
    service.start()
    assert kodi.sockets.wait_for(1, 5 if listen else 1) is listen
    service.stop()
    assert kodi.sockets.wait_for(0)
