"""Marking a whole season or show: one act, one undo."""

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.airing import is_out, today_of
from mydia_web.playback.progress import mark_many_unwatched, mark_many_watched


def mark_show_watched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Mark what is out, of one season or of all but the specials; how many episodes that changed."""
    of_seasons = Episode.season_number == season if season is not None else Episode.season_number > 0
    query = select(Episode).where(Episode.media_item_id == show.id, of_seasons, is_out(today_of(act.user_id)))
    ordered = query.order_by(Episode.season_number, Episode.episode_number)
    mark_many_watched(act, db.session.scalars(ordered).all())
    return act.changed


def mark_show_unwatched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Take the records of one season, or of all episodes, away; how many that were."""
    mark_many_unwatched(act, list_episodes(show.id, season=season))
    return act.changed
