"""Plays: what a person has watched and when, read page by page at the same cost at any depth."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, func, literal, select, tuple_

from mydia_web.db import UTCDateTime, db
from mydia_web.library.models import Content, ContentKey, Episode, MediaItem
from mydia_web.playback.change_sets import ChangeRecorder, Recorded
from mydia_web.playback.models import Change, ChangeSet, Play
from mydia_web.playback.records import get_progress, snapshot
from mydia_web.queue.models import ChangeType
from mydia_web.sources.models import Source

# SQLAlchemy cannot tell that an outer join may bring None.
_Plays = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryEntry:
    """One play with everything the page says about it."""

    play_id: int
    watched_at: datetime | None
    origin: str
    source_name: str | None
    source_kind: str | None
    #: The film or the show.
    item: MediaItem
    episode: Episode | None


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last play of a page; the next page begins after it."""

    watched_at: datetime | None
    play_id: int


def history(
    user_id: int, *, before: Cursor | None = None, limit: int = 50
) -> Sequence[HistoryEntry]:
    """Return a page of plays, newest first; those of unknown date come last."""
    entries: list[HistoryEntry] = []
    is_among_undated = before is not None and before.watched_at is None
    if not is_among_undated:
        entries = _dated(user_id, before, limit)
    if len(entries) < limit:
        last = before if is_among_undated else None
        entries += _undated(user_id, last, limit - len(entries))
    return entries


def _dated(user_id: int, before: Cursor | None, limit: int) -> list[HistoryEntry]:
    query = _plays(user_id).where(Play.watched_at.is_not(None))
    if before:
        # A tuple takes its types from its values, and would not turn the time into UTC by itself.
        last = tuple_(literal(before.watched_at, UTCDateTime), before.play_id)
        query = query.where(tuple_(Play.watched_at, Play.id) < last)
    return _entries(query.order_by(Play.watched_at.desc(), Play.id.desc()).limit(limit))


def _undated(user_id: int, before: Cursor | None, limit: int) -> list[HistoryEntry]:
    query = _plays(user_id).where(Play.watched_at.is_(None))
    if before:
        query = query.where(Play.id < before.play_id)
    return _entries(query.order_by(Play.id.desc()).limit(limit))


def history_of(user_id: int, content: Content) -> Sequence[HistoryEntry]:
    """Return all plays of one film or episode, newest first."""
    query = _plays(user_id).where(Play.of(content))
    return _entries(query.order_by(Play.watched_at.desc().nulls_last(), Play.id.desc()))


def count_plays(user_id: int) -> int:
    query = select(func.count()).select_from(Play).where(Play.user_id == user_id)
    return db.session.scalar(query) or 0


def plays_of(user_id: int, content: Content, *conditions: ColumnElement[bool]) -> Sequence[Play]:
    own = Play.user_id == user_id
    return db.session.scalars(select(Play).where(own, Play.of(content), *conditions)).all()


def has_play(user_id: int, content: Content, *conditions: ColumnElement[bool]) -> bool:
    """Return whether there is a play that meets the conditions."""
    query = select(Play.id).where(Play.user_id == user_id, *conditions, Play.of(content))
    return db.session.scalar(query.limit(1)) is not None


def add_play(act: ChangeRecorder, content: Content, at: datetime) -> None:
    """Add a play of long ago, which changes nothing about how far the user is."""
    current = snapshot(get_progress(act.user_id, content))
    change_set_id = act.record(ChangeType.MARK_WATCHED, [Recorded(content, current, current)])
    play = Play(
        user_id=act.user_id,
        watched_at=at,
        origin=act.origin,
        source_id=act.source_id,
        change_set_id=change_set_id,
        **content.key.columns,
    )
    db.session.add(play)


def having_history(user_id: int, contents: Collection[Content]) -> set[ContentKey]:
    """Return the keys of those that the user has a play of, or took a mark from."""
    keys = {content.key for content in contents}
    played = select(Play.media_item_id, Play.episode_id).where(
        Play.user_id == user_id, Play.of_any(keys)
    )
    changed = select(Change.media_item_id, Change.episode_id).where(Change.of_any(keys))
    unmarked = _of_unmarked(changed, user_id)
    return {
        ContentKey.from_columns(*row)
        for query in (played, unmarked)
        for row in db.session.execute(query)
    }


def last_unwatched_at(user_id: int, content: Content) -> datetime | None:
    """Return when the user last took the mark away.

    When a change happened that a pull found is not known, so those do not count.
    """
    query = _of_unmarked(select(func.max(ChangeSet.created_at)).select_from(Change), user_id)
    is_dated = ChangeSet.origin != "pull"
    is_valid = ChangeSet.undone_at.is_(None)
    unwatched_at: datetime | None = db.session.scalar(
        query.where(is_dated, is_valid, Change.of(content))
    )
    return unwatched_at


def was_unwatched_since(user_id: int, content: Content, at: datetime) -> bool:
    """Return whether the user took the mark away after that time: see `last_unwatched_at`."""
    unwatched_at = last_unwatched_at(user_id, content)
    return unwatched_at is not None and unwatched_at > at


def _of_unmarked(query: Any, user_id: int) -> Any:
    """Limit a query over `Change` to the marks that the user took away."""
    return query.join(ChangeSet, ChangeSet.id == Change.change_set_id).where(
        ChangeSet.user_id == user_id, Change.change_type == ChangeType.MARK_UNWATCHED.value
    )


def _plays(user_id: int) -> _Plays:
    item_id = func.coalesce(Play.media_item_id, Episode.media_item_id)
    return (
        select(Play, Source, Episode, MediaItem)
        .outerjoin(Source, Source.id == Play.source_id)
        .outerjoin(Episode, Episode.id == Play.episode_id)
        .join(MediaItem, MediaItem.id == item_id)
        .where(Play.user_id == user_id)
    )


def _entries(query: _Plays) -> list[HistoryEntry]:
    return [_entry(*row) for row in db.session.execute(query)]


def _entry(
    play: Play, source: Source | None, episode: Episode | None, item: MediaItem
) -> HistoryEntry:
    return HistoryEntry(
        play_id=play.id,
        watched_at=play.watched_at,
        origin=play.origin,
        source_name=source.name if source else None,
        source_kind=source.kind if source else None,
        item=item,
        episode=episode,
    )
