"""How a source is, and what a person or a test of the connection changes about that."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import ColumnElement, update

from mydia_web.clock import lies_ahead, now
from mydia_web.db import db
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import kinds_that_take_pushes

#: Between two probes of a server that is heard of and yet cannot be reached.
LEAST_PAUSE = timedelta(seconds=10)

#: No pause that we make is longer.
LONGEST_PAUSE = timedelta(hours=1)

Mood = Literal["ok", "rate_limited", "down", "paused", "trouble", "sign_in", "unknown"]


@dataclass(frozen=True, slots=True)
class Health:
    """What matters most about a source just now."""

    mood: Mood
    #: What went wrong, in words.
    words: str = ""
    #: When it was last reached.
    last_ok_at: datetime | None = None
    #: When it will be asked again.
    next_try_at: datetime | None = None


def health(source: Source, account: SourceAccount | None) -> Health:
    """How the source is for the person with this account."""
    if source.pause_reason == "operator":
        return Health("paused", last_ok_at=source.last_ok_at)
    if account is not None and account.refused_at is not None:
        words = f"{source.name} refused the sign-in. Enter the password again."
        return Health("sign_in", words, source.last_ok_at)
    if source.pause_reason == "rate_limited" and is_paused(source):
        return Health(
            "rate_limited", source.last_error or "", source.last_ok_at, source.paused_until
        )
    if source.pause_reason == "down":
        return Health("down", source.last_error or "", source.last_ok_at, source.paused_until)
    if source.last_error:
        return Health("trouble", source.last_error, source.last_ok_at)
    return Health("ok", last_ok_at=source.last_ok_at) if source.last_ok_at else Health("unknown")


def is_paused(source: Source) -> bool:
    """Return whether the source is left alone for a while, by itself."""
    return lies_ahead(source.paused_until, LONGEST_PAUSE)


def note_reached(source_id: int) -> bool:
    """The server has just answered: it is not down any more. Return whether it was."""
    was_down = end_outage(source_id)
    reached = {"last_ok_at": now(), "last_error": None, "last_error_at": None, "failure_count": 0}
    db.session.execute(update(Source).where(Source.id == source_id).values(reached))
    return was_down


def end_outage(source_id: int) -> bool:
    """Take the source for down no longer. Return whether it was."""
    nothing = {"pause_reason": None, "paused_until": None}
    ended = update(Source).where(*_is_down(source_id)).values(nothing).returning(Source.id)
    return (
        db.session.execute(ended.execution_options(synchronize_session="fetch")).first() is not None
    )


def note_trouble(source_id: int, words: str) -> None:
    trouble = {"last_error": words, "last_error_at": now()}
    db.session.execute(update(Source).where(Source.id == source_id).values(trouble))


def probe_now(source_id: int) -> None:
    """Ask a server that is taken for down at once. One that asked us to wait is left alone."""
    db.session.execute(update(Source).where(*_is_down(source_id)).values(paused_until=now()))


def probe_soon(source_id: int) -> bool:
    """As `probe_now`, for whatever else shows that the server lives. Return whether that is earlier
    than planned.

    One that speaks to us and cannot be reached must not be tried with each word of it.
    """
    at = now()
    later = (Source.paused_until > at, Source.last_error_at < at - LEAST_PAUSE)
    soon = (
        update(Source)
        .where(*_is_down(source_id), *later)
        .values(paused_until=at)
        .returning(Source.id)
    )
    return (
        db.session.execute(soon.execution_options(synchronize_session="fetch")).first() is not None
    )


def _is_down(source_id: int) -> tuple[ColumnElement[bool], ...]:
    return Source.id == source_id, Source.pause_reason == "down"


def pause(source: Source) -> None:
    """Send nothing to the source until it is resumed."""
    source.pause_reason, source.paused_until = "operator", None


def resume(source: Source) -> None:
    """Send to the source again, whatever had paused it."""
    source.pause_reason, source.paused_until, source.failure_count = None, None, 0


def pause_all() -> None:
    """Send nothing to any source until it is resumed."""
    takes_pushes = Source.kind.in_(kinds_that_take_pushes())
    db.session.execute(
        update(Source).where(takes_pushes).values(pause_reason="operator", paused_until=None)
    )


def resume_all() -> None:
    """Send again to what a person has paused."""
    nothing = {"pause_reason": None, "paused_until": None, "failure_count": 0}
    db.session.execute(update(Source).where(Source.pause_reason == "operator").values(nothing))
