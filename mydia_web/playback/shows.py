"""What to watch next in a show, worked out from what was watched last and kept for the home page to
read.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from sqlalchemy import and_, case, select

from mydia_web.db import db, insert_for, lock_titles
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.airing import is_held, today_in, zone_of
from mydia_web.playback.models import PlaybackProgress, ShowProgress

State = Literal["continue", "next", "start", "all_watched"]


class Seen(NamedTuple):
    """One episode of a show as one user has seen it."""

    episode_id: int
    season_number: int
    episode_number: int
    air_date: date | None
    watched: bool
    in_progress: bool
    #: None: never touched.
    last_watched_at: datetime | None
    #: A server or a folder has it.
    is_held: bool = False

    def is_out(self, today: date) -> bool:
        return self.is_held or self.air_date is None or self.air_date <= today

    @property
    def is_special(self) -> bool:
        return self.season_number == 0

    @property
    def place(self) -> tuple[int, int]:
        return (self.season_number, self.episode_number)


@dataclass(frozen=True, slots=True)
class NextEpisode:
    """Where a user is in a show. `episode` is None once all is watched."""

    state: State
    episode: Episode | None


def get_next_episode(user_id: int, show: MediaItem, *, today: date | None = None) -> NextEpisode:
    """What to watch next in the show: the latest activity decides, not the lowest number.

    `continue` an episode begun, the `next` one after the last watched, `start` at the beginning, or
    `all_watched` (of what is out). Specials never block; only one begun last is continued. Without
    `today` it is the person's day.
    """
    seen, day = _seen(user_id, show.id)
    today = today or day
    state, found = choose_next(seen, today)
    if found is None or (state != "continue" and not found.is_out(today)):
        return NextEpisode(
            "all_watched" if any(one.last_watched_at for one in seen) else "start", None
        )
    return NextEpisode(state, db.session.get(Episode, found.episode_id))


def choose_next(seen: Sequence[Seen], today: date) -> tuple[State, Seen | None]:
    """The rule itself, over the episodes of one show in any order. May name one that has yet to
    air.

    A show that has nothing but specials is watched like any other.
    """
    touched = [one for one in seen if one.last_watched_at]
    has_episodes = any(not one.is_special for one in seen)
    regular = sorted(
        (one for one in seen if not (one.is_special and has_episodes)), key=lambda one: one.place
    )
    if not touched:
        return "start", _first_unwatched(regular, today)
    last = max(touched, key=_activity)
    if last.in_progress:
        return "continue", last
    last_regular = max((one for one in touched if one in regular), key=_activity, default=None)
    if last_regular is None:
        return "start", _first_unwatched(regular, today)
    if last_regular.in_progress:
        return "continue", last_regular
    after = [one for one in regular if one.place >= last_regular.place]
    found = _first_unwatched(after, today, aired=True) or _first_unwatched(regular, today)
    return ("next", found) if found else ("all_watched", None)


def _activity(one: Seen) -> tuple[datetime | None, tuple[int, int]]:
    return (one.last_watched_at, one.place)


def _first_unwatched(regular: Sequence[Seen], today: date, *, aired: bool = False) -> Seen | None:
    unwatched = [one for one in regular if not one.watched]
    out = [one for one in unwatched if one.is_out(today)]
    return next(iter(out or ([] if aired else unwatched)), None)


def refresh(user_id: int, show_id: int) -> None:
    """Work out anew where the user is in the show and keep it."""
    seen, today = _seen(user_id, show_id)
    last_activity = max((one.last_watched_at for one in seen if one.last_watched_at), default=None)
    state, found = choose_next(seen, today)
    values: dict[str, Any] = {
        "state": state,
        "next_episode_id": found.episode_id if found else None,
        "last_activity_at": last_activity,
    }
    row = insert_for(ShowProgress).values(user_id=user_id, media_item_id=show_id, **values)
    # What was taken off the list comes back by being watched, not by a look at the library.
    watched_since = row.excluded.last_activity_at > ShowProgress.dismissed_at
    values["dismissed_at"] = case((watched_since, None), else_=ShowProgress.dismissed_at)
    db.session.execute(
        row.on_conflict_do_update(index_elements=["user_id", "media_item_id"], set_=values)
    )


def refresh_aired(since: date, until: date) -> int:
    """Bring the shows up to date of which an episode aired after `since`, up to `until`; how many."""
    query = (
        select(Episode.media_item_id)
        .where(Episode.air_date > since, Episode.air_date <= until)
        .distinct()
    )
    show_ids = db.session.scalars(query).all()
    refresh_shows(show_ids)
    return len(show_ids)


def refresh_show(show_id: int) -> None:
    """Bring every user's place in a show up to date after its episodes changed."""
    refresh_shows([show_id])


def refresh_shows(show_ids: Collection[int]) -> None:
    """Bring every user's place in these shows up to date, with all of them locked at once."""
    query = select(ShowProgress.user_id, ShowProgress.media_item_id)
    places = db.session.execute(query.where(ShowProgress.media_item_id.in_(show_ids))).all()
    lock_titles((user_id, show_id) for user_id, show_id in places)
    for user_id, show_id in sorted((user_id, show_id) for user_id, show_id in places):
        refresh(user_id, show_id)


def _seen(user_id: int, show_id: int) -> tuple[Sequence[Seen], date]:
    """Return the episodes as the person has seen them, and the day it is there."""
    own = and_(PlaybackProgress.episode_id == Episode.id, PlaybackProgress.user_id == user_id)
    rows = db.session.execute(
        select(
            Episode.id,
            Episode.season_number,
            Episode.episode_number,
            Episode.air_date,
            PlaybackProgress.watched,
            PlaybackProgress.in_progress,
            PlaybackProgress.last_watched_at,
            is_held(),
            zone_of(user_id),
        )
        .outerjoin(PlaybackProgress, own)
        .where(Episode.media_item_id == show_id)
    ).all()
    seen = [Seen._make((*row[:4], bool(row[4]), bool(row[5]), *row[6:8])) for row in rows]
    return seen, today_in(rows[0][8] if rows else "UTC")
