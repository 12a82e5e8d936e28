"""The state that a source shall take, and how a newer intent folds into one that is still owed."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, and_, case, false, func, literal_column, null, or_

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import insert_for, with_many
from mydia_web.errors import InvalidValue
from mydia_web.library.models import ContentKey
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.rows import RowKey
from mydia_web.queue.wakeup import QUEUE


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A state that one source shall take for one user."""

    user_id: int
    source_id: int
    content: ContentKey
    #: The film, or the show of the episode.
    title_id: int
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
    #: `at` is when the mark was made, and nobody knows when the title was finished.
    date_unknown: bool = False

    @property
    def is_mark(self) -> bool:
        return self.change_type is not ChangeType.PROGRESS_UPDATE

    @property
    def watched_at(self) -> datetime | None:
        """When the title was finished; None if this does not finish it."""
        if not self.completed:
            return None
        return UNKNOWN_TIME if self.date_unknown else self.at

    @property
    def row_key(self) -> RowKey:
        return self.user_id, self.source_id, self.content

    @property
    def lock_position(self) -> tuple[bool, int, int, int, int]:
        """The position of the intent's row in the order of locks (see `rows`)."""
        is_episode = self.content.kind == "episode"
        return is_episode, self.source_id, self.user_id, self.title_id, self.content.id


def check(intent: Intent) -> None:
    if intent.position_ms is not None and intent.position_ms < 0:
        raise InvalidValue("position_ms", "A position cannot be negative.")
    if not intent.is_mark and intent.position_ms is None:
        raise InvalidValue("position_ms", "A progress update needs a position.")


def first_values(intent: Intent, due_at: datetime, at: datetime) -> dict[str, Any]:
    """Return the columns of a row that owes nothing but the intent and was written at `at`."""
    return {
        "user_id": intent.user_id,
        "source_id": intent.source_id,
        **intent.content.columns,
        "media_item_id": intent.title_id,
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


_queue = QueuedChange.__table__.c
#: The columns that say what a row owes, and those that say when it goes out. Its claim is left out.
STATE_COLUMNS = (
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
SCHEDULE_COLUMNS = ("status", "next_attempt_at", "attempt_count", "error_class", "error_message")
_RETURNED = (_queue.id, _queue.user_id, _queue.source_id, _queue.media_item_id, _queue.episode_id)


@cache
def upsert(dialect: str, names: tuple[str, ...], *, of_episode: bool, is_mark: bool) -> Any:
    """Return the statement that folds intents into the rows of their keys.

    It takes any number of `first_values` with these names, each of another key, returns the ids and
    keys of the rows, and wakes the workers on PostgreSQL.
    """
    insert = insert_for(QueuedChange.__table__)
    folded = _fold_mark(insert.excluded) if is_mark else _fold_position(insert.excluded)
    content_column = "media_item_id"
    index_where = QueuedChange.episode_id.is_(None)
    if of_episode:
        content_column = "episode_id"
        index_where = QueuedChange.episode_id.is_not(None)
    returned: tuple[Any, ...] = _RETURNED
    if dialect != "sqlite":
        returned += (func.pg_notify(QUEUE, ""),)
    return (
        with_many(insert, names)
        .on_conflict_do_update(
            index_elements=["user_id", content_column, "source_id", "play_key"],
            index_where=index_where,
            set_=folded | {"before_change": _before_change(dialect, insert.excluded)},
        )
        .returning(*returned)
    )


_row = QueuedChange
_is_in_flight = _row.status == Status.SYNCING
_is_delivered = _row.status == Status.SYNCED
_waits_after_failure = and_(_row.status == Status.FAILED, _row.next_attempt_at.is_not(None))


def _fold_mark(new: Any) -> dict[str, Any]:
    """A mark replaces mark and position, and goes out afresh."""
    return {
        **_fold(new, keeps_failure=false()),
        "change_type": new.change_type,
        "completed": new.completed,
        "watched_at": new.watched_at,
        "change_set_id": new.change_set_id,
        "next_attempt_at": case((_is_in_flight, None), else_=new.next_attempt_at),
    }


def _fold_position(new: Any) -> dict[str, Any]:
    """A position keeps a mark that is still owed, and the time at which the row goes out."""
    due_at = func.coalesce(_row.next_attempt_at, new.next_attempt_at)
    return {
        **_fold(new, keeps_failure=_waits_after_failure),
        "change_type": case((_is_delivered, new.change_type), else_=_row.change_type),
        "completed": case((_is_delivered, None), else_=_row.completed),
        "watched_at": case((_is_delivered, None), else_=_row.watched_at),
        "change_set_id": func.coalesce(new.change_set_id, _row.change_set_id),
        "next_attempt_at": case((_is_in_flight, None), else_=due_at),
    }


def _fold(new: Any, *, keeps_failure: ColumnElement[bool]) -> dict[str, Any]:
    keeps_count = or_(_is_in_flight, keeps_failure)
    return {
        "intent_seq": _row.intent_seq + 1,
        "intent_at": new.intent_at,
        "position_ms": new.position_ms,
        "duration_ms": new.duration_ms,
        "origin": new.origin,
        "status": case(
            (_is_in_flight, Status.SYNCING.value),
            (keeps_failure, Status.FAILED.value),
            else_=Status.PENDING.value,
        ),
        "attempt_count": case((keeps_count, _row.attempt_count), else_=0),
        "error_class": case((keeps_failure, _row.error_class), else_=None),
        "error_message": case((keeps_failure, _row.error_message), else_=None),
        "updated_at": new.updated_at,
    }


def _before_change(dialect: str, new: Any) -> Any:
    """Return what was owed before the change set came to the row, for Undo.

    Once the row is changed again, that is nothing.
    """
    as_json = func.json_object if dialect == "sqlite" else func.json_build_object
    names_and_values: list[Any] = []
    for name in (*STATE_COLUMNS, *SCHEDULE_COLUMNS):
        names_and_values += [literal_column(f"'{name}'"), _queue[name]]
    before = as_json(*names_and_values, type_=_row.before_change.type)
    is_first = and_(
        new.change_set_id.is_not(None), _row.change_set_id.is_distinct_from(new.change_set_id)
    )
    return case((and_(is_first, _row.status != Status.SYNCED), before), else_=null())
