"""What came of the last attempts to deliver a change, for people who want to know why it is not
there yet.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ForeignKey, Index, delete, func, insert, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from mydia_web.clock import now
from mydia_web.db import BigId, UTCDateTime, db
from mydia_web.queue.models import QueuedChange

#: As many are kept for each row.
KEPT = 20
#: A message is kept to this length: a server may answer with 10 MB.
MAX_MESSAGE = 500


class SyncAttempt(db.Model):  # type: ignore[name-defined,misc]
    """One attempt that failed, or the one that succeeded after such."""

    __tablename__ = "sync_attempts"

    id: Mapped[int] = mapped_column(BigId, primary_key=True)
    queued_change_id: Mapped[int] = mapped_column(
        ForeignKey("playback_sync_queue.id", ondelete="CASCADE")
    )
    at: Mapped[datetime] = mapped_column(UTCDateTime, default=now)
    #: `ok`, or the class of the failure.
    outcome: Mapped[str]
    message: Mapped[str] = mapped_column(default="")
    #: How long the server was spoken to.
    milliseconds: Mapped[int] = mapped_column(default=0)

    __table_args__ = (Index("ix_sync_attempts_queued_change_id", "queued_change_id", "id"),)


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt to be noted."""

    row_id: int
    outcome: str
    message: str
    seconds: float


def note_attempts(attempts: Sequence[Attempt]) -> None:
    """Keep these, and of each row the newest `KEPT`. A row that is gone meanwhile keeps none."""
    there = set(
        db.session.scalars(
            select(QueuedChange.id).where(QueuedChange.id.in_({one.row_id for one in attempts}))
        )
    )
    at = now()
    rows = [_values(one, at) for one in attempts if one.row_id in there]
    if not rows:
        return
    db.session.execute(insert(SyncAttempt), rows)
    for row_id in sorted(there):
        of_row = SyncAttempt.queued_change_id == row_id
        too_old = select(SyncAttempt.id).where(of_row).order_by(SyncAttempt.id.desc()).offset(KEPT)
        db.session.execute(
            delete(SyncAttempt)
            .where(SyncAttempt.id.in_(too_old))
            .execution_options(synchronize_session=False)
        )


def list_attempts(row_ids: Sequence[int], *, most: int = KEPT) -> dict[int, list[SyncAttempt]]:
    """The kept attempts of these rows, the newest first, so many of each."""
    of_row = SyncAttempt.queued_change_id
    newness = (
        func.row_number().over(partition_by=of_row, order_by=SyncAttempt.id.desc()).label("newness")
    )
    kept = select(SyncAttempt, newness).where(of_row.in_(row_ids)).subquery()
    attempt_of = aliased(SyncAttempt, kept)
    newest = select(attempt_of).where(kept.c.newness <= most).order_by(attempt_of.id.desc())
    found: dict[int, list[SyncAttempt]] = {}
    for attempt in db.session.scalars(newest) if row_ids else ():
        found.setdefault(attempt.queued_change_id, []).append(attempt)
    return found


def _values(attempt: Attempt, at: datetime) -> dict[str, object]:
    return {
        "queued_change_id": attempt.row_id,
        "at": at,
        "outcome": attempt.outcome,
        "message": attempt.message[:MAX_MESSAGE],
        "milliseconds": round(attempt.seconds * 1000),
    }
