"""Plays that a service counts: events, where everything else in the queue is a state.

A row carries one state and one play: those of its latest intent. A play that is still owed when the
next one comes gets a row of its own, so that a film seen twice during an outage was seen twice
there too.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row, delete, select

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db, insert_for
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.rows import lock_rows, row_key

_COPIED_COLUMNS = (
    "media_item_id",
    "episode_id",
    "source_id",
    "user_id",
    "watched_at",
    "origin",
    "change_set_id",
)


def play_key(at: datetime) -> str:
    """Return the key of a play at that time, to the second, as services keep it."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def fold_plays(intents: Sequence[Intent]) -> None:
    """Keep the plays that services are owed, before the intents are folded into their rows.

    A play that a row still owes when the next one comes gets a row of its own. Marking the title
    unwatched drops the plays that the service was not told of yet.
    """
    counted = {intent.row_key: intent for intent in intents if _counts(intent)}
    if not counted:
        return
    carried: list[dict[str, Any]] = []
    dropped: list[int] = []
    for row in _lock_rows_of(intents):
        intent = counted.get(row_key(row))
        if intent is None:
            continue
        if intent.completed and _owes_other_play(row, intent):
            carried.append(_play_row(row))
        elif not intent.completed and _is_waiting_play(row):
            dropped.append(row.id)
    _insert_and_delete(carried, dropped)


def _counts(intent: Intent) -> bool:
    return intent.counts_plays and intent.completed is not None


def _insert_and_delete(carried: list[dict[str, Any]], dropped: list[int]) -> None:
    if carried:
        insert = insert_for(QueuedChange.__table__).on_conflict_do_nothing()
        db.session.connection().execute(insert.returning(QueuedChange.id), carried)
    if dropped:
        statement = delete(QueuedChange).where(QueuedChange.id.in_(dropped))
        db.session.execute(statement.execution_options(synchronize_session=False))


def unwatched_since(play_row_id: int) -> int | None:
    """Return the state row of a play's title if the title was marked unwatched meanwhile."""
    play = db.session.get(QueuedChange, play_row_id)
    if play is None or not play.play_key:
        return None
    return db.session.scalar(
        select(QueuedChange.id).where(
            QueuedChange.of_any([play.content_key]),
            QueuedChange.user_id == play.user_id,
            QueuedChange.source_id == play.source_id,
            QueuedChange.play_key == "",
            QueuedChange.completed.is_(False),
        )
    )


def _lock_rows_of(intents: Sequence[Intent]) -> Sequence[Row[Any]]:
    """Lock all rows of these users, contents and sources."""
    return lock_rows(
        QueuedChange.of_any({intent.content for intent in intents}),
        QueuedChange.user_id.in_({intent.user_id for intent in intents}),
        QueuedChange.source_id.in_({intent.source_id for intent in intents}),
    )


def _owes_other_play(row: Row[Any], intent: Intent) -> bool:
    """Return whether a state row owes a play at another time.

    A play without a date is no event of its own: it says that there was one at all.
    """
    if row.play_key or row.status == Status.SYNCED or not row.completed:
        return False
    return row.watched_at not in (None, UNKNOWN_TIME, intent.watched_at)


def _is_waiting_play(row: Row[Any]) -> bool:
    return bool(row.play_key) and row.status in (Status.PENDING, Status.FAILED)


def _play_row(row: Row[Any]) -> dict[str, Any]:
    """Return the columns of a new row for the play that a state row owes."""
    at = now()
    return {
        **{name: getattr(row, name) for name in _COPIED_COLUMNS},
        "play_key": play_key(row.watched_at),
        "change_type": ChangeType.MARK_WATCHED.value,
        "completed": True,
        "intent_at": row.watched_at,
        "status": Status.PENDING.value,
        "next_attempt_at": row.next_attempt_at or at,
        "created_at": at,
        "updated_at": at,
    }
