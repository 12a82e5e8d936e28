"""What the pages of films, shows and episodes say, gathered for their templates."""

from dataclasses import dataclass
from typing import Any, Literal

from flask import g

from mydia_web.library.content import list_episodes, list_external_ids
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback import get_next_episode, get_progress
from mydia_web.playback.airing import ids_of_episodes_out
from mydia_web.playback.history import history_of
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.records import show_progress
from mydia_web.queue.agreement import copy_statuses
from mydia_web.web.frame.filters import today


@dataclass(frozen=True, slots=True)
class Cell:
    """One episode as a user stands to it."""

    episode: Episode
    progress: PlaybackProgress | None
    state: Literal["watched", "in-progress", "unwatched", "unaired"]

    @property
    def is_watched(self) -> bool:
        return bool(self.progress and self.progress.watched)

    @property
    def is_left(self) -> bool:
        """Has it aired, and is it still to be watched?"""
        return self.state != "unaired" and not self.is_watched


@dataclass(frozen=True, slots=True)
class Season:
    number: int
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        return f"Season {self.number}" if self.number else "Specials"

    @property
    def aired(self) -> int:
        return sum(cell.state != "unaired" for cell in self.cells)

    @property
    def watched(self) -> int:
        return sum(cell.is_watched for cell in self.cells)

    @property
    def is_watched(self) -> bool:
        return self.watched >= self.aired > 0


def item_state(content: Content) -> dict[str, Any]:
    """A film or an episode: how far, when watched, and where it stands on each server."""
    return {
        "content": content,
        "progress": get_progress(g.user.id, content),
        "plays": history_of(g.user.id, content),
        "copy_statuses": copy_statuses(g.user.id, content),
        "ids": list_external_ids(content),
        "beside": _neighbours(content) if isinstance(content, Episode) else (None, None),
    }


def _neighbours(episode: Episode) -> tuple[Episode | None, Episode | None]:
    """The episodes before and after it."""
    episodes = list(list_episodes(episode.media_item_id))
    here = episodes.index(episode)
    before = episodes[here - 1] if here else None
    return before, episodes[here + 1] if here + 1 < len(episodes) else None


def show_state(show: MediaItem, season_number: int | None = None) -> dict[str, Any]:
    """A show: its seasons, the one that is open, and what to watch next."""
    seasons = _seasons(show)
    upcoming = get_next_episode(g.user.id, show, today=today())
    regular = [season for season in seasons if season.number]
    return {
        "show": show,
        "seasons": seasons,
        "open_season": _open(seasons, season_number, upcoming.episode),
        "upcoming": upcoming,
        "watched": sum(season.watched for season in regular),
        "total": sum(len(season.cells) for season in regular),
        "left": [cell.episode for season in regular for cell in season.cells if cell.is_left],
        "any_watched": any(season.watched for season in seasons),
        "ids": list_external_ids(show),
    }


def _seasons(show: MediaItem) -> tuple[Season, ...]:
    """In their order, the specials last."""
    progress = show_progress(g.user.id, show.id)
    out = ids_of_episodes_out(show.id, today())
    cells: dict[int, list[Cell]] = {}
    for episode in list_episodes(show.id):
        cells.setdefault(episode.season_number, []).append(
            _cell(episode, progress.get(episode.id), is_out=episode.id in out)
        )
    return tuple(
        Season(number, tuple(cells[number]))
        for number in sorted(cells, key=lambda one: (one == 0, one))
    )


def _cell(episode: Episode, progress: PlaybackProgress | None, *, is_out: bool) -> Cell:
    if progress and progress.in_progress:
        return Cell(episode, progress, "in-progress")
    if progress and progress.watched:
        return Cell(episode, progress, "watched")
    return Cell(episode, progress, "unwatched" if is_out else "unaired")


def _open(
    seasons: tuple[Season, ...], asked: int | None, upcoming: Episode | None
) -> Season | None:
    """The season asked for, else that of the next episode, else the first."""
    wanted = asked if asked is not None else (upcoming.season_number if upcoming else None)
    return next(
        (season for season in seasons if season.number == wanted), seasons[0] if seasons else None
    )
