"""What a user has watched, newest first, read from any depth at the same cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, literal, select, tuple_

from mydia_web.db import UTCDateTime, db
from mydia_web.errors import InvalidValue
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.models import Play
from mydia_web.sources.models import Source

# SQLAlchemy cannot tell that an outer join may bring None.
_Plays = Select[*tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """One play with what the page says of it."""

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
    """The last play seen; the next page begins behind it."""

    watched_at: datetime | None
    play_id: int

    def __str__(self) -> str:
        return f"{self.watched_at.isoformat() if self.watched_at else 'unknown'}~{self.play_id}"

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises `InvalidValue`."""
        when, _, play_id = text.rpartition("~")
        try:
            watched_at = None if when == "unknown" else datetime.fromisoformat(when)
            # Times at the ends of the calendar cannot be told in every zone, nor keys beyond 64
            # bits be looked up.
            if watched_at and (watched_at.tzinfo is None or not 1000 < watched_at.year < 9000):
                raise ValueError
            if len(play_id) > 18:
                raise ValueError
            return cls(watched_at, int(play_id))
        except ValueError as error:
            raise InvalidValue(
                "before", "This page of the history cannot be found. Start again from the top."
            ) from error


def history(
    user_id: int, *, before: Cursor | None = None, limit: int = 50
) -> Sequence[HistoryEntry]:
    """Plays, newest first; those of unknown date come last."""
    entries: list[HistoryEntry] = []
    if before is None or before.watched_at is not None:
        dated = _plays(user_id).where(Play.watched_at.is_not(None))
        if before:
            # A tuple takes its types from its values, not from the columns, and would not turn the
            # time into UTC.
            last = tuple_(literal(before.watched_at, UTCDateTime), before.play_id)
            dated = dated.where(tuple_(Play.watched_at, Play.id) < last)
        dated = dated.order_by(Play.watched_at.desc(), Play.id.desc())
        entries = _entries(dated.limit(limit))
    if len(entries) < limit:
        undated = _plays(user_id).where(Play.watched_at.is_(None))
        if before and before.watched_at is None:
            undated = undated.where(Play.id < before.play_id)
        entries += _entries(undated.order_by(Play.id.desc()).limit(limit - len(entries)))
    return entries


def plays_of(user_id: int, content: Content) -> Sequence[HistoryEntry]:
    """All plays of one film or episode, newest first."""
    query = (
        _plays(user_id)
        .where(Play.of(content))
        .order_by(Play.watched_at.desc().nulls_last(), Play.id.desc())
    )
    return _entries(query)


def count_plays(user_id: int) -> int:
    return (
        db.session.scalar(select(func.count()).select_from(Play).where(Play.user_id == user_id))
        or 0
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
    name, kind = (source.name, source.kind) if source else (None, None)
    return HistoryEntry(play.id, play.watched_at, play.origin, name, kind, item, episode)
