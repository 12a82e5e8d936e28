"""Plays by themselves: the ledger of History, apart from how far anybody is."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from mydia_web.db import db
from mydia_web.library.content import is_one_of
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act, content_key, snapshot
from mydia_web.playback.models import Change, ChangeSet, Play
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import ChangeType


def has_play(user_id: int, content: Content, *where: ColumnElement[bool]) -> bool:
    """Return whether there is such a play."""
    query = select(Play.id).where(Play.user_id == user_id, *where, *_of(Play, content))
    return db.session.scalar(query.limit(1)) is not None


def plays_of(user_id: int, content: Content, *where: ColumnElement[bool]) -> Sequence[Play]:
    return db.session.scalars(
        select(Play).where(Play.user_id == user_id, *_of(Play, content), *where)
    ).all()


def last_unwatched_at(user_id: int, content: Content) -> datetime | None:
    """Return when the user last took the mark away, as far as that is known."""
    query = (
        select(func.max(ChangeSet.created_at))
        .join(Change, Change.change_set_id == ChangeSet.id)
        .where(
            ChangeSet.user_id == user_id,
            ChangeSet.origin != "pull",
            ChangeSet.undone_at.is_(None),
            Change.change_type == ChangeType.MARK_UNWATCHED.value,
            *_of(Change, content),
        )
    )
    return db.session.scalar(query)


def was_unwatched_since(user_id: int, content: Content, at: datetime) -> bool:
    """Did the user take the mark away after that time? What a pull has found was done nobody knows
    when.
    """
    unwatched_at = last_unwatched_at(user_id, content)
    return unwatched_at is not None and unwatched_at > at


def having_history(user_id: int, contents: Sequence[Content]) -> set[tuple[int | None, int | None]]:
    """Those of which the user has a play or took a mark away, by `content_key`."""
    keys = {content_key(content) for content in contents}
    films, episodes = (
        [film for film, _ in keys if film],
        [episode for _, episode in keys if episode],
    )
    found: set[tuple[int | None, int | None]] = set()
    for table, query in (
        (Play, select(Play.media_item_id, Play.episode_id).where(Play.user_id == user_id)),
        (Change, _unwatched(user_id)),
    ):
        rows = query.where(is_one_of(table, films, episodes))
        found |= {
            (None, episode) if episode else (film, None)
            for film, episode in db.session.execute(rows)
        }
    return found


def _unwatched(user_id: int) -> Select[int | None, int | None]:
    of_user = (ChangeSet.user_id == user_id, Change.change_type == ChangeType.MARK_UNWATCHED.value)
    query = select(Change.media_item_id, Change.episode_id)
    return query.join(ChangeSet, ChangeSet.id == Change.change_set_id).where(*of_user)


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
