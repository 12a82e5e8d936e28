"""The inbox: webhook addresses, and what servers sent to them, stored before anything is made of
it.
"""

import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, insert, select, update

from mydia_web import config
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.sources.events import SourceEvent
from mydia_web.sources.models import Source

#: As many are kept of each source after they were dealt with.
KEPT = 200


def webhook_secret(source: Source) -> str:
    """The last part of its webhook address; "" where none was made."""
    return f"{source.id}-{_signature(source)}" if source.webhook_key else ""


def make_webhook(source: Source) -> None:
    """Give the source a webhook address; an older one is good no more."""
    source.webhook_key = secrets.token_urlsafe(12)


def source_of_webhook(secret: str) -> Source:
    """Raises `NotFound` for an address that is none of ours."""
    number, _, signature = secret.partition("-")
    source = (
        db.session.get(Source, int(number)) if number.isdecimal() and len(number) < 10 else None
    )
    if (
        source is None
        or not source.webhook_key
        or not hmac.compare_digest(signature, _signature(source))
    ):
        raise NotFound("There is no such webhook address. Copy it from the source's page.")
    return source


def store_event(
    source_id: int,
    kind: str,
    body: str,
    *,
    status: str = "received",
    name: str = "",
    message: str = "",
) -> None:
    """Keep what came in; what is `received` is dealt with by the worker."""
    values = {"source_id": source_id, "kind": kind, "body": body, "received_at": now()}
    db.session.connection().execute(
        _STORE, {**values, "status": status, "name": name, "message": message}
    )


#: Built once: servers may tell hundreds a second.
_STORE = insert(SourceEvent.__table__)


def next_events(limit: int, *, but: Collection[int] = ()) -> Sequence[SourceEvent]:
    """Return what was not dealt with yet, in the order in which it came, `but` these ids."""
    received = select(SourceEvent).where(
        SourceEvent.status == "received", SourceEvent.id.not_in(but)
    )
    return db.session.scalars(received.order_by(SourceEvent.id).limit(limit)).all()


def last_received() -> datetime:
    latest = select(SourceEvent.received_at).order_by(SourceEvent.id.desc()).limit(1)
    return db.session.scalar(latest) or UNKNOWN_TIME


def list_events(source_id: int, limit: int = 10) -> Sequence[SourceEvent]:
    """The latest of a source, newest first."""
    of_source = select(SourceEvent).where(SourceEvent.source_id == source_id)
    return db.session.scalars(of_source.order_by(SourceEvent.id.desc()).limit(limit)).all()


def note_heard(source_id: int, last_event_at: datetime | None) -> bool:
    """To the second: in a storm of events it would be as much work as to store them. Return whether
    it was noted.
    """
    at = now()
    if last_event_at is not None and abs(at - last_event_at) <= timedelta(seconds=1):
        return False
    db.session.execute(update(Source).where(Source.id == source_id).values(last_event_at=at))
    return True


def prune_events(source_id: int) -> None:
    """Keep the newest `KEPT` of a source, and what was not dealt with."""
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
