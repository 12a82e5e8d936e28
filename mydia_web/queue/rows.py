"""Which rows belong to a content, and the one order in which rows are locked."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, select

from mydia_web.db import db, has_one_writer
from mydia_web.queue.models import QueuedChange

#: All who lock more than one row of the queue lock them in this order, so that none waits for
#: another in a circle. Films come first: they are written by a statement of their own.
_ORDER = (
    QueuedChange.episode_id.is_not(None),
    QueuedChange.source_id,
    QueuedChange.user_id,
    QueuedChange.media_item_id,
    QueuedChange.episode_id,
    QueuedChange.play_key,
)
_table = QueuedChange.__table__.c
_COLUMNS = (
    *(
        _table.id,
        _table.user_id,
        _table.source_id,
        _table.media_item_id,
        _table.episode_id,
        _table.play_key,
    ),
    *(_table.status, _table.completed, _table.watched_at, _table.origin, _table.change_set_id),
    *(_table.next_attempt_at, _table.last_attempt_at, _table.intent_seq, _table.synced_seq),
    *(_table.intent_at, _table.unconfirmed, _table.before_change),
    *(_table.attempt_count, _table.error_class, _table.error_message),
)


def place_in_order(row: Any) -> tuple[bool, int, int, int, int, str]:
    """Return by what a row, or an intent, which has no play key, is sorted to stand in the order of
    locks.
    """
    play_key = getattr(row, "play_key", "")
    is_episode = row.episode_id is not None
    return is_episode, row.source_id, row.user_id, row.media_item_id, row.episode_id or 0, play_key


def lock_rows(*where: ColumnElement[bool]) -> Sequence[Any]:
    """Lock these rows in order, until the transaction ends, and return them as they are then."""
    query = select(*_COLUMNS).where(*where).order_by(*_ORDER)
    return db.session.execute(query.with_for_update()).all()


def in_order(*where: Any) -> ColumnElement[bool]:
    """Return what an UPDATE or a DELETE of all these rows asks for, so that it locks them in order."""
    if has_one_writer():
        return and_(*where)
    return QueuedChange.id.in_(
        select(QueuedChange.id).where(*where).order_by(*_ORDER).with_for_update()
    )
