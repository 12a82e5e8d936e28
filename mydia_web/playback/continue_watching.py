"""What to watch next: films and episodes begun, and the next episode of every show under way."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, and_, func, literal, or_, select, tuple_, update

from mydia_web.clock import now
from mydia_web.db import UTCDateTime, db
from mydia_web.errors import NotFound
from mydia_web.library.models import Content, ContentKey, ContentKind, Episode, MediaItem
from mydia_web.playback.airing import is_out, today_of
from mydia_web.playback.models import PlaybackProgress, ShowProgress
from mydia_web.playback.records import locked_progress
from mydia_web.sources.accounts import names_of_holders

Why = Literal["resume", "rewatch", "next", "start"]


@dataclass(frozen=True, slots=True)
class CardCursor:
    """The last card of a list; the next cards begin after it.

    Of the same time, films come before episodes.
    """

    last_activity_at: datetime
    kind: ContentKind
    row_id: int

    @property
    def _position(self) -> ColumnElement[Any]:
        return tuple_(literal(self.last_activity_at, UTCDateTime()), self.row_id)

    def films(self) -> ColumnElement[bool]:
        """Return the condition that a film comes after it."""
        if self.kind == "movie":
            return tuple_(PlaybackProgress.last_watched_at, PlaybackProgress.id) < self._position
        return PlaybackProgress.last_watched_at < self.last_activity_at

    def shows(self) -> ColumnElement[bool]:
        """Return the condition that a show comes after it."""
        if self.kind == "episode":
            return tuple_(ShowProgress.last_activity_at, ShowProgress.id) < self._position
        return ShowProgress.last_activity_at <= self.last_activity_at


@dataclass(frozen=True, slots=True, kw_only=True)
class ToWatch:
    """A card: a film or an episode to continue, or the next episode of a show."""

    kind: ContentKind
    content_id: int
    #: The film or the show.
    item_id: int
    title: str
    year: int | None
    artwork_key: str | None
    #: None for a film.
    season_number: int | None
    episode_number: int | None
    episode_title: str
    still_key: str | None
    #: Why it is here.
    why: Why
    position_seconds: int
    duration_seconds: int | None
    completion_percentage: float
    last_activity_at: datetime
    #: The id of the record that lists it: the film's progress or the show's.
    row_id: int
    #: Names of the sources that hold it.
    on: tuple[str, ...] = ()

    @property
    def cursor(self) -> CardCursor:
        return CardCursor(self.last_activity_at, self.kind, self.row_id)

    @property
    def content_key(self) -> ContentKey:
        return ContentKey(self.kind, self.content_id)

    @property
    def key(self) -> str:
        """Return a name for the card; all episodes of a show share one card."""
        item_kind = "show" if self.kind == "episode" else "movie"
        return f"{item_kind}-{self.item_id}"

    @property
    def seconds_left(self) -> int | None:
        if not self.duration_seconds:
            return None
        return self.duration_seconds - self.position_seconds


def continue_watching(
    user_id: int, *, limit: int = 24, before: CardCursor | None = None
) -> Sequence[ToWatch]:
    """Return films and episodes begun and not finished, the last watched first.

    A show has one card, for its latest episode. `before` is the `cursor` of the last card shown.
    """
    films = _films(user_id, limit, before)
    episodes = _episodes(user_id, ShowProgress.state == "continue", limit, before)
    cards = sorted([*films, *episodes], key=lambda card: card.last_activity_at, reverse=True)
    return _with_sources(cards[:limit])


def up_next(
    user_id: int, *, limit: int = 24, before: CardCursor | None = None
) -> Sequence[ToWatch]:
    """Return the next episode of each show under way, the last active show first."""
    state = ShowProgress.state.in_(["next", "start"])
    return _with_sources(_episodes(user_id, and_(state, is_out(today_of(user_id))), limit, before))


def next_card(user_id: int, show_id: int) -> ToWatch | None:
    """Return the card of a show, whichever list it stands in."""
    begun_or_aired = or_(ShowProgress.state == "continue", is_out(today_of(user_id)))
    cards = _episodes(user_id, and_(ShowProgress.media_item_id == show_id, begun_or_aired), 1, None)
    return next(iter(_with_sources(cards)), None)


def film_card(user_id: int, film_id: int) -> ToWatch | None:
    """Return the card of a film that is begun and not finished."""
    cards = _films(user_id, 1, None, PlaybackProgress.media_item_id == film_id)
    return next(iter(_with_sources(cards)), None)


def dismiss(user_id: int, content: Content) -> None:
    """Take it off Continue Watching and Up Next until it is watched again; keep its position."""
    progress = locked_progress(user_id, content)
    if isinstance(content, Episode):
        own = (ShowProgress.user_id == user_id, ShowProgress.media_item_id == content.media_item_id)
        on_it = ShowProgress.dismissed_at.is_(None)
        db.session.execute(update(ShowProgress).where(*own, on_it).values(dismissed_at=now()))
        return
    if progress is None:
        raise NotFound("This film is not in Continue Watching.")
    progress.dismissed_at = progress.dismissed_at or now()


def _films(
    user_id: int, limit: int, before: CardCursor | None, *where: ColumnElement[bool]
) -> list[ToWatch]:
    query = (
        select(MediaItem, PlaybackProgress)
        .join(MediaItem, MediaItem.id == PlaybackProgress.media_item_id)
        .where(
            PlaybackProgress.user_id == user_id,
            PlaybackProgress.in_progress,
            PlaybackProgress.dismissed_at.is_(None),
            PlaybackProgress.media_item_id.is_not(None),
            *where,
        )
        .order_by(PlaybackProgress.last_watched_at.desc(), PlaybackProgress.id.desc())
        .limit(limit)
    )
    if before:
        query = query.where(before.films())
    return [_film_card(*row) for row in db.session.execute(query)]


def _film_card(film: MediaItem, progress: PlaybackProgress) -> ToWatch:
    return ToWatch(
        kind="movie",
        content_id=film.id,
        item_id=film.id,
        title=film.title,
        year=film.year,
        artwork_key=film.artwork_key,
        season_number=None,
        episode_number=None,
        episode_title="",
        still_key=None,
        why="rewatch" if progress.watched else "resume",
        position_seconds=progress.position_seconds,
        duration_seconds=progress.duration_seconds,
        completion_percentage=progress.completion_percentage,
        last_activity_at=progress.last_watched_at,
        row_id=progress.id,
    )


def _episodes(
    user_id: int, where: ColumnElement[bool], limit: int, before: CardCursor | None
) -> list[ToWatch]:
    own = and_(PlaybackProgress.episode_id == Episode.id, PlaybackProgress.user_id == user_id)
    query = (
        select(
            ShowProgress.state,
            ShowProgress.last_activity_at,
            ShowProgress.id,
            MediaItem,
            Episode,
            PlaybackProgress,
        )
        .join(MediaItem, MediaItem.id == ShowProgress.media_item_id)
        .join(Episode, Episode.id == ShowProgress.next_episode_id)
        .outerjoin(PlaybackProgress, own)
        .where(
            where,
            ShowProgress.user_id == user_id,
            ShowProgress.next_episode_id.is_not(None),
            ShowProgress.last_activity_at.is_not(None),
            ShowProgress.dropped_at.is_(None),
            ShowProgress.dismissed_at.is_(None),
            func.coalesce(ShowProgress.snoozed_until <= now(), True),
        )
        .order_by(ShowProgress.last_activity_at.desc(), ShowProgress.id.desc())
        .limit(limit)
    )
    if before:
        query = query.where(before.shows())
    return [_episode_card(row) for row in db.session.execute(query)]


def _episode_card(row: Row[*tuple[Any, ...]]) -> ToWatch:
    state, last_activity_at, row_id, show, episode, progress = row
    # An episode that is only next has no record yet.
    duration = progress.duration_seconds if progress else episode.runtime_seconds
    return ToWatch(
        kind="episode",
        content_id=episode.id,
        item_id=show.id,
        title=show.title,
        year=show.year,
        artwork_key=show.artwork_key,
        season_number=episode.season_number,
        episode_number=episode.episode_number,
        episode_title=episode.title,
        still_key=episode.artwork_key,
        why=_why(state, progress),
        position_seconds=progress.position_seconds if progress else 0,
        duration_seconds=duration,
        completion_percentage=progress.completion_percentage if progress else 0,
        last_activity_at=last_activity_at,
        row_id=row_id,
    )


def _why(state: str, progress: PlaybackProgress | None) -> Why:
    if state == "next":
        return "next"
    if state != "continue":
        return "start"
    return "rewatch" if progress and progress.watched else "resume"


def _with_sources(cards: Sequence[ToWatch]) -> Sequence[ToWatch]:
    if not cards:
        return cards
    names = names_of_holders({card.content_key for card in cards})
    return [replace(card, on=tuple(names.get(card.content_key, ()))) for card in cards]
