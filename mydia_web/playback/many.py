"""Marking a whole season or show: one act, one undo."""

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.airing import is_held, today_in, zone_of
from mydia_web.playback.progress import mark_many_unwatched, mark_many_watched


def mark_show_watched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Mark what is out, of one season or of all but the specials; how many episodes that changed."""
    of_seasons = (
        Episode.season_number == season if season is not None else Episode.season_number > 0
    )
    # One question: the person's day comes with the episodes.
    query = select(Episode, is_held(), zone_of(act.user_id)).where(
        Episode.media_item_id == show.id, of_seasons
    )
    rows = db.session.execute(query.order_by(Episode.season_number, Episode.episode_number)).all()
    out = [
        one
        for one, held, zone in rows
        if held or one.air_date is None or one.air_date <= today_in(zone)
    ]
    mark_many_watched(act, out)
    return act.changed


def mark_show_unwatched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Take the records of one season, or of all episodes, away; how many that were."""
    mark_many_unwatched(act, list_episodes(show.id, season=season))
    return act.changed
