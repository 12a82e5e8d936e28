"""Transactions that are open at the same time: who waits for whom, and who gets what."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier, Event

import pytest
from flask import Flask
from sqlalchemy import insert, select, text, update

from mydia_web.backends.values import RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db, set_lock_timeout
from mydia_web.playback import mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.models import ChangeSet
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.rows import lock_rows
from mydia_web.sources.health import pause
from mydia_web.sources.models import Source
from mydia_web.sync.outbound.delivery import Failure, Outcome, prepare
from mydia_web.sync.outbound.settle import settle
from mydia_web.sync.outbound.worker import Worker
from tests.cast import Cast, add_copy, add_film, add_server

CLAIMERS, ROWS = 4, 2000
QUEUE = PlaybackSyncRepository()


@pytest.fixture
def source_id(cast: Cast) -> int:
    """alice's Kodi, which holds Sintel and the first episode."""
    source = add_server("Kodi", cast.alice)
    for content in (cast.film, cast.episode(1, 1)):
        add_copy(source, content)
    db.session.commit()
    return source.id


@pytest.fixture
def postgresql(app: Flask, session: object) -> None:
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")


@pytest.fixture
def elsewhere(app: Flask) -> Iterator[Callable[[Callable[[], object]], Future]]:
    """Runs something in a transaction of another thread."""

    def run(work: Callable[[], object]) -> object:
        with app.app_context():
            begin_write()
            found = work()
            db.session.commit()
            return found

    with ThreadPoolExecutor(CLAIMERS) as pool:
        yield lambda work: pool.submit(run, work)


@contextmanager
def another(app: Flask) -> Iterator[None]:
    """A transaction beside that of the test, in the same thread."""
    with app.app_context():
        begin_write()
        yield
        db.session.commit()


def wait_for_waiting() -> None:
    """Until some transaction waits for another one."""
    until = time.monotonic() + 20
    query = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
    while not db.session.scalar(query):
        assert time.monotonic() < until, "nobody waits"


def owe(cast: Cast, source_id: int, number: int, **values: object) -> None:
    """So many rows of Sintel, as plays that do not fold."""
    common = {
        "user_id": cast.alice.id,
        "media_item_id": cast.film.id,
        "source_id": source_id,
        "change_type": "mark_watched",
        "intent_at": now(),
        "origin": "web",
        "next_attempt_at": now(),
        **values,
    }
    db.session.execute(
        insert(QueuedChange), [common | {"play_key": str(one)} for one in range(number)]
    )
    db.session.commit()


def rows() -> list[QueuedChange]:
    db.session.rollback()
    return list(db.session.scalars(select(QueuedChange).order_by(QueuedChange.id)))


# Claims


def test_claimers_at_once_never_get_the_same_row(app: Flask, cast: Cast, source_id: int):
    """I5."""
    owe(cast, source_id, ROWS)
    start = Barrier(CLAIMERS)

    def claim_all(_number: int) -> list[int]:
        claimed: list[int] = []
        start.wait()
        with app.app_context():
            while some := claim(source_id):
                claimed += some
        return claimed

    with ThreadPoolExecutor(CLAIMERS) as pool:
        shares = list(pool.map(claim_all, range(CLAIMERS)))
    assert list(Counter(one for share in shares for one in share).values()) == [1] * ROWS


def claim(source_id: int) -> list[int]:
    begin_write()
    claimed = [row.id for row in QUEUE.mark_syncing(source_id, limit=50)]
    db.session.commit()
    return claimed


def test_a_change_that_is_just_being_queued_hides_its_source_from_no_worker(
    app: Flask, cast: Cast, source_id: int, postgresql
):
    with another(app):
        mark_watched(cast.alice.id, cast.film)
        with another(app), Worker() as worker:
            assert [source.id for source in worker._lock_sources()] == [source_id]


def test_a_change_is_queued_while_a_worker_claims(
    app: Flask, cast: Cast, source_id: int, postgresql
):
    with another(app), Worker() as worker:
        assert list(worker._lock_sources())
        with another(app):
            set_lock_timeout(5000)
            mark_watched(cast.alice.id, cast.film)


def test_a_rescue_waits_for_nobody(app: Flask, cast: Cast, source_id: int, postgresql):
    ended = {
        "status": "syncing",
        "claim_token": "dead",
        "lease_until": now() - timedelta(seconds=1),
    }
    owe(cast, source_id, 2, next_attempt_at=None, **ended)
    first = rows()[0].id
    with another(app):
        db.session.execute(
            update(QueuedChange).where(QueuedChange.id == first).values(position_ms=1)
        )
        with another(app):
            set_lock_timeout(5000)
            assert QUEUE.rescue() == 1
    with another(app):
        assert QUEUE.rescue() == 1
    assert [row.status for row in rows()] == ["pending"] * 2


# Acknowledgements


def test_a_worker_that_gives_back_gives_way_to_a_click(
    cast: Cast, source_id: int, elsewhere, postgresql, monkeypatch
):
    """Each holds what the other wants next: the worker lets go of it, and tries again."""
    owe(cast, source_id, 2)
    begin_write()
    deliveries = prepare(QUEUE.mark_syncing(source_id, limit=2))
    first, second = [one.row_id for one in deliveries]
    db.session.commit()
    worker_has_first, click_has_second = Event(), Event()
    released: list[int] = []

    def release(row_id: int, token: str) -> bool:
        done = QUEUE.release(row_id, token)
        released.append(row_id)
        worker_has_first.set()
        click_has_second.wait(20)
        return done

    def click() -> None:
        assert worker_has_first.wait(20)
        touch(second)
        click_has_second.set()
        touch(first)

    with Worker() as worker:
        monkeypatch.setattr(worker._queue, "release", release)
        clicked = elsewhere(click)
        worker._give_back(deliveries)
        clicked.result(20)
    assert released == [first, first, second]
    assert [(row.status, row.attempt_count, row.position_ms) for row in rows()] == [
        ("pending", 0, 1)
    ] * 2


def touch(row_id: int) -> None:
    db.session.execute(update(QueuedChange).where(QueuedChange.id == row_id).values(position_ms=1))


def test_a_late_push_does_not_outlive_a_click_that_is_just_being_written(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    """The row of the late push was dropped by an undo, and there is no record to hold either."""
    alice, film = cast.alice.id, cast.film
    with another(app):
        mark_watched(alice, film)
        [late] = prepare(QUEUE.mark_syncing(source_id, limit=1))
        QUEUE.release(late.row_id, late.claim_token)
        mark_unwatched(alice, film)
        QUEUE.cancel_row(late.row_id)
    outcome = Outcome(
        delivery=late, states=((late.targets[0][0], RemoteState(watched=True, position_ms=0)),)
    )
    with another(app):
        mark_watched(alice, film)
        settled = elsewhere(lambda: settle([outcome]))
        wait_for_waiting()
    settled.result(20)
    [row] = rows()
    assert (row.status, row.completed) == ("pending", True)


def test_a_failure_does_not_end_the_pause_that_a_person_is_just_making(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    owe(cast, source_id, 1)
    with another(app):
        db.session.get_one(Source, source_id).failure_count = 100
        [delivery] = prepare(QUEUE.mark_syncing(source_id, limit=1))
    with another(app):
        pause(db.session.get_one(Source, source_id))
        db.session.flush()
        failure = Failure(failure_class="transient", message="It is in trouble.")
        outcome = Outcome(delivery=delivery, failure=failure)
        settled = elsewhere(lambda: settle([outcome]))
        wait_for_waiting()
    settled.result(20)
    assert db.session.get_one(Source, source_id).pause_reason == "operator"


# People


def test_two_first_clicks_at_once_are_one(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    """There is no record yet that the second could wait for."""
    alice, film = cast.alice.id, cast.film
    with another(app):
        mark_watched(alice, film)
        clicked = elsewhere(lambda: mark_watched(alice, film).watched)
        wait_for_waiting()
    assert clicked.result(20)
    assert [row.intent_seq for row in rows()] == [1]


def test_an_undo_spares_what_is_just_being_changed(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    alice, film = cast.alice.id, cast.film
    with another(app):
        mark_watched(alice, film)
        change_set_id = db.session.scalars(select(ChangeSet.id)).one()
    with another(app):
        save_progress(alice, film, position_seconds=300, duration_seconds=900)
        undone = elsewhere(lambda: undo(change_set_id))
        wait_for_waiting()
    assert undone.result(20).kept == 1
    progress = get_progress(alice, film)
    assert progress is not None
    assert (progress.watched, progress.position_seconds) == (True, 300)


def test_an_undo_waits_in_no_circle_with_who_goes_the_other_way(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    alice, first, second = cast.alice.id, cast.film, add_film("Spring", 2019, minutes=8)
    db.session.commit()
    with another(app), Act(alice, "web") as act:
        act.mark_many_watched([first, second])
        change_set_id = act.change_set_id
    with another(app):
        mark_unwatched(alice, first)
        undone = elsewhere(lambda: undo(change_set_id))
        wait_for_waiting()
        mark_unwatched(alice, second)
    assert undone.result(20).kept == 2


def test_what_is_settled_waits_in_no_circle_with_a_click(
    app: Flask, cast: Cast, source_id: int, elsewhere, postgresql
):
    """Whatever came back first: rows are locked in one order."""
    alice, film = cast.alice.id, cast.film
    other = add_server("Attic", cast.alice)
    add_copy(other, film)
    db.session.commit()
    with another(app):
        mark_watched(alice, film)
        pushed = [prepare(QUEUE.mark_syncing(one, limit=1))[0] for one in (source_id, other.id)]
    with another(app):
        lock_rows(QueuedChange.id == pushed[0].row_id)
        settled = elsewhere(lambda: settle([Outcome(delivery=one) for one in reversed(pushed)]))
        wait_for_waiting()
        set_lock_timeout(5000)
        mark_unwatched(alice, film)
    settled.result(20)
    assert [(row.status, row.completed) for row in rows()] == [("pending", False)] * 2
