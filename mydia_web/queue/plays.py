"""Plays that a service counts: events, where all else in the queue is a state.

A row carries one state and one play: those of its latest intent. A play that is still owed when the
next one comes gets a row of its own, so that a film seen twice during an outage was seen twice
there too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, delete, select

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db, insert_for
from mydia_web.library.models import ContentKey
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.rows import lock_rows

_CARRIED_OVER = (
    "media_item_id",
    "episode_id",
    "source_id",
    "user_id",
    "watched_at",
    "origin",
    "change_set_id",
)


def fold_plays(intents: Sequence[Intent]) -> None:
    """Before the intents are folded into their rows: see to the plays that services which count
    them are owed.

    A play that a row still owes when the next one comes gets a row of its own. Where the title is
    unwatched, the plays that the service was not told of shall not follow.
    """
    counted = {
        _place(one): one for one in intents if one.counts_plays and one.completed is not None
    }
    if not counted:
        return
    carried = []
    forgotten = []
    for row in lock_rows(*_of_all(intents)):
        intent = counted.get(_place(row))
        if intent is None:
            continue
        if intent.completed and _owes_another_play(row, intent):
            carried.append(_play_of_its_own(row))
        if not intent.completed and row.play_key and row.status in (Status.PENDING, Status.FAILED):
            forgotten.append(row.id)
    if carried:
        plays = insert_for(QueuedChange.__table__).on_conflict_do_nothing()
        db.session.connection().execute(plays.returning(QueuedChange.id), carried)
    if forgotten:
        rows = delete(QueuedChange).where(QueuedChange.id.in_(forgotten))
        db.session.execute(rows.execution_options(synchronize_session=False))


def _owes_another_play(row: Row[Any], intent: Intent) -> bool:
    """Does the row of the state owe a play at another time? One without a date is no event of its
    own: it says that there was one at all.
    """
    if row.play_key or row.status == Status.SYNCED or not row.completed:
        return False
    return row.watched_at not in (None, UNKNOWN_TIME, intent.watched_at)


def _play_of_its_own(row: Row[Any]) -> dict[str, Any]:
    at = now()
    return {
        **{name: getattr(row, name) for name in _CARRIED_OVER},
        "play_key": play_key(row.watched_at),
        "change_type": ChangeType.MARK_WATCHED.value,
        "completed": True,
        "intent_at": row.watched_at,
        "status": Status.PENDING.value,
        "next_attempt_at": row.next_attempt_at or at,
        "created_at": at,
        "updated_at": at,
    }


def _place(one: Intent | Row[Any]) -> tuple[int, int, int, int | None]:
    return one.user_id, one.source_id, one.media_item_id, one.episode_id


def _of_all(intents: Sequence[Intent]) -> tuple[ColumnElement[bool], ...]:
    """All rows of their users, contents and sources."""
    keys = {ContentKey.from_columns(one.media_item_id, one.episode_id) for one in intents}
    users = {one.user_id for one in intents}
    sources = {one.source_id for one in intents}
    return (
        QueuedChange.of_any(keys),
        QueuedChange.user_id.in_(users),
        QueuedChange.source_id.in_(sources),
    )


def play_key(at: datetime) -> str:
    """Services keep a play's time to the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def unwatched_since(play_row_id: int) -> int | None:
    """The row of the title's state where that was to be unwatched there while this play was on its
    way.
    """
    play = db.session.get(QueuedChange, play_row_id)
    if play is None or not play.play_key:
        return None
    return db.session.scalar(
        select(QueuedChange.id).where(
            *_of(play), QueuedChange.play_key == "", QueuedChange.completed.is_(False)
        )
    )


def _of(one: QueuedChange) -> tuple[ColumnElement[bool], ...]:
    """All rows of that user, content and source."""
    return (
        QueuedChange.of_any([one.content_key]),
        QueuedChange.user_id == one.user_id,
        QueuedChange.source_id == one.source_id,
    )
