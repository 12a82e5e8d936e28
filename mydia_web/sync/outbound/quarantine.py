"""Values that should not be: a row that was damaged or edited by hand, an answer beyond all bounds."""

import logging

from sqlalchemy import select, update
from sqlalchemy.exc import DataError, IntegrityError

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import Source

log = logging.getLogger(__name__)

#: What reading a row raises that holds something else than its column should.
UNREADABLE = (ValueError, TypeError, DataError)
#: What writing raises that the database refuses for its content.
UNWRITABLE = (ValueError, TypeError, OverflowError, DataError, IntegrityError)
#: No claim looks further ahead than this.
_AHEAD = 200


def set_aside_unreadable() -> int:
    """Let due rows that cannot be read wait for a person, so that the others go on; how many."""
    begin_write()
    unreadable = [row_id for row_id in _due() if not _can_be_read(row_id)]
    for row_id in unreadable:
        log.error("This row of the queue cannot be read and is set aside.", extra={"row": row_id})
        db.session.execute(
            update(QueuedChange).where(QueuedChange.id == row_id).values(_set_aside())
        )
    db.session.commit()
    return len(unreadable)


def _due() -> list[int]:
    due = select(QueuedChange.id).where(QueuedChange.next_attempt_at <= now()).limit(_AHEAD)
    due = due.order_by(QueuedChange.next_attempt_at, QueuedChange.id)
    source_ids = db.session.scalars(select(Source.id)).all()
    return [
        row_id
        for source_id in source_ids
        for row_id in db.session.scalars(due.where(QueuedChange.source_id == source_id))
    ]


def _can_be_read(row_id: int) -> bool:
    try:
        db.session.execute(select(QueuedChange.__table__).where(QueuedChange.id == row_id)).all()
    except UNREADABLE:
        return False
    return True


def _set_aside() -> dict[str, object]:
    """Its times are set anew: no page could show it else."""
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
