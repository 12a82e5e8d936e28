"""Where the due rows of a source begin.

PostgreSQL keeps what was claimed in the index of due rows for as long as anybody's snapshot may
still see it: a backup, a forgotten console. A claim from the very beginning then walks past all
that was delivered meanwhile.
"""

from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import BindParameter, ColumnElement, select, tuple_
from sqlalchemy.orm import Mapped

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange


class ScanStart(NamedTuple):
    """The place of a row in the order of claims."""

    due_at: datetime
    row_id: int


def find_scan_start(source_id: int, after: ScanStart | None = None) -> ScanStart | None:
    """The place of the first scheduled row, looked for from `after` on; None: nothing is scheduled
    there.
    """
    due_at = cast("Mapped[datetime]", QueuedChange.next_attempt_at)
    query = select(due_at, QueuedChange.id).where(
        QueuedChange.source_id == source_id, QueuedChange.next_attempt_at.is_not(None)
    )
    if after is not None:
        query = query.where(is_from(*after))
    first = db.session.execute(
        query.order_by(QueuedChange.next_attempt_at, QueuedChange.id).limit(1)
    ).first()
    return ScanStart(*first) if first else None


def is_from(
    due_at: datetime | BindParameter[Any], row_id: int | BindParameter[Any]
) -> ColumnElement[bool]:
    """Does a row stand there or later?"""
    return tuple_(QueuedChange.next_attempt_at, QueuedChange.id) >= tuple_(due_at, row_id)
