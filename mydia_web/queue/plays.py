"""Plays that a service counts: events, where all else in the queue is a state.

A row carries one state and one play: those of its latest intent. A play that is still owed when the next one comes
gets a row of its own, so that a film seen twice during an outage was seen twice there too.
"""

from datetime import UTC, datetime

from sqlalchemy import ColumnElement, delete, select

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db, insert_for
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange, Status

_CARRIED_OVER = (
    "media_item_id",
    "episode_id",
    "source_id",
    "user_id",
    "watched_at",
    "origin",
    "change_set_id",
)


def keep_owed_play(intent: Intent) -> None:
    """Before `intent` is folded into its row: give the play that the row still owes a row of its own."""
    owed = (
        QueuedChange.status != Status.SYNCED,
        QueuedChange.completed.is_(True),
        QueuedChange.watched_at != intent.watched_at,
    )
    row = db.session.scalar(
        select(QueuedChange)
        .where(*_of(intent), QueuedChange.play_key == "", *owed)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    # A play without a date is no event of its own: it says that there was one at all.
    if row is None or row.watched_at is None or row.watched_at == UNKNOWN_TIME:
        return
    carried = {name: getattr(row, name) for name in _CARRIED_OVER}
    play = insert_for(QueuedChange).values(
        **carried,
        play_key=play_key(row.watched_at),
        change_type=ChangeType.MARK_WATCHED.value,
        completed=True,
        intent_at=row.watched_at,
        status=Status.PENDING.value,
        next_attempt_at=row.next_attempt_at or now(),
    )
    db.session.execute(play.on_conflict_do_nothing())


def play_key(at: datetime) -> str:
    """Services keep a play's time to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def forget_owed_plays(intent: Intent) -> None:
    """Before the title is unwatched there: plays that it was not told of shall not follow."""
    waiting = QueuedChange.status.in_([Status.PENDING, Status.FAILED])
    db.session.execute(
        delete(QueuedChange)
        .where(*_of(intent), QueuedChange.play_key != "", waiting)
        .execution_options(synchronize_session=False)
    )


def unwatched_since(play_row_id: int) -> int | None:
    """The row of the title's state where that was to be unwatched there while this play was on its way."""
    play = db.session.get(QueuedChange, play_row_id)
    if play is None or not play.play_key:
        return None
    return db.session.scalar(
        select(QueuedChange.id).where(
            *_of(play), QueuedChange.play_key == "", QueuedChange.completed.is_(False)
        )
    )


def _of(one: Intent | QueuedChange) -> tuple[ColumnElement[bool], ...]:
    """All rows of that user, content and source."""
    of_content = (
        (QueuedChange.media_item_id == one.media_item_id, QueuedChange.episode_id.is_(None))
        if one.episode_id is None
        else (QueuedChange.episode_id == one.episode_id,)
    )
    return (*of_content, QueuedChange.user_id == one.user_id, QueuedChange.source_id == one.source_id)
