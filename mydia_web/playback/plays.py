"""Plays by themselves: the ledger of History, apart from how far anybody is."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select

from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey
from mydia_web.playback.acts import Act, snapshot
from mydia_web.playback.models import Change, ChangeSet, Play
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import ChangeType


def has_play(user_id: int, content: Content, *where: ColumnElement[bool]) -> bool:
    """Return whether there is such a play."""
    query = select(Play.id).where(Play.user_id == user_id, *where, Play.of(content))
    return db.session.scalar(query.limit(1)) is not None


def plays_of(user_id: int, content: Content, *where: ColumnElement[bool]) -> Sequence[Play]:
    return db.session.scalars(
        select(Play).where(Play.user_id == user_id, Play.of(content), *where)
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
            Change.of(content),
        )
    )
    return db.session.scalar(query)


def was_unwatched_since(user_id: int, content: Content, at: datetime) -> bool:
    """Did the user take the mark away after that time? What a pull has found was done nobody knows
    when.
    """
    unwatched_at = last_unwatched_at(user_id, content)
    return unwatched_at is not None and unwatched_at > at


def having_history(user_id: int, contents: Sequence[Content]) -> set[ContentKey]:
    """Those of which the user has a play or took a mark away, by key."""
    keys = {content.key for content in contents}
    found: set[ContentKey] = set()
    for table, query in (
        (Play, select(Play.media_item_id, Play.episode_id).where(Play.user_id == user_id)),
        (Change, _unwatched(user_id)),
    ):
        rows = db.session.execute(query.where(table.of_any(keys)))
        found |= {ContentKey.from_columns(*row) for row in rows}
    return found


def _unwatched(user_id: int) -> Select[int | None, int | None]:
    of_user = (ChangeSet.user_id == user_id, Change.change_type == ChangeType.MARK_UNWATCHED.value)
    query = select(Change.media_item_id, Change.episode_id)
    return query.join(ChangeSet, ChangeSet.id == Change.change_set_id).where(*of_user)


def add_play(act: Act, content: Content, at: datetime) -> None:
    """A play that changes nothing about how far the user is: news of long ago."""
    now_at = snapshot(get_progress(act.user_id, content))
    play = Play(user_id=act.user_id, watched_at=at, origin=act.origin, source_id=act.source_id)
    play.set_content(content)
    play.change_set_id = act.record(content, ChangeType.MARK_WATCHED, now_at, now_at)
    db.session.add(play)
