"""A clock that was a year ahead once: nothing waits for that year, and nothing that waits by right
is hurried.
"""

from collections.abc import Callable
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from sqlalchemy import func, select, update

from mydia_web.accounts.models import User
from mydia_web.clock import lies_ahead, now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Pull, Source
from mydia_web.sync import service
from mydia_web.sync.ahead import Timed, cut_times_ahead, has_times_ahead, timed_columns
from mydia_web.sync.outbound.metrics import Summary
from mydia_web.sync.pulls import latest_pull, request_pull
from tests.cast import add_copy
from tests.conftest import Clock
from tests.fakes.kodi import FakeKodi
from tests.schema.household import Household

YEAR = timedelta(days=365)
MARGIN = timedelta(minutes=6)
NAMES = (
    "sources.paused_until",
    "sources.last_error_at",
    "sources.last_event_at",
    "sources.last_ok_at",
    "source_accounts.pulled_at",
    "source_accounts.swept_at",
    "source_accounts.accepted_at",
    "source_accounts.ask_at",
    "source_accounts.renewing_until",
    "account_links.next_poll_at",
    "account_links.expires_at",
    "pulls.requested_at",
    "pulls.lease_until",
    "now_playing.seen_at",
    "source_events.received_at",
    "playback_sync_queue.next_attempt_at",
    "playback_sync_queue.lease_until",
)


@pytest.fixture
def rows(session: object) -> None:
    """A row in every table."""
    with db.engine.begin() as connection:
        Household(connection).fill()


def timed(name: str) -> Timed:
    return next(
        one
        for one in timed_columns()
        if str(one.column) == _attribute(one) == name or _attribute(one) == name
    )


def _attribute(one: Timed) -> str:
    return f"{one.column.class_.__tablename__}.{one.column.key}"


def write(one: Timed, at: Any) -> None:
    """Set the column in one row, and what has to go with it there."""
    table = one.column.class_
    row_id = db.session.scalar(select(func.min(table.id)))
    values: dict[str, Any] = {one.column.key: at}
    if _attribute(one) == "playback_sync_queue.lease_until":
        values |= {"status": "syncing", "next_attempt_at": None, "claim_token": "somebody"}
    db.session.execute(update(table).where(table.id == row_id).values(values))
    db.session.commit()


def read(one: Timed) -> Any:
    table = one.column.class_
    row_id = select(func.min(table.id)).scalar_subquery()
    return db.session.scalar(select(one.column).where(table.id == row_id))


def test_these_are_the_columns_that_are_waited_for(session: object) -> None:
    assert tuple(map(_attribute, timed_columns())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_what_lies_too_far_ahead_is_cut(rows: None, name: str) -> None:
    one = timed(name)
    write(one, now() + YEAR)
    assert has_times_ahead()
    cut_times_ahead()
    found = read(one)
    assert found is None if one.is_forgotten else found <= now()
    assert not has_times_ahead()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_waited_for_by_right_stays(rows: None, name: str) -> None:
    one = timed(name)
    at = now() + one.longest
    write(one, at)
    assert not has_times_ahead()
    cut_times_ahead()
    assert read(one) == at


@pytest.mark.parametrize(
    ("ahead", "expected"),
    [
        (-1, False),
        (0, False),
        (1, True),
        (60, True),
        (61, False),
        (YEAR.total_seconds(), False),
        (None, False),
    ],
)
def test_what_lies_further_ahead_than_it_can_is_no_reason_to_wait(
    set_clock: Clock, ahead: float | None, expected: bool
) -> None:
    at = None if ahead is None else now() + timedelta(seconds=ahead)
    assert lies_ahead(at, timedelta(minutes=1)) is expected


def ask_for_due_pulls() -> int:
    service._request_due_pulls()
    db.session.expire_all()
    return db.session.scalar(select(func.count(Pull.id))) or 0


def test_automatic_pulls_come_back_and_come_once(server: Source, set_clock: Clock) -> None:
    set_clock.pass_(days=365)
    begin_write()
    request_pull(server.id)
    db.session.commit()
    pull = latest_pull(server.id)
    assert pull is not None
    pull.status, pull.finished_at = "done", now()
    db.session.commit()
    set_clock.pass_(days=-365)
    assert ask_for_due_pulls() == 2
    newest = latest_pull(server.id)
    assert newest is not None
    newest.status, newest.finished_at = "done", now()
    db.session.commit()
    assert ask_for_due_pulls() == 2
    set_clock.pass_(days=1)
    assert ask_for_due_pulls() == 3


@pytest.mark.parametrize("wrong", ["paused_until", "next_attempt_at"])
def test_a_watching_worker_delivers_what_a_wrong_clock_had_put_off(
    server: Source,
    kodi: FakeKodi,
    film: MediaItem,
    alice: User,
    wrong: str,
    drain: Callable[..., Summary],
) -> None:
    add_copy(server, film, f"movie:{kodi.add_movie('Sintel').id}")
    db.session.commit()
    begin_write()
    mark_watched(alice.id, film)
    if wrong == "paused_until":
        server.paused_until, server.pause_reason = now() + YEAR, "rate_limited"
    else:
        db.session.execute(update(QueuedChange).values(next_attempt_at=now() + YEAR))
    db.session.commit()
    stop = Event()
    service.watch_queue(stop, poll=0.01, on_settled=lambda _outcome: stop.set())
    assert kodi.writes()
