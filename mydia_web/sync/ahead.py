"""Times that lie further ahead than any of ours is ever set: they were written while a clock was
wrong.

A machine without a clock of its own may believe in another year until it has asked for the time.
What it wrote down then would be waited for until that year comes; so it is cut back, in one place
for all columns that are waited for. Nothing here commits.
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

#: What was written a moment ago by another machine, whose clock is a little ahead.
_GRACE = timedelta(minutes=5)
#: A code for signing in is good for no longer.
_LONGEST_CODE = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Timed:
    """A column, and how far ahead of now what is in it can lie."""

    column: Any
    longest: timedelta = timedelta()
    #: Without it nobody knows when it was, and what depends on it is done in full. Else it is set
    #: to now.
    is_forgotten: bool = False
    #: Of which rows alone.
    where: tuple[Any, ...] = ()


def timed_columns() -> Sequence[Timed]:
    delays = (config.settings().sync_delay, config.settings().progress_delay)
    longest_wait = max(
        MAX_DELAY * 1.2, MAX_RETRY_AFTER, *(timedelta(seconds=delay) for delay in delays)
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
    """Return whether there is any: in one question, and without a lock."""
    found = [
        exists(select(1).select_from(timed.column.class_).where(*_is_ahead(timed)))
        for timed in timed_columns()
    ]
    return bool(db.session.scalar(select(or_(*found))))


def cut_times_ahead() -> None:
    """Set them to now, or forget them."""
    for timed in timed_columns():
        value = None if timed.is_forgotten else now()
        cut = update(timed.column.class_).where(*_is_ahead(timed)).values({timed.column.key: value})
        db.session.execute(cut.execution_options(synchronize_session=False))


def _is_ahead(timed: Timed) -> tuple[Any, ...]:
    return (timed.column > now() + timed.longest + _GRACE, *timed.where)
