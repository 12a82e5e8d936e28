"""Values that should not exist: a damaged row, an answer beyond all bounds."""

import logging

from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import Source

log = logging.getLogger(__name__)

#: Errors of reading a row that holds something other than its columns should.
UNREADABLE = (ValueError, TypeError, DataError)
#: Errors of writing values that the database refuses.
UNWRITABLE = (ValueError, TypeError, OverflowError, DataError, IntegrityError)
#: No claim looks further ahead than this many rows.
_AHEAD = 200


def set_aside_unreadable() -> int:
    """Let due rows that cannot be read wait for a person, so that the others go on.

    Return how many.
    """
    begin_write()
    unreadable_ids = [row_id for row_id in _due_ids() if not _is_readable(row_id)]
    for row_id in unreadable_ids:
        log.error("This row of the queue cannot be read and is set aside.", extra={"row": row_id})
        statement = update(QueuedChange).where(QueuedChange.id == row_id)
        db.session.execute(statement.values(_set_aside()))
    db.session.commit()
    return len(unreadable_ids)


def _due_ids() -> list[int]:
    due = (
        select(QueuedChange.id)
        .where(QueuedChange.next_attempt_at <= now())
        .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
        .limit(_AHEAD)
    )
    row_ids: list[int] = []
    for source_id in db.session.scalars(select(Source.id)).all():
        row_ids += db.session.scalars(due.where(QueuedChange.source_id == source_id))
    return row_ids


def _is_readable(row_id: int) -> bool:
    query = select(QueuedChange.__table__).where(QueuedChange.id == row_id)
    try:
        db.session.execute(query).all()
    except UNREADABLE:
        return False
    return True


def _set_aside() -> dict[str, object]:
    """Return the columns of a row that is set aside, with times that pages can show."""
    at = now()
    return {
        "status": Status.FAILED.value,
        "next_attempt_at": None,
        "last_attempt_at": at,
        "intent_at": at,
        "created_at": at,
        "updated_at": at,
        "error_class": "invalid",
        "error_message": "This entry of the queue was damaged. Mark the title again, or skip this.",
    }
