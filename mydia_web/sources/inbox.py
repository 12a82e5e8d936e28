"""The inbox: webhook addresses, and the events sent to them, stored before they are applied."""

import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from mydia_web import config
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.sources.models import Source, SourceEvent

#: Events kept per source after they were applied.
KEPT = 200


def webhook_secret(source: Source) -> str:
    """Return the last part of the webhook address; "" if the source has none."""
    return f"{source.id}-{_signature(source)}" if source.webhook_key else ""


def make_webhook(source: Source) -> None:
    """Give the source a new webhook address; an older one stops working."""
    source.webhook_key = secrets.token_urlsafe(12)


def source_of_webhook(secret: str) -> Source:
    """Return the source that has this webhook address. Raise `NotFound`."""
    number, _, signature = secret.partition("-")
    source = None
    if number.isdecimal() and len(number) < 10:
        source = db.session.get(Source, int(number))
    if source is None or not _is_signed(source, signature):
        raise NotFound("There is no such webhook address. Copy it from the source's page.")
    return source


def _is_signed(source: Source, signature: str) -> bool:
    return bool(source.webhook_key) and hmac.compare_digest(signature, _signature(source))


def store_event(
    source_id: int,
    kind: str,
    body: str,
    *,
    status: str = "received",
    name: str = "",
    message: str = "",
) -> None:
    """Store an event; the worker applies those that are `received`."""
    values = {"source_id": source_id, "kind": kind, "body": body, "received_at": now()}
    db.session.connection().execute(
        _STORE, {**values, "status": status, "name": name, "message": message}
    )


#: Built once: hundreds of events may come in per second.
_STORE = insert(SourceEvent.__table__)


def next_events(limit: int, *, except_ids: Collection[int] = ()) -> Sequence[SourceEvent]:
    """Return the oldest events that were not applied yet."""
    received = select(SourceEvent).where(
        SourceEvent.status == "received", SourceEvent.id.not_in(except_ids)
    )
    return db.session.scalars(received.order_by(SourceEvent.id).limit(limit)).all()


def last_received() -> datetime:
    latest = select(SourceEvent.received_at).order_by(SourceEvent.id.desc()).limit(1)
    return db.session.scalar(latest) or UNKNOWN_TIME


def list_events(source_id: int, limit: int = 10) -> Sequence[SourceEvent]:
    """Return the latest events of a source, newest first."""
    of_source = select(SourceEvent).where(SourceEvent.source_id == source_id)
    return db.session.scalars(of_source.order_by(SourceEvent.id.desc()).limit(limit)).all()


def note_heard(source_id: int, last_event_at: datetime | None) -> bool:
    """Note when the source was last heard, at most once a second; return whether it was noted.

    More often it would cost as much as storing the events.
    """
    at = now()
    if last_event_at is not None and abs(at - last_event_at) <= timedelta(seconds=1):
        return False
    db.session.execute(update(Source).where(Source.id == source_id).values(last_event_at=at))
    return True


def prune_events(source_id: int) -> None:
    """Delete all but the newest `KEPT` events of a source and those yet to be applied."""
    of_source = SourceEvent.source_id == source_id
    oldest = (
        select(SourceEvent.id)
        .where(of_source)
        .order_by(SourceEvent.id.desc())
        .offset(KEPT)
        .limit(1)
    )
    db.session.execute(
        delete(SourceEvent)
        .where(
            of_source, SourceEvent.id <= oldest.scalar_subquery(), SourceEvent.status != "received"
        )
        .execution_options(synchronize_session=False)
    )


def _signature(source: Source) -> str:
    text = f"webhook {source.id} {source.webhook_key}"
    return hmac.digest(config.secret().encode(), text.encode(), "sha256").hex()[:32]
