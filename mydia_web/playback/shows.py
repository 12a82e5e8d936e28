"""Where a person is in a show: the next episode, kept up to date for pages that only read."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import and_, case, func, select

from mydia_web.db import db, insert_for, lock_titles
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.airing import is_held, is_out, is_out_on, today_in, today_of, zone_of
from mydia_web.playback.models import PlaybackProgress, ShowProgress

State = Literal["continue", "next", "start", "all_watched"]


class SeenEpisode(NamedTuple):
    """One episode of a show as one person has seen it."""

    episode_id: int
    season_number: int
    episode_number: int
    air_date: date | None
    watched: bool
    in_progress: bool
    #: None: never played.
    last_watched_at: datetime | None
    #: A server or a folder has it.
    is_held: bool = False

    def is_out(self, today: date) -> bool:
        return is_out_on(today, self.air_date, is_held=self.is_held)

    @property
    def is_special(self) -> bool:
        return self.season_number == 0

    @property
    def number(self) -> tuple[int, int]:
        return (self.season_number, self.episode_number)


@dataclass(frozen=True, slots=True)
class NextEpisode:
    """Where a person is in a show. `episode` is None once everything is watched."""

    state: State
    episode: Episode | None


@dataclass(frozen=True, slots=True)
class Seen:
    """How much of a film or a show a person has seen. A film is one of one."""

    watched: int = 0
    #: 1 for films; for shows the episodes that are out, without specials.
    total: int = 1
    #: How far a film has been played, in percent.
    percent: float = 0

    @property
    def is_watched(self) -> bool:
        return self.watched >= self.total > 0

    @property
    def share(self) -> float:
        """The share seen of a film or of a show's episodes, in percent."""
        if self.percent or not self.total:
            return self.percent
        return 100 * self.watched / self.total


def get_next_episode(user_id: int, show: MediaItem, *, today: date | None = None) -> NextEpisode:
    """Return what to watch next: the latest activity decides, not the lowest number.

    `continue` an episode begun, the `next` one after the last watched, `start` at the beginning,
    or `all_watched` of what is out. Specials never block; only one begun last is continued.
    `today` is the person's day unless it is given.
    """
    seen, day = _seen_episodes(user_id, show.id)
    today = today or day
    state, found = choose_next(seen, today)
    if found is not None and (state == "continue" or found.is_out(today)):
        return NextEpisode(state, db.session.get(Episode, found.episode_id))
    is_begun = any(episode.last_watched_at for episode in seen)
    return NextEpisode("all_watched" if is_begun else "start", None)


def choose_next(seen: Sequence[SeenEpisode], today: date) -> tuple[State, SeenEpisode | None]:
    """Apply the rule to the episodes of one show in any order; it may choose one yet to air.

    A show that has nothing but specials is watched like any other.
    """
    regular = _regular(seen)
    played = [episode for episode in seen if episode.last_watched_at]
    if not played:
        return "start", _first_unwatched(regular, today)
    last = max(played, key=_activity)
    if last.in_progress:
        return "continue", last
    regular_ids = {episode.episode_id for episode in regular}
    played_regular = [episode for episode in played if episode.episode_id in regular_ids]
    if not played_regular:
        return "start", _first_unwatched(regular, today)
    last = max(played_regular, key=_activity)
    if last.in_progress:
        return "continue", last
    return _after(last, regular, today)


def _regular(seen: Sequence[SeenEpisode]) -> list[SeenEpisode]:
    regular = [episode for episode in seen if not episode.is_special]
    return sorted(regular or seen, key=lambda episode: episode.number)


def _after(
    last: SeenEpisode, regular: Sequence[SeenEpisode], today: date
) -> tuple[State, SeenEpisode | None]:
    later = [episode for episode in regular if episode.number >= last.number]
    for episode in later:
        if not episode.watched and episode.is_out(today):
            return "next", episode
    skipped = _first_unwatched(regular, today)
    return ("next", skipped) if skipped else ("all_watched", None)


def _activity(episode: SeenEpisode) -> tuple[datetime | None, tuple[int, int]]:
    return (episode.last_watched_at, episode.number)


def _first_unwatched(regular: Sequence[SeenEpisode], today: date) -> SeenEpisode | None:
    """Return the first unwatched one that is out, or else the first one yet to air."""
    unwatched = [episode for episode in regular if not episode.watched]
    out = [episode for episode in unwatched if episode.is_out(today)]
    return next(iter(out or unwatched), None)


def refresh(user_id: int, show_id: int) -> None:
    """Work out where the user is in the show, and store it."""
    seen, today = _seen_episodes(user_id, show_id)
    times = [episode.last_watched_at for episode in seen if episode.last_watched_at]
    state, found = choose_next(seen, today)
    values: dict[str, Any] = {
        "state": state,
        "next_episode_id": found.episode_id if found else None,
        "last_activity_at": max(times, default=None),
    }
    row = insert_for(ShowProgress).values(user_id=user_id, media_item_id=show_id, **values)
    # A dismissed show comes back when it is watched, not when the library is read.
    watched_since = row.excluded.last_activity_at > ShowProgress.dismissed_at
    values["dismissed_at"] = case((watched_since, None), else_=ShowProgress.dismissed_at)
    db.session.execute(
        row.on_conflict_do_update(index_elements=["user_id", "media_item_id"], set_=values)
    )


def refresh_aired(since: date, until: date) -> int:
    """Refresh the shows of which an episode aired after `since`, up to `until`; return how many."""
    query = select(Episode.media_item_id).distinct()
    query = query.where(Episode.air_date > since, Episode.air_date <= until)
    show_ids = db.session.scalars(query).all()
    refresh_shows(show_ids)
    return len(show_ids)


def refresh_show(show_id: int) -> None:
    """Refresh a show for every user after its episodes changed."""
    refresh_shows([show_id])


def refresh_shows(show_ids: Collection[int]) -> None:
    """Refresh these shows for every user, with all of them locked at once."""
    query = select(ShowProgress.user_id, ShowProgress.media_item_id)
    query = query.where(ShowProgress.media_item_id.in_(show_ids))
    titles = sorted((user_id, show_id) for user_id, show_id in db.session.execute(query))
    lock_titles(titles)
    for user_id, show_id in titles:
        refresh(user_id, show_id)


def seen_of_films(user_id: int, film_ids: Sequence[int]) -> dict[int, Seen]:
    """Return how much was seen of films, by id; films that were never played are missing."""
    own = PlaybackProgress.user_id == user_id
    is_asked = PlaybackProgress.media_item_id.in_(film_ids)
    records = db.session.scalars(select(PlaybackProgress).where(own, is_asked))
    return {record.content_key.id: _seen_film(record) for record in records}


def _seen_film(record: PlaybackProgress) -> Seen:
    percent = record.completion_percentage if record.in_progress else 0
    return Seen(watched=int(record.watched), percent=percent)


def seen_of_shows(user_id: int, show_ids: Sequence[int]) -> dict[int, Seen]:
    """Return how much was seen of shows, by id; shows without an episode out are missing."""
    own = and_(
        PlaybackProgress.episode_id == Episode.id,
        PlaybackProgress.user_id == user_id,
        PlaybackProgress.watched,
    )
    rows = db.session.execute(
        select(Episode.media_item_id, func.count(PlaybackProgress.id), func.count())
        .outerjoin(PlaybackProgress, own)
        .where(
            Episode.media_item_id.in_(show_ids),
            Episode.season_number > 0,
            is_out(today_of(user_id)),
        )
        .group_by(Episode.media_item_id)
    )
    return {show_id: Seen(watched, total) for show_id, watched, total in rows}


def _seen_episodes(user_id: int, show_id: int) -> tuple[Sequence[SeenEpisode], date]:
    """Return the episodes as the person has seen them, and the day it is there."""
    own = and_(PlaybackProgress.episode_id == Episode.id, PlaybackProgress.user_id == user_id)
    rows = db.session.execute(
        select(
            Episode.id,
            Episode.season_number,
            Episode.episode_number,
            Episode.air_date,
            func.coalesce(PlaybackProgress.watched, False),
            func.coalesce(PlaybackProgress.in_progress, False),
            PlaybackProgress.last_watched_at,
            is_held(),
            zone_of(user_id),
        )
        .outerjoin(PlaybackProgress, own)
        .where(Episode.media_item_id == show_id)
    ).all()
    zone = rows[0][-1] if rows else "UTC"
    return [SeenEpisode(*row[:-1]) for row in rows], today_in(zone)
