"""Marking a whole season or show: one act, one undo."""

from datetime import date

from mydia_web.clock import now
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.progress import mark_many_unwatched, mark_many_watched


def mark_show_watched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Mark what has aired, of one season or of all but the specials; how many episodes that changed."""
    today = now().date()
    episodes = [one for one in list_episodes(show.id, season=season) if has_aired(one, today)]
    if season is None:
        episodes = [one for one in episodes if one.season_number > 0]
    mark_many_watched(act, episodes)
    return act.changed


def mark_show_unwatched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Take the records of one season, or of all episodes, away; how many that were."""
    mark_many_unwatched(act, list_episodes(show.id, season=season))
    return act.changed


def has_aired(episode: Episode, today: date) -> bool:
    return episode.air_date is None or episode.air_date <= today
