"""Plays by themselves: the ledger of History, apart from how far anybody is."""

from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act, content_key, snapshot
from mydia_web.playback.models import Change, ChangeSet, Play
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import ChangeType


def has_play(user_id: int, content: Content, at: datetime, *, within: timedelta) -> bool:
    """Is a play of that time known, be it told by another server a little differently?"""
    near = Play.watched_at.between(at - within, at + within)
    query = select(Play.id).where(Play.user_id == user_id, near, *_of(Play, content))
    return db.session.scalar(query.limit(1)) is not None


def was_unwatched_since(user_id: int, content: Content, at: datetime) -> bool:
    """Did the user take the mark away after that time?"""
    query = (
        select(Change.id)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            ChangeSet.user_id == user_id,
            ChangeSet.created_at > at,
            ChangeSet.undone_at.is_(None),
            Change.change_type == ChangeType.MARK_UNWATCHED.value,
            *_of(Change, content),
        )
    )
    return db.session.scalar(query.limit(1)) is not None


def add_play(act: Act, content: Content, at: datetime) -> None:
    """A play that changes nothing about how far the user is: news of long ago."""
    now_at = snapshot(get_progress(act.user_id, content))
    play = Play(user_id=act.user_id, watched_at=at, origin=act.origin, source_id=act.source_id)
    play.media_item_id, play.episode_id = content_key(content)
    play.change_set_id = act.record(content, ChangeType.MARK_WATCHED, now_at, now_at)
    db.session.add(play)


def _of(table: Any, content: Content) -> tuple[Any, ...]:
    media_item_id, episode_id = content_key(content)
    if episode_id is not None:
        return (table.episode_id == episode_id,)
    return (table.media_item_id == media_item_id, table.episode_id.is_(None))
