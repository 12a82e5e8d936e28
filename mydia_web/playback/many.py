"""Marking a whole season or show: one act, one undo."""

from datetime import date

from mydia_web.clock import now
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.progress import mark_unwatched, mark_watched


def mark_show_watched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Mark what has aired, of one season or of all but the specials; how many episodes that changed."""
    today = now().date()
    for episode in list_episodes(show.id, season=season):
        asked = season is not None or episode.season_number > 0
        if asked and has_aired(episode, today):
            mark_watched(act.user_id, episode, act=act)
    return act.changed


def mark_show_unwatched(act: Act, show: MediaItem, *, season: int | None = None) -> int:
    """Take the records of one season, or of all episodes, away; how many that were."""
    for episode in list_episodes(show.id, season=season):
        mark_unwatched(act.user_id, episode, act=act)
    return act.changed


def has_aired(episode: Episode, today: date) -> bool:
    return episode.air_date is None or episode.air_date <= today
