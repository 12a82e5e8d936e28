"""The contents of the pages of films, shows and episodes, gathered for their templates."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from flask import g, url_for

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
    """One episode, with how far the user is in it."""

    episode: Episode
    progress: PlaybackProgress | None
    state: Literal["watched", "in-progress", "unwatched", "unaired"]

    @property
    def is_watched(self) -> bool:
        return bool(self.progress and self.progress.watched)

    @property
    def is_left(self) -> bool:
        """True when it has aired and is still to be watched."""
        return self.state != "unaired" and not self.is_watched

    @property
    def mark_endpoint(self) -> str:
        """The endpoint that turns its mark over."""
        if self.is_watched:
            return "items.unmark"
        return "items.mark"


@dataclass(frozen=True, slots=True)
class Season:
    """The episodes of one season; number 0 holds the specials."""

    number: int
    cells: tuple[Cell, ...]

    @property
    def name(self) -> str:
        if self.number:
            return f"Season {self.number}"
        return "Specials"

    @property
    def aired(self) -> int:
        return sum(cell.state != "unaired" for cell in self.cells)

    @property
    def watched(self) -> int:
        return sum(cell.is_watched for cell in self.cells)

    @property
    def is_watched(self) -> bool:
        return self.watched >= self.aired > 0

    @property
    def mark_endpoint(self) -> str:
        """The endpoint that turns the marks of the whole season over."""
        if self.is_watched:
            return "items.unmark_show"
        return "items.mark_show"


def item_state(content: Content) -> dict[str, Any]:
    """Gather a film or an episode: how far, when watched, and its state on each server."""
    page = url_for("items.content", kind=content.content_kind, content_id=content.id)
    previous: Episode | None = None
    following: Episode | None = None
    if isinstance(content, Episode):
        previous, following = _neighbours(content)
    return {
        "content": content,
        "progress": get_progress(g.user.id, content),
        "plays": history_of(g.user.id, content),
        "copy_statuses": copy_statuses(g.user.id, content),
        "ids": list_external_ids(content),
        "previous": previous,
        "following": following,
        "fields": {"place": "item", "next": page},
    }


def _neighbours(episode: Episode) -> tuple[Episode | None, Episode | None]:
    """Return the episodes before and after this one."""
    episodes = [None, *list_episodes(episode.media_item_id), None]
    here = episodes.index(episode)
    return episodes[here - 1], episodes[here + 1]


def show_state(show: MediaItem, season_number: int | None = None) -> dict[str, Any]:
    """Gather a show: its seasons, the one that is open, and what to watch next."""
    seasons = _seasons(show)
    upcoming = get_next_episode(g.user.id, show, today=today())
    if season_number is None and upcoming.episode:
        season_number = upcoming.episode.season_number
    open_season = _open(seasons, season_number)
    return {
        "show": show,
        "seasons": seasons,
        "open_season": open_season,
        "upcoming": upcoming,
        "any_watched": any(season.watched for season in seasons),
        "ids": list_external_ids(show),
        "fields": _fields(show, open_season),
        **_totals([season for season in seasons if season.number]),
    }


def _totals(seasons: Sequence[Season]) -> dict[str, Any]:
    """Count the episodes of these seasons: all, the watched ones, and those left to watch."""
    left: list[Episode] = []
    for season in seasons:
        left += [cell.episode for cell in season.cells if cell.is_left]
    return {
        "watched": sum(season.watched for season in seasons),
        "total": sum(len(season.cells) for season in seasons),
        "left": left,
        "seconds_left": sum(episode.runtime_seconds or 0 for episode in left),
    }


def _fields(show: MediaItem, season: Season | None) -> dict[str, str | int]:
    """Return the hidden fields of every mark on the page: where to go on, and with which season."""
    if season is None:
        page = url_for("items.show", show_id=show.id)
        return {"place": "show", "next": page, "season": ""}
    page = url_for("items.season", show_id=show.id, number=season.number)
    return {"place": "show", "next": page, "season": season.number}


def _seasons(show: MediaItem) -> tuple[Season, ...]:
    """Return the seasons in their order, the specials last."""
    progress = show_progress(g.user.id, show.id)
    out = ids_of_episodes_out(show.id, today())
    cells: dict[int, list[Cell]] = {}
    for episode in list_episodes(show.id):
        cell = _cell(episode, progress.get(episode.id), is_out=episode.id in out)
        cells.setdefault(episode.season_number, []).append(cell)
    specials = cells.pop(0, None)
    seasons = [Season(number, tuple(cells[number])) for number in sorted(cells)]
    if specials:
        seasons.append(Season(0, tuple(specials)))
    return tuple(seasons)


def _cell(episode: Episode, progress: PlaybackProgress | None, *, is_out: bool) -> Cell:
    if progress and progress.in_progress:
        return Cell(episode, progress, "in-progress")
    if progress and progress.watched:
        return Cell(episode, progress, "watched")
    return Cell(episode, progress, "unwatched" if is_out else "unaired")


def _open(seasons: Sequence[Season], number: int | None) -> Season | None:
    """Return the season of that number, else the first."""
    for season in seasons:
        if season.number == number:
            return season
    if seasons:
        return seasons[0]
    return None
