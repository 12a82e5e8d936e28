"""How well a source can be reached, and who may pause or resume it."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, update

from mydia_web.clock import lies_ahead, now
from mydia_web.db import db
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import kinds_that_take_pushes

#: The time between two probes of a server that sends events but cannot be reached.
LEAST_PAUSE = timedelta(seconds=10)

#: The longest pause that mydia-web makes by itself.
LONGEST_PAUSE = timedelta(hours=1)

Mood = Literal["ok", "rate_limited", "down", "paused", "trouble", "sign_in", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The one thing that matters most about a source right now."""

    mood: Mood
    #: What went wrong, in words.
    words: str = ""
    #: When it was last reached.
    last_ok_at: datetime | None = None
    #: When it will be asked again.
    next_try_at: datetime | None = None


def health(source: Source, account: SourceAccount | None) -> Health:
    """Return how the source is for the person with this account."""
    if source.pause_reason == "operator":
        return Health(mood="paused", last_ok_at=source.last_ok_at)
    if account is not None and account.refused_at is not None:
        words = f"{source.name} refused the sign-in. Enter the password again."
        return Health(mood="sign_in", words=words, last_ok_at=source.last_ok_at)
    mood = _mood(source)
    is_waiting = mood in ("rate_limited", "down")
    return Health(
        mood=mood,
        words=source.last_error or "",
        last_ok_at=source.last_ok_at,
        next_try_at=source.paused_until if is_waiting else None,
    )


def _mood(source: Source) -> Mood:
    if source.pause_reason == "rate_limited" and is_paused(source):
        return "rate_limited"
    if source.pause_reason == "down":
        return "down"
    if source.last_error:
        return "trouble"
    return "ok" if source.last_ok_at else "unknown"


def is_paused(source: Source) -> bool:
    """Return whether the source is left alone for a while."""
    return lies_ahead(source.paused_until, LONGEST_PAUSE)


def note_reached(source_id: int) -> bool:
    """Note that the server has just answered. Return whether it was down before."""
    was_down = end_outage(source_id)
    reached = {"last_ok_at": now(), "last_error": None, "last_error_at": None, "failure_count": 0}
    db.session.execute(update(Source).where(Source.id == source_id).values(reached))
    return was_down


def end_outage(source_id: int) -> bool:
    """End the outage of a source. Return whether it was down."""
    not_paused = {"pause_reason": None, "paused_until": None}
    return _updates(update(Source).where(*_is_down(source_id)).values(not_paused))


def note_trouble(source_id: int, words: str) -> None:
    trouble = {"last_error": words, "last_error_at": now()}
    db.session.execute(update(Source).where(Source.id == source_id).values(trouble))


def probe_now(source_id: int) -> None:
    """Ask a server that is down at once. One that asked us to wait is left alone."""
    db.session.execute(update(Source).where(*_is_down(source_id)).values(paused_until=now()))


def probe_soon(source_id: int) -> bool:
    """Probe a server that is down earlier than planned, because something shows that it lives.

    One that sends events but cannot be reached must not be probed with every event. Return
    whether the probe was moved.
    """
    at = now()
    is_planned_later = Source.paused_until > at
    was_not_just_tried = Source.last_error_at < at - LEAST_PAUSE
    query = update(Source).where(*_is_down(source_id), is_planned_later, was_not_just_tried)
    return _updates(query.values(paused_until=at))


def _updates(statement: Any) -> bool:
    """Run an UPDATE and return whether it changed a source."""
    statement = statement.returning(Source.id).execution_options(synchronize_session="fetch")
    return db.session.execute(statement).first() is not None


def _is_down(source_id: int) -> tuple[ColumnElement[bool], ...]:
    return Source.id == source_id, Source.pause_reason == "down"


def pause(source: Source) -> None:
    """Send nothing to the source until it is resumed."""
    source.pause_reason = "operator"
    source.paused_until = None


def resume(source: Source) -> None:
    """Send to the source again, whatever paused it."""
    source.pause_reason = None
    source.paused_until = None
    source.failure_count = 0


def pause_all() -> None:
    """Send nothing to any source until it is resumed."""
    takes_pushes = Source.kind.in_(kinds_that_take_pushes())
    db.session.execute(
        update(Source).where(takes_pushes).values(pause_reason="operator", paused_until=None)
    )


def resume_all() -> None:
    """Send again to every source that a person paused."""
    not_paused = {"pause_reason": None, "paused_until": None, "failure_count": 0}
    by_a_person = Source.pause_reason == "operator"
    db.session.execute(update(Source).where(by_a_person).values(not_paused))
