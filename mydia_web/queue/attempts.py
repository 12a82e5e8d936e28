"""The last attempts to deliver a change, for people who ask why it has not arrived yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, delete, func, insert, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db
from mydia_web.queue.models import QueuedChange

#: Attempts kept per row.
KEPT = 20
#: A message is cut to this length: a server may answer with 10 MB.
MAX_MESSAGE = 500

_OUTCOMES = {
    "ok": "Delivered",
    "transient": "Not reached, or in trouble",
    "unconfirmed": "Taken, but not shown",
    "rate_limited": "Asked us to wait",
    "auth": "Sign-in refused",
    "unmatched": "Not found there",
    "invalid": "Change refused",
    "overtaken": "Changed there meanwhile",
    "bug": "Error inside mydia-web",
}


class SyncAttempt(db.Model):  # type: ignore[name-defined,misc]
    """An attempt that failed, or the successful one that followed."""

    __tablename__ = "sync_attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    queued_change_id: Mapped[int] = mapped_column(
        ForeignKey("playback_sync_queue.id", ondelete="CASCADE")
    )
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: `ok`, or the class of the failure.
    outcome: Mapped[str]
    message: Mapped[str] = mapped_column(default="")
    #: From the first request to the server to its last answer.
    milliseconds: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index("ix_sync_attempts_queued_change_id", "queued_change_id", "id"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """An attempt to be noted."""

    row_id: int
    outcome: str
    message: str
    seconds: float


def note_attempts(attempts: Sequence[Attempt]) -> None:
    """Keep the newest `KEPT` attempts of each row. Attempts at rows that are gone are dropped."""
    row_ids = {attempt.row_id for attempt in attempts}
    query = select(QueuedChange.id).where(QueuedChange.id.in_(row_ids))
    existing_ids = set(db.session.scalars(query))
    at = now()
    values = [_values(attempt, at) for attempt in attempts if attempt.row_id in existing_ids]
    if not values:
        return
    db.session.execute(insert(SyncAttempt), values)
    for row_id in sorted(existing_ids):
        _drop_old_attempts(row_id)


def _drop_old_attempts(row_id: int) -> None:
    too_old = (
        select(SyncAttempt.id)
        .where(SyncAttempt.queued_change_id == row_id)
        .order_by(SyncAttempt.id.desc())
        .offset(KEPT)
    )
    statement = delete(SyncAttempt).where(SyncAttempt.id.in_(too_old))
    db.session.execute(statement.execution_options(synchronize_session=False))


def list_attempts(row_ids: Sequence[int], *, limit: int = KEPT) -> dict[int, list[SyncAttempt]]:
    """Return the kept attempts of each row, the newest first, up to `limit` per row."""
    if not row_ids:
        return {}
    row_id = SyncAttempt.queued_change_id
    rank = func.row_number().over(partition_by=row_id, order_by=SyncAttempt.id.desc())
    ranked = select(SyncAttempt, rank.label("rank")).where(row_id.in_(row_ids)).subquery()
    attempt_of = aliased(SyncAttempt, ranked)
    newest = select(attempt_of).where(ranked.c.rank <= limit).order_by(attempt_of.id.desc())
    attempts: dict[int, list[SyncAttempt]] = {}
    for attempt in db.session.scalars(newest):
        attempts.setdefault(attempt.queued_change_id, []).append(attempt)
    return attempts


def outcome_words(outcome: str) -> str:
    """Return the outcome of an attempt in words. A newer version may have noted unknown ones."""
    return _OUTCOMES.get(outcome, "Not delivered")


def _values(attempt: Attempt, at: datetime) -> dict[str, object]:
    return {
        "queued_change_id": attempt.row_id,
        "at": at,
        "outcome": attempt.outcome,
        "message": attempt.message[:MAX_MESSAGE],
        "milliseconds": round(attempt.seconds * 1000),
    }
