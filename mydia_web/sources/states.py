"""The base of the three-way merge: the last known state of each account's items."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, select

from mydia_web.backends.values import RemoteState
from mydia_web.clock import now
from mydia_web.db import db, insert_for
from mydia_web.sources.models import SourceAccount, SourceItem, SourceItemState, SourceItemVersion


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownState:
    """One account's item as its source shows it."""

    account_id: int
    source_item_id: int
    state: RemoteState
    #: When that was by the server's own clock; None: unknown.
    told_at: datetime | None = None
    #: When it was asked for or reported, by our clock; None: just now.
    seen_at: datetime | None = None
    #: The source listed it by itself; False: it accepted a push of ours.
    is_listed: bool = True
    #: The remote id of the file that was played; "": the listed one.
    version_id: str = ""


def keep_states(shown: Sequence[ShownState]) -> None:
    """Store these states, except of accounts and items that were removed meanwhile."""
    accounts = _present(SourceAccount, {state.account_id for state in shown})
    items = _present(SourceItem, {state.source_item_id for state in shown})
    rows = [
        _row(state)
        for state in shown
        if state.account_id in accounts and state.source_item_id in items
    ]
    if rows:
        # In one order, so that two writers of the same states never deadlock.
        rows.sort(key=lambda row: (row["source_account_id"], row["source_item_id"]))
        db.session.connection().execute(_keep(db.engine.dialect.name), rows)


_STATE = (
    "watched",
    "position_ms",
    "play_count",
    "last_played_at",
    "seen_at",
    "is_listed",
    "version_id",
)


@cache
def _keep(_dialect: str) -> Any:
    """Build the statement once, like the queries below: every delivery runs it."""
    insert = insert_for(SourceItemState.__table__)
    renewed = {name: insert.excluded[name] for name in _STATE}
    renewed["told_at"] = func.coalesce(insert.excluded.told_at, SourceItemState.told_at)
    key = ["source_account_id", "source_item_id"]
    return insert.on_conflict_do_update(index_elements=key, set_=renewed)


def _row(shown: ShownState) -> dict[str, Any]:
    return {
        "source_account_id": shown.account_id,
        "source_item_id": shown.source_item_id,
        "watched": shown.state.watched,
        "position_ms": max(0, shown.state.position_ms),
        "play_count": shown.state.play_count,
        "last_played_at": shown.state.last_played_at,
        "seen_at": shown.seen_at or now(),
        "is_listed": shown.is_listed,
        "told_at": shown.told_at,
        "version_id": shown.version_id,
    }


def _present(table: type[SourceAccount] | type[SourceItem], ids: set[int]) -> set[int]:
    """Return the ids that exist, and lock their rows until the transaction ends."""
    if not ids:
        return set()
    query = _LOCK_ACCOUNTS if table is SourceAccount else _LOCK_ITEMS
    rows = db.session.connection().execute(query, {"ids": list(ids)})
    return set(rows.scalars())


def _lock_existing(table: type[SourceAccount] | type[SourceItem]) -> Any:
    is_asked_for = table.id.in_(bindparam("ids", expanding=True))
    return select(table.id).where(is_asked_for).with_for_update(read=True, key_share=True)


_LOCK_ACCOUNTS = _lock_existing(SourceAccount)
_LOCK_ITEMS = _lock_existing(SourceItem)


def has_versions(source_item_id: int) -> bool:
    """Return whether the title is known to have files that the source does not list."""
    query = select(SourceItemVersion.remote_id).where(
        SourceItemVersion.source_item_id == source_item_id
    )
    return db.session.scalar(query.limit(1)) is not None


class Base(NamedTuple):
    """The last state that a source showed or accepted, and when that was."""

    state: RemoteState
    seen_at: datetime
    told_at: datetime | None = None
    is_listed: bool = True
    version_id: str = ""


def states_of(account_id: int, source_item_ids: Sequence[int]) -> dict[int, Base]:
    """Return the stored states of these items, by source item id."""
    if not source_item_ids:
        return {}
    rows = db.session.scalars(
        select(SourceItemState).where(
            SourceItemState.source_account_id == account_id,
            SourceItemState.source_item_id.in_(source_item_ids),
        )
    )
    return {
        row.source_item_id: Base(
            RemoteState(
                watched=row.watched,
                position_ms=row.position_ms,
                play_count=row.play_count,
                last_played_at=row.last_played_at,
            ),
            row.seen_at,
            row.told_at,
            row.is_listed,
            row.version_id,
        )
        for row in rows
    }
