"""The base of the three-way merge: what each account's items last showed us or took from us."""

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


@dataclass(frozen=True, slots=True)
class ShownState:
    """One account's item as its source shows it now."""

    account_id: int
    source_item_id: int
    state: RemoteState
    #: When that was by the server's own clock; None: it did not say.
    told_at: datetime | None = None
    #: By our clock, when it was asked for or told: what it shows is no older. None: just now.
    seen_at: datetime | None = None
    #: The source showed it by itself; False: it took it from us.
    is_listed: bool = True
    #: Which file of it was played, by its remote id; "": the one that is listed.
    version_id: str = ""


def keep_states(shown: Sequence[ShownState]) -> None:
    """Remember them. An account or item that was removed meanwhile is no matter."""
    accounts = _present(SourceAccount, {one.account_id for one in shown})
    items = _present(SourceItem, {one.source_item_id for one in shown})
    rows = [
        _row(one) for one in shown if one.account_id in accounts and one.source_item_id in items
    ]
    if rows:
        # In one order, so that two who keep the same states never wait for each other in a circle.
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
    """Built once, as the queries below: every delivery keeps a state."""
    insert = insert_for(SourceItemState.__table__)
    renewed = {name: insert.excluded[name] for name in _STATE}
    renewed["told_at"] = func.coalesce(insert.excluded.told_at, SourceItemState.told_at)
    key = ["source_account_id", "source_item_id"]
    return insert.on_conflict_do_update(index_elements=key, set_=renewed)


def _row(one: ShownState) -> dict[str, Any]:
    return {
        "source_account_id": one.account_id,
        "source_item_id": one.source_item_id,
        "watched": one.state.watched,
        "position_ms": max(0, one.state.position_ms),
        "play_count": one.state.play_count,
        "last_played_at": one.state.last_played_at,
        "seen_at": one.seen_at or now(),
        "is_listed": one.is_listed,
        "told_at": one.told_at,
        "version_id": one.version_id,
    }


def _present(table: type[SourceAccount] | type[SourceItem], ids: set[int]) -> set[int]:
    """Those that exist, held until the transaction ends."""
    query = _IS_ACCOUNT_THERE if table is SourceAccount else _IS_ITEM_THERE
    return (
        set(db.session.connection().execute(query, {"ids": list(ids)}).scalars()) if ids else set()
    )


_IS_ACCOUNT_THERE, _IS_ITEM_THERE = (
    select(table.id)
    .where(table.id.in_(bindparam("ids", expanding=True)))
    .with_for_update(read=True, key_share=True)
    for table in (SourceAccount, SourceItem)
)


def has_versions(source_item_id: int) -> bool:
    """Return whether the title is known to have further files that the source does not list."""
    query = select(SourceItemVersion.remote_id).where(
        SourceItemVersion.source_item_id == source_item_id
    )
    return db.session.scalar(query.limit(1)) is not None


class Base(NamedTuple):
    """What a source last showed or took, and when that was; by its own clock where an event told."""

    state: RemoteState
    seen_at: datetime
    told_at: datetime | None = None
    is_listed: bool = True
    #: Which file of it was played: see `ShownState.version_id`.
    version_id: str = ""


def states_of(account_id: int, source_item_ids: Sequence[int]) -> dict[int, Base]:
    """The kept states of these items, by source item id."""
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
            RemoteState(row.watched, row.position_ms, row.play_count, row.last_played_at),
            row.seen_at,
            row.told_at,
            row.is_listed,
            row.version_id,
        )
        for row in rows
    }
