"""What a source shall be told, and how a newer intent folds into one that is still owed."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import and_, case, func, literal, literal_column, null, or_

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import insert_for, with_many
from mydia_web.errors import InvalidValue
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.wakeup import QUEUE


@dataclass(frozen=True, slots=True)
class Intent:
    """A state that one source shall take. For an episode `media_item_id` is its show."""

    user_id: int
    source_id: int
    media_item_id: int
    episode_id: int | None
    change_type: ChangeType
    position_ms: int | None
    duration_ms: int | None
    completed: bool | None
    #: When the person did it.
    at: datetime
    origin: str
    change_set_id: int | None = None
    #: The source stores every play: one that is still owed must not be lost to a newer one.
    counts_plays: bool = False
    #: `at` is when it was said, and nobody knows when the title was finished.
    date_unknown: bool = False

    @property
    def watched_at(self) -> datetime | None:
        """None: it is not finished by this."""
        if not self.completed:
            return None
        return UNKNOWN_TIME if self.date_unknown else self.at


def check(intent: Intent) -> None:
    if intent.position_ms is not None and intent.position_ms < 0:
        raise InvalidValue("position_ms", "A position cannot be negative.")
    if intent.change_type is ChangeType.PROGRESS_UPDATE and intent.position_ms is None:
        raise InvalidValue("position_ms", "A progress update needs a position.")


def first_values(intent: Intent, due_at: datetime, at: datetime) -> dict[str, Any]:
    """Return the columns of a row that owes nothing but the intent, written down now, at `at`."""
    return {
        "user_id": intent.user_id,
        "source_id": intent.source_id,
        "media_item_id": intent.media_item_id,
        "episode_id": intent.episode_id,
        "play_key": "",
        "change_type": intent.change_type.value,
        "position_ms": intent.position_ms,
        "duration_ms": intent.duration_ms,
        "completed": intent.completed,
        "watched_at": intent.watched_at,
        "intent_at": intent.at,
        "origin": intent.origin,
        "change_set_id": intent.change_set_id,
        "status": Status.PENDING.value,
        "next_attempt_at": due_at,
        "created_at": at,
        "updated_at": at,
    }


_table = QueuedChange.__table__.c
#: What makes up a row that is owed, but for its claim: its state, and then its schedule.
KEPT_STATE = (
    "change_type",
    "position_ms",
    "duration_ms",
    "completed",
    "watched_at",
    "intent_at",
    "intent_seq",
    "origin",
    "change_set_id",
)
KEPT_SCHEDULE = ("status", "next_attempt_at", "attempt_count", "error_class", "error_message")
_RETURNED = (_table.id, _table.user_id, _table.source_id, _table.media_item_id, _table.episode_id)


@cache
def upsert(dialect: str, names: tuple[str, ...], *, of_episode: bool, is_mark: bool) -> Any:
    """Takes `first_values`, which have these names, of any number, each of another key.

    Folds them into what is owed already, and returns the ids with the keys of the rows. Wakes the
    workers. Built once of each.
    """
    row = insert_for(QueuedChange.__table__)
    key = "episode_id" if of_episode else "media_item_id"
    episode_id = QueuedChange.episode_id
    return (
        with_many(row, names)
        .on_conflict_do_update(
            index_elements=["user_id", key, "source_id", "play_key"],
            index_where=episode_id.is_not(None) if of_episode else episode_id.is_(None),
            set_={
                **_fold(row.excluded, is_mark=is_mark),
                "before_change": _before_change(dialect, row.excluded),
            },
        )
        .returning(*_RETURNED, *(() if dialect == "sqlite" else (func.pg_notify(QUEUE, ""),)))
    )


def _fold(new: Any, *, is_mark: bool) -> dict[str, Any]:
    row = QueuedChange
    in_flight = row.status == Status.SYNCING
    delivered = row.status == Status.SYNCED
    keeps_waiting = and_(
        row.status == Status.FAILED, row.next_attempt_at.is_not(None), literal(not is_mark)
    )
    return {
        "intent_seq": row.intent_seq + 1,
        "intent_at": new.intent_at,
        "position_ms": new.position_ms,
        "duration_ms": new.duration_ms,
        "change_type": new.change_type
        if is_mark
        else case((delivered, new.change_type), else_=row.change_type),
        "completed": new.completed if is_mark else case((delivered, None), else_=row.completed),
        "watched_at": new.watched_at if is_mark else case((delivered, None), else_=row.watched_at),
        "origin": new.origin,
        "change_set_id": new.change_set_id
        if is_mark
        else func.coalesce(new.change_set_id, row.change_set_id),
        "status": case(
            (in_flight, Status.SYNCING.value),
            (keeps_waiting, Status.FAILED.value),
            else_=Status.PENDING.value,
        ),
        "next_attempt_at": case(
            (in_flight, None),
            else_=new.next_attempt_at
            if is_mark
            else func.coalesce(row.next_attempt_at, new.next_attempt_at),
        ),
        "attempt_count": case((or_(in_flight, keeps_waiting), row.attempt_count), else_=0),
        "error_class": case((keeps_waiting, row.error_class), else_=None),
        "error_message": case((keeps_waiting, row.error_message), else_=None),
        "updated_at": new.updated_at,
    }


def _before_change(dialect: str, new: Any) -> Any:
    """Return what was owed when a change set that can be undone came to the row; nothing, once it
    is changed again.
    """
    row = QueuedChange
    as_json = func.json_object if dialect == "sqlite" else func.json_build_object
    columns: list[Any] = []
    for name in (*KEPT_STATE, *KEPT_SCHEDULE):
        columns += [literal_column(f"'{name}'"), _table[name]]
    is_first = and_(
        new.change_set_id.is_not(None), row.change_set_id.is_distinct_from(new.change_set_id)
    )
    is_owed = row.status != Status.SYNCED
    return case(
        (and_(is_first, is_owed), as_json(*columns, type_=row.before_change.type)), else_=null()
    )
