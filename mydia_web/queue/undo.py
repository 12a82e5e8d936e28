"""Take a change back out of the rows it was folded into, while no server can have received it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, delete, null, select, update

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.intents import SCHEDULE_COLUMNS, STATE_COLUMNS
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.plays import play_key
from mydia_web.queue.rows import RowKey, row_key
from mydia_web.queue.wakeup import notify

_WAITING = (Status.PENDING, Status.FAILED)
_TIMES = ("watched_at", "intent_at", "next_attempt_at")

_Plays = Mapping[tuple[RowKey, str], Row[Any]]


def take_back(rows: Sequence[Row[Any]], change_set_id: int, made_at: datetime) -> set[int]:
    """Make these rows what they were before the change set; return the ids of those changed.

    Rows that owed nothing before are dropped. Rows that a server may have received since the change
    set was made, at `made_at`, are left alone. `rows` are all rows of their contents and sources,
    locked.
    """
    plays = {(row_key(row), row.play_key): row for row in rows if row.play_key}
    dropped: list[int] = []
    restored: list[dict[str, Any]] = []
    for row in rows:
        if not _is_unsent(row, change_set_id, made_at):
            continue
        before = _before(row)
        if before is None:
            dropped.append(row.id)
            continue
        play = _carried_play(row, before, plays)
        if play is not None:
            if play.status not in _WAITING:
                continue
            dropped.append(play.id)
        restored.append(_restored_values(row, before, made_at))
    _delete_and_restore(dropped, restored)
    if _are_due_sooner(rows, restored):
        notify()
    return {*dropped, *(values["row"] for values in restored)}


def _delete_and_restore(dropped: list[int], restored: list[dict[str, Any]]) -> None:
    if dropped:
        statement = delete(QueuedChange).where(QueuedChange.id.in_(dropped))
        db.session.execute(statement.execution_options(synchronize_session=False))
    if restored:
        db.session.connection().execute(_restore(), restored)


def _is_unsent(row: Row[Any], change_set_id: int, made_at: datetime) -> bool:
    """Return whether the row owes just this change set, and no push of it can have arrived."""
    if row.play_key or row.change_set_id != change_set_id or row.status == Status.SYNCED:
        return False
    is_untried = _is_untried(row, made_at)
    if row.status == Status.SYNCING and not is_untried:
        return False
    seq_before = row.synced_seq
    if row.before_change:
        seq_before = row.before_change["intent_seq"]
    if row.intent_seq != seq_before + 1:
        return False
    return is_untried or row.intent_at not in _unconfirmed_times(row)


def _unconfirmed_times(row: Row[Any]) -> list[datetime]:
    return [_time(text) for text in row.unconfirmed.split(",") if text]


def _is_untried(row: Row[Any], made_at: datetime) -> bool:
    # Not `attempt_count`: a person who presses Retry sets it to 0.
    return row.last_attempt_at is None or row.last_attempt_at < made_at


def _before(row: Row[Any]) -> dict[str, Any] | None:
    """Return what was owed before; None if that was nothing, or was delivered meanwhile."""
    before = row.before_change
    if before is None or row.synced_seq >= before["intent_seq"]:
        return None
    times = {name: _time(before[name]) for name in _TIMES if before[name]}
    # SQLite's JSON keeps a boolean as 0 or 1.
    completed = None if before["completed"] is None else bool(before["completed"])
    return {**before, **times, "completed": completed}


def _carried_play(row: Row[Any], before: dict[str, Any], plays: _Plays) -> Row[Any] | None:
    """Return the row that was made for the play which the row owed before."""
    if not before["watched_at"]:
        return None
    return plays.get((row_key(row), play_key(before["watched_at"])))


def _restored_values(row: Row[Any], before: dict[str, Any], made_at: datetime) -> dict[str, Any]:
    """Return the columns to restore. The result of a push since the change set is kept."""
    values: dict[str, Any] = {"row": row.id, "at": now()}
    for name in STATE_COLUMNS:
        values[name] = before[name]
    was_waiting = before["status"] in _WAITING and row.status in _WAITING
    keeps_schedule = was_waiting and _is_untried(row, made_at)
    for name in SCHEDULE_COLUMNS:
        values[name] = before[name] if keeps_schedule else getattr(row, name)
    return values


def _are_due_sooner(rows: Sequence[Row[Any]], restored: Sequence[dict[str, Any]]) -> bool:
    """Return whether a worker that sleeps until the next row is due must wake earlier."""
    at = now()
    old_times = {row.id: row.next_attempt_at for row in rows}
    for values in restored:
        old_time = old_times[values["row"]]
        new_time = values["next_attempt_at"]
        if not old_time or not new_time or old_time <= at:
            continue
        if new_time < old_time:
            return True
    return False


def _time(text: str) -> datetime:
    """Parse a time as a database writes it: SQLite leaves out that it is UTC."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        return at.replace(tzinfo=UTC)
    return at


@cache
def _restore() -> Any:
    queue = QueuedChange.__table__
    change_sets = db.metadata.tables["change_sets"]
    values: dict[str, Any] = {}
    for name in (*STATE_COLUMNS, *SCHEDULE_COLUMNS):
        values[name] = bindparam(name, type_=queue.c[name].type)
    # The change set may have been pruned since.
    existing = select(change_sets.c.id).where(change_sets.c.id == values["change_set_id"])
    values["change_set_id"] = existing.scalar_subquery()
    values["before_change"] = null()
    values["updated_at"] = bindparam("at", type_=queue.c.updated_at.type)
    return update(queue).where(queue.c.id == bindparam("row")).values(values)
