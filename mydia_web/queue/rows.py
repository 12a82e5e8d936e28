"""The key of a row, and the one order in which rows are locked."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from mydia_web.db import db, has_one_writer
from mydia_web.library.models import ContentKey
from mydia_web.queue.models import QueuedChange

#: The user, the source and the content that a row is about.
RowKey = tuple[int, int, ContentKey]

#: Everyone who locks more than one row of the queue locks them in this order, so that no two wait
#: for each other. Films come first: they are written by a statement of their own.
#: `Intent.lock_position` sorts the same way.
_LOCK_ORDER = (
    QueuedChange.episode_id.is_not(None),
    QueuedChange.source_id,
    QueuedChange.user_id,
    QueuedChange.media_item_id,
    QueuedChange.episode_id,
    QueuedChange.play_key,
)
_LOCKED_COLUMNS = (
    "id",
    "user_id",
    "source_id",
    "media_item_id",
    "episode_id",
    "play_key",
    "status",
    "completed",
    "watched_at",
    "origin",
    "change_set_id",
    "next_attempt_at",
    "last_attempt_at",
    "intent_seq",
    "synced_seq",
    "intent_at",
    "unconfirmed",
    "before_change",
    "attempt_count",
    "error_class",
    "error_message",
)


def row_key(row: Any) -> RowKey:
    content = ContentKey.from_columns(row.media_item_id, row.episode_id)
    return row.user_id, row.source_id, content


def lock_rows(*where: ColumnElement[bool]) -> Sequence[Any]:
    """Lock these rows in order until the transaction ends, and return them as they are then."""
    columns = [QueuedChange.__table__.c[name] for name in _LOCKED_COLUMNS]
    query = select(*columns).where(*where).order_by(*_LOCK_ORDER)
    return db.session.execute(query.with_for_update()).all()


def in_lock_order(*where: Any) -> ColumnElement[bool]:
    """Return the condition of an UPDATE or DELETE of these rows that locks them in order."""
    if has_one_writer():
        return and_(*where)
    ids = select(QueuedChange.id).where(*where).order_by(*_LOCK_ORDER).with_for_update()
    return QueuedChange.id.in_(ids)
