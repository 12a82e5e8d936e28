"""How much each source is owed, counted exactly."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, func, select

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import Source


@dataclass(frozen=True, slots=True)
class Depth:
    """What one source is owed and has taken."""

    source: Source
    #: Goes out by itself.
    waiting: int
    sending: int
    #: Only a person can help.
    needs_you: int
    synced: int
    #: Since when the row that is due the longest is due; None: nothing is scheduled.
    next_attempt_at: datetime | None

    @property
    def owed(self) -> int:
        return self.waiting + self.sending


def depths(source_ids: Sequence[int] | None = None) -> list[Depth]:
    """Of these sources, or of all, by name. Counts every row: for scrapes and commands, not for
    pages.
    """
    scheduled = QueuedChange.next_attempt_at.is_not(None)
    query = (
        select(
            Source,
            func.count().filter(scheduled),
            func.count().filter(QueuedChange.status == Status.SYNCING),
            func.count().filter(and_(QueuedChange.status == Status.FAILED, ~scheduled)),
            func.count().filter(QueuedChange.status == Status.SYNCED),
            func.min(QueuedChange.next_attempt_at),
        )
        .outerjoin(QueuedChange, QueuedChange.source_id == Source.id)
        .group_by(Source.id)
        .order_by(Source.name)
    )
    if source_ids is not None:
        query = query.where(Source.id.in_(source_ids))
    return [Depth(*row) for row in db.session.execute(query)]
