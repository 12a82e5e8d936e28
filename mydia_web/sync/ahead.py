"""Cutting back stored times that were written while a clock was wrong.

They lie further in the future than we ever set any. A machine without a battery-backed clock may
believe in another year until it has asked for the time; what it stored would be waited for until
that year. All columns that are waited for are listed here. Nothing here commits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import exists, or_, select, update

from mydia_web import config
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import LEASE as ROW_LEASE
from mydia_web.queue.sign_ins import PROBE_LEASE
from mydia_web.sources.models import (
    AccountLink,
    NowPlaying,
    Pull,
    Source,
    SourceAccount,
    SourceEvent,
)
from mydia_web.sync.outbound.retry import MAX_DELAY, MAX_RETRY_AFTER
from mydia_web.sync.pulls import LEASE as PULL_LEASE

#: Another machine, whose clock is a little ahead, may have written just now.
_GRACE = timedelta(minutes=5)
#: The longest time that a sign-in code is valid.
_LONGEST_CODE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A column of times, and how far in the future they can lie."""

    column: Any
    longest: timedelta = timedelta()
    #: The time is removed, and what depends on it is done in full; otherwise it is set to now.
    is_forgotten: bool = False
    #: Conditions for the rows.
    where: tuple[Any, ...] = ()


def timed_columns() -> Sequence[Timed]:
    settings = config.settings()
    longest_wait = max(
        MAX_DELAY * 1.2,
        MAX_RETRY_AFTER,
        timedelta(seconds=settings.sync_delay),
        timedelta(seconds=settings.progress_delay),
    )
    is_open = (NowPlaying.taken_at.is_(None),)
    return (
        Timed(column=Source.paused_until, longest=MAX_RETRY_AFTER),
        Timed(column=Source.last_error_at),
        Timed(column=Source.last_event_at),
        Timed(column=Source.last_ok_at),
        Timed(column=SourceAccount.pulled_at, is_forgotten=True),
        Timed(column=SourceAccount.swept_at, is_forgotten=True),
        Timed(column=SourceAccount.accepted_at, is_forgotten=True),
        Timed(column=SourceAccount.ask_at, longest=PROBE_LEASE),
        Timed(column=SourceAccount.renewing_until, longest=PROBE_LEASE, is_forgotten=True),
        Timed(column=AccountLink.next_poll_at, longest=_LONGEST_CODE),
        Timed(column=AccountLink.expires_at, longest=_LONGEST_CODE),
        Timed(column=Pull.requested_at),
        Timed(column=Pull.lease_until, longest=PULL_LEASE),
        Timed(column=NowPlaying.seen_at, where=is_open),
        Timed(column=SourceEvent.received_at),
        Timed(column=QueuedChange.next_attempt_at, longest=longest_wait),
        Timed(
            column=QueuedChange.lease_until,
            longest=ROW_LEASE,
            where=(QueuedChange.status == Status.SYNCING,),
        ),
    )


def has_times_ahead() -> bool:
    """Return whether there are any; asks one query, without a lock."""
    conditions = [
        exists(select(1).select_from(timed.column.class_).where(*_is_ahead(timed)))
        for timed in timed_columns()
    ]
    return bool(db.session.scalar(select(or_(*conditions))))


def cut_times_ahead() -> None:
    """Set them to now, or remove them."""
    for timed in timed_columns():
        value = None if timed.is_forgotten else now()
        cut = update(timed.column.class_).where(*_is_ahead(timed)).values({timed.column.key: value})
        db.session.execute(cut.execution_options(synchronize_session=False))


def _is_ahead(timed: Timed) -> tuple[Any, ...]:
    return (timed.column > now() + timed.longest + _GRACE, *timed.where)
