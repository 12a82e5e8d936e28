"""Episodes of shows whose files have absolute numbers only.

Jellyfin 12 gives such an episode no season's number, in a season called "Season Unknown"; 10.11
puts all of them into season 0 and names each like its show. Where a show has no numbered season at
all, they are those of season 1.
"""

from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeGuard


def may_lack_season(entry: Any) -> bool:
    """Is it an episode with a number, of which nobody told whether it stands in a season?"""
    if (
        not isinstance(entry, dict)
        or entry.get("Type") != "Episode"
        or not _is_number(entry.get("IndexNumber"))
    ):
        return False
    season = entry.get("ParentIndexNumber")
    is_named_like_its_show = bool(entry.get("Name")) and entry.get("Name") == entry.get(
        "SeriesName"
    )
    return season is None or (season == 0 and is_named_like_its_show)


class Seasons:
    """Which shows have a numbered season, as far as they were read."""

    def __init__(self) -> None:
        self._numbered: set[str] = set()

    def note(self, entries: Iterable[Any]) -> None:
        for entry in entries:
            season = entry.get("ParentIndexNumber") if isinstance(entry, dict) else None
            if _is_number(season) and season > 0 and isinstance(entry.get("SeriesId"), str):
                self._numbered.add(entry["SeriesId"])

    def ask(self, entries: Iterable[Any], seasons_of: Callable[[str], Iterable[Any]]) -> None:
        """Learn of the shows of those of these that may lack a season. Where none is listed,
        nothing is known.
        """
        series = {entry.get("SeriesId") for entry in entries if may_lack_season(entry)}
        for series_id in sorted(one for one in series if isinstance(one, str)):
            seasons = list(seasons_of(series_id))
            if not seasons or any(map(_is_numbered_season, seasons)):
                self._numbered.add(series_id)

    def settled(self, entries: Iterable[Any]) -> list[Any]:
        """The entries, with season 1 for those whose show has no numbered one."""
        return [_in_season_1(entry) if self._has_none(entry) else entry for entry in entries]

    def _has_none(self, entry: Any) -> bool:
        return may_lack_season(entry) and entry.get("SeriesId") not in ("", None, *self._numbered)


def split(entries: Collection[Any]) -> tuple[list[Any], list[Any]]:
    """Those that can be told at once, and those that may lack a season."""
    at_once: list[Any] = []
    later: list[Any] = []
    for entry in entries:
        (later if may_lack_season(entry) else at_once).append(entry)
    return at_once, later


def _in_season_1(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "ParentIndexNumber": 1}


def _is_numbered_season(season: Any) -> bool:
    number = season.get("IndexNumber") if isinstance(season, dict) else None
    return _is_number(number) and number > 0


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)
