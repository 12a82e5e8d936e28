"""One person's watch state of one title: reading it, and changing it by an act of its own."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.change_sets import ORIGINS
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.outbox import enqueue_current_state
from mydia_web.playback.records import get_progress, length_for, locked_progress
from mydia_web.sources.models import SourceAccount, SourceItem, SourceItemState
from mydia_web.sources.recipients import sources_to_tell

_ORDERS = ("last_watched_at", "updated_at", "completion_percentage")


def list_user_progress(
    user_id: int,
    *,
    watched: bool | None = None,
    limit: int | None = None,
    order_by: Literal["last_watched_at", "updated_at", "completion_percentage"] = "last_watched_at",
) -> Sequence[PlaybackProgress]:
    """Return the user's progress records, highest first by `order_by`."""
    columns = {name: getattr(PlaybackProgress, name) for name in _ORDERS}
    if order_by not in columns:
        raise InvalidValue("order_by", f"Choose one of: {', '.join(_ORDERS)}.")
    query = select(PlaybackProgress).where(PlaybackProgress.user_id == user_id)
    if watched is not None:
        query = query.where(PlaybackProgress.watched == watched)
    query = query.order_by(columns[order_by].desc(), PlaybackProgress.id.desc())
    return db.session.scalars(query.limit(limit)).all()


def save_progress(
    user_id: int,
    content: Content,
    *,
    position_seconds: float,
    duration_seconds: float,
    at: datetime | None = None,
    origin: str = "player",
) -> PlaybackProgress:
    """Store a position as an act of its own: see `Act.save_progress`. Raise `InvalidValue`."""
    with _new_act(user_id, origin) as act:
        return act.save_progress(
            content, position_seconds=position_seconds, duration_seconds=duration_seconds, at=at
        )


def mark_watched(
    user_id: int,
    content: Content,
    *,
    at: datetime | None = None,
    origin: str = "web",
    date_unknown: bool = False,
    again: bool = False,
) -> PlaybackProgress:
    """Make a title watched as an act of its own: see `Act.mark_watched`. Raise `InvalidValue`."""
    with _new_act(user_id, origin) as act:
        return act.mark_watched(content, Mark(at=at, date_unknown=date_unknown, again=again))


def mark_unwatched(user_id: int, content: Content, *, origin: str = "web") -> bool:
    """Make a title unwatched as an act of its own: see `Act.mark_unwatched`."""
    with _new_act(user_id, origin) as act:
        return act.mark_unwatched(content)


delete_progress = mark_unwatched


def adopt_remote_state(user_id: int, content: Content, source_item_id: int) -> Act:
    """Make the state that a copy last showed the user's own, here and on every other source.

    Raise `NotFound` where the copy has shown no state of the user's.
    """
    shown, source_id = _last_shown(user_id, source_item_id)
    # Locked before our own state is read for the first time.
    locked_progress(user_id, content)
    with Act(user_id, "web", source_id=source_id) as act:
        _adopt(act, content, shown)
        for source in sources_to_tell(user_id, content):
            if source.source_id != source_id:
                enqueue_current_state(act, content, source)
    return act


def _adopt(act: Act, content: Content, shown: SourceItemState) -> None:
    own = get_progress(act.user_id, content)
    is_unwatched_there = own is not None and own.watched and not shown.watched
    has_nothing = not shown.watched and not shown.position_ms
    if is_unwatched_there or has_nothing:
        act.mark_unwatched(content)
    if shown.watched:
        is_unknown = shown.last_played_at is None
        act.mark_watched(content, Mark(at=shown.last_played_at, date_unknown=is_unknown))
    if shown.position_ms:
        position = shown.position_ms // 1000
        duration = length_for(content, position)
        act.save_progress(content, position_seconds=position, duration_seconds=duration)


def _last_shown(user_id: int, source_item_id: int) -> tuple[SourceItemState, int]:
    """Return the last state of a copy that belongs to the user, and the id of its source."""
    row = db.session.execute(
        select(SourceItemState, SourceItem.source_id)
        .join(SourceAccount, SourceAccount.id == SourceItemState.source_account_id)
        .join(SourceItem, SourceItem.id == SourceItemState.source_item_id)
        .where(SourceAccount.user_id == user_id, SourceItem.id == source_item_id)
    ).first()
    if row is None:
        raise NotFound("This server has not shown a state of yours for it.")
    return row[0], row[1]


def _new_act(user_id: int, origin: str) -> Act:
    if origin not in ORIGINS:
        raise InvalidValue("origin", f"Choose one of: {', '.join(ORIGINS)}.")
    return Act(user_id, origin)
