"""Rows of the queue as they come to stand, and pages without what differs each time."""

import re
from datetime import timedelta

from sqlalchemy import inspect

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.progress import mark_watched
from mydia_web.queue.models import QueuedChange


def without_tokens(page: str) -> str:
    """Each answer signs its forms anew."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page).strip()


def owe(user: User, content: MediaItem | Episode) -> QueuedChange:
    mark_watched(user.id, content, origin="web")
    db.session.commit()
    return db.session.query(QueuedChange).order_by(QueuedChange.id.desc()).first()


def fail(
    row: QueuedChange, error: str = "Nothing answers.", *, again: timedelta | None = None
) -> None:
    row.status, row.error_class, row.error_message, row.attempt_count = (
        "failed",
        "transient",
        error,
        3,
    )
    row.next_attempt_at = now() + again if again else None
    db.session.commit()


def fresh(row: QueuedChange) -> QueuedChange | None:
    row_id = inspect(row).identity[0]
    db.session.expire_all()
    return db.session.get(QueuedChange, row_id)
