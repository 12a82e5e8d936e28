"""Take a change back out of the rows into which it was folded, as long as no server can have heard
of it.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from sqlalchemy import Row, bindparam, delete, null, select, update

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.intents import KEPT_SCHEDULE, KEPT_STATE
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.plays import play_key
from mydia_web.queue.wakeup import notify

_WAITING = (Status.PENDING, Status.FAILED)
_TIMES = ("watched_at", "intent_at", "next_attempt_at")


def take_back(rows: Sequence[Row[Any]], change_set_id: int, made_at: datetime) -> set[int]:
    """Make these rows what they were before the change set, or drop them where nothing was owed;
    their ids.

    Left out are those of which a server may have heard since the change set was made, at `made_at`.
    The rows are all of their contents and sources, locked.
    """
    plays = {(*_place(row), row.play_key): row for row in rows if row.play_key}
    dropped = []
    restored = []
    for row in rows:
        if not _is_unheard(row, change_set_id, made_at):
            continue
        before = _before(row)
        if before is None:
            dropped.append(row.id)
            continue
        carried = (
            plays.get((*_place(row), play_key(before["watched_at"])))
            if before["watched_at"]
            else None
        )
        if carried is None or carried.status in _WAITING:
            dropped += [carried.id] if carried is not None else []
            restored.append({"row": row.id, "at": now(), **_values(row, before, made_at)})
    if dropped:
        gone = delete(QueuedChange).where(QueuedChange.id.in_(dropped))
        db.session.execute(gone.execution_options(synchronize_session=False))
    if restored:
        db.session.connection().execute(_put_back(), restored)
    if _are_due_sooner(rows, restored):
        notify()
    return {*dropped, *(values["row"] for values in restored)}


def _is_unheard(row: Row[Any], change_set_id: int, made_at: datetime) -> bool:
    """Return whether the change set alone is what the row owes anew, and no push of that can have
    arrived.
    """
    if row.play_key or row.change_set_id != change_set_id or row.status == Status.SYNCED:
        return False
    if row.status == Status.SYNCING and not _is_untried(row, made_at):
        return False
    seq_before = row.before_change["intent_seq"] if row.before_change else row.synced_seq
    if row.intent_seq != seq_before + 1:
        return False
    may_have_arrived = [_time(one) for one in row.unconfirmed.split(",") if one]
    return _is_untried(row, made_at) or row.intent_at not in may_have_arrived


def _is_untried(row: Row[Any], made_at: datetime) -> bool:
    # Not `attempt_count`: a person who presses Retry sets it to 0.
    return row.last_attempt_at is None or row.last_attempt_at < made_at


def _before(row: Row[Any]) -> dict[str, Any] | None:
    """Return what was owed before, unless that was delivered meanwhile."""
    before = row.before_change
    if before is None or row.synced_seq >= before["intent_seq"]:
        return None
    times = {name: _time(before[name]) for name in _TIMES if before[name]}
    completed = None if before["completed"] is None else bool(before["completed"])
    return {**before, **times, "completed": completed}


def _values(row: Row[Any], before: dict[str, Any], made_at: datetime) -> dict[str, Any]:
    """Return the columns to put back: what came of a push that was under way, or was tried since,
    is kept.
    """
    was_waiting = before["status"] in _WAITING and row.status in _WAITING
    is_restored = was_waiting and _is_untried(row, made_at)
    state = {name: before[name] for name in KEPT_STATE}
    schedule = {name: before[name] if is_restored else getattr(row, name) for name in KEPT_SCHEDULE}
    return state | schedule


def _are_due_sooner(rows: Sequence[Row[Any]], restored: Sequence[dict[str, Any]]) -> bool:
    """Return whether a worker that waits for the next row to be due has to look again."""
    due = {
        row.id: row.next_attempt_at
        for row in rows
        if row.next_attempt_at and row.next_attempt_at > now()
    }
    return any(
        one["row"] in due and (one["next_attempt_at"] or due[one["row"]]) < due[one["row"]]
        for one in restored
    )


def _place(row: Row[Any]) -> tuple[int, int, int, int | None]:
    return row.user_id, row.source_id, row.media_item_id, row.episode_id


def _time(text: str) -> datetime:
    """Return a time as a database writes it: SQLite leaves out that it is UTC."""
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@cache
def _put_back() -> Any:
    table = QueuedChange.__table__
    change_sets = db.metadata.tables["change_sets"]
    names = (*KEPT_STATE, *KEPT_SCHEDULE)
    values: dict[str, Any] = {name: bindparam(name, type_=table.c[name].type) for name in names}
    # It may have been cleared away since.
    kept = select(change_sets.c.id).where(change_sets.c.id == values["change_set_id"])
    values["change_set_id"] = kept.scalar_subquery()
    values["before_change"] = null()
    values["updated_at"] = bindparam("at", type_=table.c.updated_at.type)
    return update(table).where(table.c.id == bindparam("row")).values(values)
