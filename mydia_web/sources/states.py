"""The base of the three-way merge: what each account's items last showed us or took from us."""

from collections.abc import Sequence

from sqlalchemy import select

from mydia_web.backends.base import RemoteState
from mydia_web.clock import now
from mydia_web.db import db, insert_for
from mydia_web.sources.models import SourceAccount, SourceItem, SourceItemState


def keep_state(source_id: int, user_id: int, source_item_id: int, state: RemoteState) -> None:
    """Remember that this user's item on the source stands so now. A source or item removed meanwhile is no matter."""
    account = select(SourceAccount.id).where(
        SourceAccount.source_id == source_id, SourceAccount.user_id == user_id
    )
    account_id = db.session.scalar(account)
    if account_id is not None and db.session.get(SourceItem, source_item_id) is not None:
        keep_account_state(account_id, source_item_id, state)


def keep_account_state(account_id: int, source_item_id: int, state: RemoteState) -> None:
    values = {
        "watched": state.watched,
        "position_ms": max(0, state.position_ms),
        "play_count": state.play_count,
        "last_played_at": state.last_played_at,
        "seen_at": now(),
    }
    row = insert_for(SourceItemState).values(
        source_account_id=account_id, source_item_id=source_item_id, **values
    )
    db.session.execute(
        row.on_conflict_do_update(index_elements=["source_account_id", "source_item_id"], set_=values)
    )


def states_of(account_id: int, source_item_ids: Sequence[int]) -> dict[int, RemoteState]:
    """The kept states of these items, by source item id."""
    rows = db.session.scalars(
        select(SourceItemState).where(
            SourceItemState.source_account_id == account_id,
            SourceItemState.source_item_id.in_(source_item_ids),
        )
    )
    return {
        row.source_item_id: RemoteState(row.watched, row.position_ms, row.play_count, row.last_played_at)
        for row in rows
    }
