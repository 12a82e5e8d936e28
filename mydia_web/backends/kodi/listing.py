"""Reading a whole library in pages, or not at all: half a library looks like one with films
removed. Or what is new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Self

from mydia_web.backends.errors import BackendError, NotOnServer, ServerTrouble
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.mapping import SHOW_FIELDS, VOCABULARY
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ContentKind, LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.wire import UnreadableEntry

PAGE = 500
#: How many shows are asked for by their numbers at once.
_SHOWS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class _List:
    """One of Kodi's lists."""

    method: str
    entries: str
    id_name: str
    fields: Sequence[str]
    #: What is listed, in Kodi's way of writing it; None: all.
    only: Mapping[str, Any] | None = None

    @classmethod
    def of(cls, kind: ContentKind, only: Mapping[str, Any] | None = None) -> Self:
        words = VOCABULARY[kind]
        return cls(words.list, words.entries, words.id_name, words.fields, only)

    def page(self, start: int, end: int) -> Call:
        only = {"filter": self.only} if self.only else {}
        limits = {"limits": {"start": start, "end": end}}
        return Call(self.method, {"properties": list(self.fields), **only, **limits})

    def count(self) -> Call:
        return replace(self, fields=()).page(0, 1)


_SHOWS = _List("VideoLibrary.GetTVShows", "tvshows", "tvshowid", SHOW_FIELDS)


def read_library(rpc: JsonRpc, time: KodiTime) -> Iterator[LibraryPage]:
    movies, episodes = _List.of("movie"), _List.of("episode")
    many_movies, many_episodes = map(_total, rpc.batch([movies.count(), episodes.count()]))
    done, total = 0, many_movies + many_episodes
    if not total:
        yield LibraryPage((), 0, 0)
    read_movie = partial(mapping.movie_item, time=time)
    for entries in _entries(rpc, movies, many_movies):
        done += len(entries)
        yield _library_page(entries, read_movie, done, total)
    if not many_episodes:
        return
    shows, problems = _read_shows(rpc)
    read_episode = partial(mapping.episode_item, time=time, shows=shows)
    for entries in _entries(rpc, episodes, many_episodes):
        done += len(entries)
        yield _library_page(entries, read_episode, done, total, problems)
        problems = ()


def read_changes(rpc: JsonRpc, time: KodiTime, since: datetime) -> Iterator[LibraryPage]:
    """What was played, stopped or marked watched after then, or came new by the date of its file.

    Films and episodes are asked for in one request, and come in one page: it was all read before
    any of it is merged.
    """
    only = {"or": [_after(field, time.to_local(since)) for field in ("lastplayed", "dateadded")]}
    left = [_List.of(kind, only) for kind in VOCABULARY]
    counts = [_List.of(kind).count() for kind in VOCABULARY]
    start, done, totals, sizes = 0, 0, dict[str, int](), list[Any]()
    while left:
        results = rpc.batch([*[of.page(start, start + PAGE) for of in left], *counts])
        results, sizes, counts = results[: len(left)], sizes + results[len(left) :], []
        answers = {of.entries: result for of, result in zip(left, results, strict=True)}
        now_totals = {name: _total(answer) for name, answer in answers.items()}
        if any(total < totals.get(name, 0) for name, total in now_totals.items()):
            raise _changed_meanwhile()
        totals |= now_totals
        movies, episodes = (
            mapping.members(answers.get(name, {}), name) for name in ("movies", "episodes")
        )
        done += len(movies) + len(episodes)
        page = _changed_page(rpc, time, movies, episodes, done, sum(totals.values()))
        yield replace(page, library_size=sum(map(_total, sizes)))
        start += PAGE
        left = [of for of in left if start < totals[of.entries]]


def _changed_page(
    rpc: JsonRpc, time: KodiTime, movies: list[Any], episodes: list[Any], done: int, total: int
) -> LibraryPage:
    shows, problems = _read_named_shows(rpc, episodes)
    films = _library_page(movies, partial(mapping.movie_item, time=time), done, total)
    parts = _library_page(
        episodes, partial(mapping.episode_item, time=time, shows=shows), done, total, problems
    )
    return LibraryPage(
        [*films.items, *parts.items], done, parts.total, [*films.problems, *parts.problems]
    )


def _after(field: str, local: str) -> Mapping[str, str]:
    """To the second, as seen on Kodi 20; what has no date is not after any."""
    return {"field": field, "operator": "greaterthan", "value": local}


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
        except UnreadableEntry as error:
            problems.append(str(error))
    return LibraryPage(items, done, max(done, total), problems)


def _read_shows(rpc: JsonRpc) -> tuple[Mapping[int, RemoteShow], tuple[str, ...]]:
    return _shows(entry for entries in _entries(rpc, _SHOWS) for entry in entries)


def _read_named_shows(
    rpc: JsonRpc, episodes: Iterable[Any]
) -> tuple[Mapping[int, RemoteShow], tuple[str, ...]]:
    """The shows that these episodes name; one that is gone meanwhile is left out."""
    named = {one.get("tvshowid") for one in episodes if isinstance(one, dict)}
    numbers = sorted(one for one in named if isinstance(one, int) and one > 0)
    entries: list[Any] = []
    for start in range(0, len(numbers), _SHOWS_AT_ONCE):
        calls = [show_call(number) for number in numbers[start : start + _SHOWS_AT_ONCE]]
        for result in rpc.try_batch(calls):
            if isinstance(result, BackendError) and not isinstance(result, NotOnServer):
                raise result
            entries += [result["tvshowdetails"]] if _has_show(result) else []
    return _shows(entries)


def show_call(number: int) -> Call:
    return Call(
        "VideoLibrary.GetTVShowDetails", {"tvshowid": number, "properties": list(SHOW_FIELDS)}
    )


def _has_show(result: object) -> bool:
    return isinstance(result, dict) and "tvshowdetails" in result


def _shows(entries: Iterable[object]) -> tuple[Mapping[int, RemoteShow], tuple[str, ...]]:
    shows: dict[int, RemoteShow] = {}
    problems: list[str] = []
    for entry in entries:
        try:
            number, show = mapping.show_item(entry)
        except UnreadableEntry as error:
            problems.append(str(error))
        else:
            shows[number] = show
    return shows, tuple(problems)


def _entries(rpc: JsonRpc, of: _List, total: int = 0) -> Iterator[list[Any]]:
    """Pages until Kodi's own total is reached. `total` is what it named before: fewer now is a
    change.
    """
    start, seen = 0, set[str]()
    while True:
        (result,) = rpc.batch([of.page(start, start + PAGE)])
        entries, now_total = mapping.members(result, of.entries), _total(result)
        ids = {str(entry.get(of.id_name)) for entry in entries if isinstance(entry, dict)}
        # Rows that move up while we read are missed; rows that move down come twice.
        if now_total < total or (not entries and start < now_total) or ids & seen:
            raise _changed_meanwhile()
        start, total = start + len(entries), now_total
        seen |= ids
        if entries:
            yield entries
        if start >= total:
            return


def _changed_meanwhile() -> ServerTrouble:
    return ServerTrouble("Kodi's library changed while it was being read. It will be read again.")


def _total(result: object) -> int:
    """How many entries there are in all. Without this number no listing can be trusted to be whole."""
    limits = result.get("limits") if isinstance(result, dict) else None
    total = limits.get("total") if isinstance(limits, dict) else None
    if not isinstance(total, int) or total < 0:
        raise ServerTrouble("Kodi does not tell how many titles it has.")
    return total
