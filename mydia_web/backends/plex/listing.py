"""Reading libraries in pages, or not at all: half a library looks like a library with films
removed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mydia_web.backends.errors import Rejected, ServerTrouble
from mydia_web.backends.plex import mapping
from mydia_web.backends.plex.mapping import Section, members, sure
from mydia_web.backends.plex.server import Server
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.wire import UnreadableEntry

PAGE = 500
#: How many shows are asked for by their numbers at once.
_SHOWS = 50
#: Plex's numbers for kinds of metadata.
MOVIES, SHOWS, EPISODES = 1, 2, 4
_LISTED = {"movie": MOVIES, "show": EPISODES}
#: What is left out of the answers, for nothing of it is read.
_LEAN = {
    "includeGuids": 1,
    "excludeElements": "Role,Director,Writer,Producer,Genre,Country,Collection,Rating,Image",
    "excludeFields": "summary,tagline",
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is listed of one library."""

    section: Section
    type: int
    #: Further conditions, in Plex's way of writing them.
    only: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"library/sections/{self.section.key}/all"

    @property
    def params(self) -> dict[str, Any]:
        # Sorted by what never changes for an item: a page that is read later must follow the one
        # before.
        return {"type": self.type, "sort": "addedAt", **_LEAN, **self.only}


def sections(server: Server) -> list[Section]:
    """The libraries of films and of shows."""
    entries = members(server.ask("GET", "library/sections"), "Directory")
    return [
        section
        for section in (sure(Section, entry) for entry in entries)
        if section.type in _LISTED
    ]


def read_library(server: Server, library_ids: Collection[str]) -> Iterator[LibraryPage]:
    chosen = _chosen(sections(server), library_ids)
    queries = [Query(section, _LISTED[section.type], {}) for section in chosen]
    totals = [_total(_page(server, query, 0, 0)) for query in queries]
    done, total = 0, sum(totals)
    if not total:
        yield LibraryPage((), 0, 0)
    for query, many in zip(queries, totals, strict=True):
        if not many:
            continue
        read, problems = _reader(server, query.section)
        for entries in _entries(server, query, many):
            done += len(entries)
            yield _library_page(entries, read, done, max(done, total), problems)
            problems = ()


def read_changes(server: Server, library_ids: Collection[str], since: int) -> Iterator[LibraryPage]:
    """What was played, stopped or marked watched after that second."""
    done = 0
    for section in _chosen(sections(server), library_ids):
        query = Query(section, _LISTED[section.type], {"lastViewedAt>>": since - 1})
        for entries in _entries(server, query, 0):
            shows, problems = _named_shows(server, entries) if section.type == "show" else ({}, ())
            done += len(entries)
            yield _library_page(entries, _read_by(section, shows), done, None, problems)
    if not done:
        yield LibraryPage((), 0, 0)


def _chosen(sections: Sequence[Section], library_ids: Collection[str]) -> Sequence[Section]:
    """Raises `Rejected` when a library that was chosen is gone: its titles would look removed."""
    missing = set(library_ids) - {section.key for section in sections}
    if missing:
        raise Rejected(
            "A library that was chosen for this source is not on the server any more, or not shared with this "
            "person. Choose the libraries again."
        )
    return [section for section in sections if not library_ids or section.key in library_ids]


def _reader(
    server: Server, section: Section
) -> tuple[Callable[[object], RemoteItem], tuple[str, ...]]:
    if section.type == "movie":
        return mapping.movie_item, ()
    entries = [one for page in _entries(server, Query(section, SHOWS, {}), 0) for one in page]
    shows, problems = _shows(entries)
    return _read_by(section, shows), problems


def _read_by(section: Section, shows: Mapping[str, RemoteShow]) -> Callable[[object], RemoteItem]:
    return (
        mapping.movie_item
        if section.type == "movie"
        else partial(mapping.episode_item, shows=shows)
    )


def _named_shows(
    server: Server, episodes: Iterable[Any]
) -> tuple[Mapping[str, RemoteShow], tuple[str, ...]]:
    """The shows that these episodes name."""
    keys = {str(one.get("grandparentRatingKey", "")) for one in episodes if isinstance(one, dict)}
    entries: list[Any] = []
    for some in _batches(sorted(key for key in keys if key.isdecimal())):
        answer = server.ask("GET", f"library/metadata/{','.join(some)}", {"includeGuids": 1})
        entries += members(answer, "Metadata")
    return _shows(entries)


def _shows(entries: Iterable[object]) -> tuple[Mapping[str, RemoteShow], tuple[str, ...]]:
    shows: dict[str, RemoteShow] = {}
    problems: list[str] = []
    for entry in entries:
        try:
            key, show = mapping.show_item(entry)
        except UnreadableEntry as error:
            problems.append(str(error))
        else:
            shows[key] = show
    return shows, tuple(problems)


def _library_page(
    entries: Sequence[object],
    read: Callable[[object], RemoteItem],
    done: int,
    total: int | None,
    earlier_problems: tuple[str, ...],
) -> LibraryPage:
    items, problems = [], list(earlier_problems)
    for entry in entries:
        try:
            items.append(read(entry))
        except UnreadableEntry as error:
            problems.append(str(error))
    return LibraryPage(items, done, total, problems)


def _entries(server: Server, query: Query, total: int) -> Iterator[list[Any]]:
    """Pages until Plex's own total is reached; it may give fewer at a time than asked for.

    `total` is what it named before: fewer now is a change.
    """
    start, last = 0, None
    while True:
        answer = _page(server, query, max(0, start - 1), PAGE + (start > 0))
        entries, now_total = members(answer, "Metadata"), _total(answer)
        # Each page begins with the end of the one before: what moved up would be missed, what moved
        # down come twice.
        follows = not start or (bool(entries) and _key(entries.pop(0)) == last)
        if now_total < total or not follows or (not entries and start < now_total):
            raise ServerTrouble(
                "Plex's library changed while it was being read. It will be read again."
            )
        start, total = start + len(entries), now_total
        if entries:
            last = _key(entries[-1])
            yield entries
        if start >= total:
            return


def _key(entry: object) -> str | None:
    return str(entry.get("ratingKey")) if isinstance(entry, dict) else None


def _page(server: Server, query: Query, start: int, size: int) -> dict[str, Any]:
    headers = {"X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(size)}
    return server.ask("GET", query.path, query.params, **headers)


def _total(answer: Mapping[str, Any]) -> int:
    """How many entries there are in all. Without this number no listing can be trusted to be whole."""
    total = answer.get("totalSize")
    if not isinstance(total, int) or total < 0:
        raise ServerTrouble("Plex does not tell how many titles it has.")
    return total


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[start : start + _SHOWS] for start in range(0, len(keys), _SHOWS))
