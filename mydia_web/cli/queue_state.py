"""What `sync-queue` shows and switches besides delivering."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import and_, func, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import accounts_of, open_account
from mydia_web.sources.models import Source
from mydia_web.sync.delivery import prepare


@dataclass(frozen=True, slots=True)
class Depth:
    """How much one source is owed."""

    source: str
    waiting: int
    sending: int
    needs_you: int
    synced: int
    note: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that a delivery would make."""

    row_id: int
    source: str
    call: str

    @property
    def text(self) -> str:
        return f"{self.source}  #{self.row_id}  {self.call}"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def depths(source_ids: Sequence[int]) -> list[Depth]:
    scheduled = QueuedChange.next_attempt_at.is_not(None)
    rows = db.session.execute(
        select(
            Source,
            func.count().filter(scheduled),
            func.count().filter(QueuedChange.status == Status.SYNCING),
            func.count().filter(and_(QueuedChange.status == Status.FAILED, ~scheduled)),
            func.count().filter(QueuedChange.status == Status.SYNCED),
        )
        .outerjoin(QueuedChange, QueuedChange.source_id == Source.id)
        .where(Source.id.in_(source_ids))
        .group_by(Source.id)
        .order_by(Source.name)
    )
    return [
        Depth(source.name, waiting, sending, needs_you, synced, _note(source))
        for source, waiting, sending, needs_you, synced in rows
    ]


def planned_calls(source_ids: Sequence[int], limit: int) -> Iterable[PlannedCall]:
    """The calls that the next deliveries would make, without making them or claiming their rows."""
    rows = db.session.scalars(
        select(QueuedChange)
        .where(QueuedChange.source_id.in_(source_ids), QueuedChange.next_attempt_at.is_not(None))
        .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
        .limit(limit)
    ).all()
    for row, delivery in zip(rows, prepare(rows), strict=True):
        source = db.session.get_one(Source, row.source_id)
        account = next((one for one in accounts_of(source.id) if one.user_id == row.user_id), None)
        backend = open_account(source, account)
        try:
            for _, target in delivery.targets:
                for call in backend.explain(target, delivery.wanted):
                    yield PlannedCall(row.id, source.name, call)
        finally:
            backend.close()


def retry_failed(source_ids: Sequence[int]) -> int:
    return PlaybackSyncRepository().retry(QueuedChange.source_id.in_(source_ids))


def _note(source: Source) -> str:
    if source.pause_reason == "operator":
        return "paused"
    if source.paused_until and source.paused_until > now():
        word = "is down" if source.pause_reason == "down" else "asked us to wait"
        return f"{word} until {source.paused_until:%H:%M:%S} UTC"
    return source.last_error or ""
