"""What `sync-queue` shows and switches besides delivering."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.queue.depths import Depth
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.health import is_paused
from mydia_web.sources.models import Source
from mydia_web.sync.clients import open_account
from mydia_web.sync.outbound.delivery import prepare


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


def as_json(depth: Depth) -> dict[str, Any]:
    return {
        "source": depth.source.name,
        "waiting": depth.waiting,
        "sending": depth.sending,
        "needs_you": depth.needs_you,
        "synced": depth.synced,
        "note": note(depth.source),
    }


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


def waits_for_sign_in(source_ids: Sequence[int]) -> bool:
    """Is there a row that goes out once its account is signed in again?"""
    refused = select(QueuedChange.id).where(
        QueuedChange.source_id.in_(source_ids),
        QueuedChange.status == Status.FAILED,
        QueuedChange.error_class == "auth",
    )
    return db.session.scalar(refused.limit(1)) is not None


def retry_failed(source_ids: Sequence[int]) -> int:
    return PlaybackSyncRepository().retry(QueuedChange.source_id.in_(source_ids))


def note(source: Source) -> str:
    if source.pause_reason == "operator":
        return "paused"
    if source.paused_until and is_paused(source):
        word = "is down" if source.pause_reason == "down" else "asked us to wait"
        return f"{word} until {source.paused_until:%H:%M:%S} UTC"
    return source.last_error or ""
