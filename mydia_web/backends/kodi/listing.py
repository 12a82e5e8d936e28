"""Reading a whole library in pages, or not at all: half a library looks like a library with films removed."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from mydia_web.backends.base import LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.mapping import SHOW_FIELDS, VOCABULARY, UnreadableEntryError
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.kodi.zone import KodiTime

PAGE = 500


def read_library(rpc: JsonRpc, time: KodiTime) -> Iterator[LibraryPage]:
    movies, episodes = VOCABULARY["movie"], VOCABULARY["episode"]
    many_movies, many_episodes = (
        _total(result) for result in rpc.batch([_page(movies.list, (), 0, 1), _page(episodes.list, (), 0, 1)])
    )
    done, total = 0, many_movies + many_episodes
    if not total:
        yield LibraryPage((), 0, 0)
    read_movie = partial(mapping.movie_item, time=time)
    for entries in _entries(rpc, movies.list, movies.entries, movies.id_name, movies.fields, many_movies):
        done += len(entries)
        yield _library_page(entries, read_movie, done, total)
    if not many_episodes:
        return
    shows, problems = _read_shows(rpc)
    read_episode = partial(mapping.episode_item, time=time, shows=shows)
    for entries in _entries(
        rpc, episodes.list, episodes.entries, episodes.id_name, episodes.fields, many_episodes
    ):
        done += len(entries)
        yield _library_page(entries, read_episode, done, total, problems)
        problems = ()


def _library_page(
    entries: list[Any],
    read: Callable[[object], RemoteItem],
    done: int,
    total: int,
    earlier_problems: tuple[str, ...] = (),
) -> LibraryPage:
    items, problems = [], list(earlier_problems)
    for entry in entries:
        try:
            items.append(read(entry))
        except UnreadableEntryError as error:
            problems.append(str(error))
    return LibraryPage(items, done, max(done, total), problems)


def _read_shows(rpc: JsonRpc) -> tuple[Mapping[int, RemoteShow], tuple[str, ...]]:
    shows: dict[int, RemoteShow] = {}
    problems: list[str] = []
    for entries in _entries(rpc, "VideoLibrary.GetTVShows", "tvshows", "tvshowid", SHOW_FIELDS, 0):
        for entry in entries:
            try:
                number, show = mapping.show_item(entry)
            except UnreadableEntryError as error:
                problems.append(str(error))
            else:
                shows[number] = show
    return shows, tuple(problems)


def _entries(
    rpc: JsonRpc, method: str, name: str, id_name: str, fields: tuple[str, ...], total: int
) -> Iterator[list[Any]]:
    """Pages until Kodi's own total is reached. `total` is what it named before: fewer now is a change."""
    start, seen = 0, set[str]()
    while True:
        call = _page(method, fields, start, start + PAGE)
        (result,) = rpc.batch([call])
        entries, now_total = mapping.members(result, name), _total(result)
        ids = {str(entry.get(id_name)) for entry in entries if isinstance(entry, dict)}
        # Rows that move up while we read are missed; rows that move down come twice.
        if now_total < total or (not entries and start < now_total) or ids & seen:
            raise ServerTrouble("Kodi's library changed while it was being read. It will be read again.")
        start, total = start + len(entries), now_total
        seen |= ids
        if entries:
            yield entries
        if start >= total:
            return


def _page(method: str, fields: tuple[str, ...], start: int, end: int) -> Call:
    return Call(method, {"properties": list(fields), "limits": {"start": start, "end": end}})


def _total(result: object) -> int:
    """How many entries there are in all. Without this number no listing can be trusted to be whole."""
    limits = result.get("limits") if isinstance(result, dict) else None
    total = limits.get("total") if isinstance(limits, dict) else None
    if not isinstance(total, int) or total < 0:
        raise ServerTrouble("Kodi does not tell how many titles it has.")
    return total
