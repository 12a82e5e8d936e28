"""Reading libraries whole or not at all: half of one would look like one with films removed."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from mydia_web.backends.errors import Rejected, ServerTrouble
from mydia_web.backends.plex import mapping
from mydia_web.backends.plex.mapping import Section, entries_of, require
from mydia_web.backends.plex.server import Server
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.wire import UnreadableEntry

PAGE = 500
#: Shows that are asked for by their numbers in one request.
_SHOWS_AT_ONCE = 50
#: Plex's numbers for kinds of metadata.
MOVIES = 1
SHOWS = 2
EPISODES = 4
_LISTED = {"movie": MOVIES, "show": EPISODES}
#: Elements that are never read are left out of the answers.
_LEAN = {
    "includeGuids": 1,
    "excludeElements": "Role,Director,Writer,Producer,Genre,Country,Collection,Rating,Image",
    "excludeFields": "summary,tagline",
}

ReadItem = Callable[[object], RemoteItem]
Shows = Mapping[str, RemoteShow]


@dataclass(frozen=True, slots=True)
class Query:
    """A listing of one library."""

    section: Section
    type: int
    #: Further conditions, as Plex writes them.
    conditions: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"library/sections/{self.section.key}/all"

    @property
    def params(self) -> dict[str, Any]:
        # Sorted by what never changes for an item: each page must follow the one before.
        return {"type": self.type, "sort": "addedAt", **_LEAN, **self.conditions}


def read_sections(server: Server) -> list[Section]:
    """Return the libraries of films and of shows."""
    entries = entries_of(server.get("library/sections"), "Directory")
    sections = [require(Section, entry) for entry in entries]
    return [section for section in sections if section.type in _LISTED]


def read_library(server: Server, library_ids: Collection[str]) -> Iterator[LibraryPage]:
    """Yield the whole of these libraries, or of all."""
    sections = _choose(read_sections(server), library_ids)
    queries = [Query(section, _LISTED[section.type], {}) for section in sections]
    totals = [_total(_read_page(server, query, 0, 0)) for query in queries]
    total = sum(totals)
    done = 0
    if not total:
        yield LibraryPage(items=(), done=0, total=0)
    for query, count in zip(queries, totals, strict=True):
        if not count:
            continue
        shows, problems = _read_shows(server, query.section)
        read = _reader(query.section, shows)
        for entries in _read_entries(server, query, count):
            done += len(entries)
            items, unread = _items(entries, read)
            yield LibraryPage(
                items=items, done=done, total=max(done, total), problems=[*problems, *unread]
            )
            problems = []


def read_changes(server: Server, library_ids: Collection[str], since: int) -> Iterator[LibraryPage]:
    """Yield what was played, stopped or marked watched since that second (Unix time)."""
    done = 0
    for section in _choose(read_sections(server), library_ids):
        query = Query(section, _LISTED[section.type], {"lastViewedAt>>": since - 1})
        for entries in _read_entries(server, query, 0):
            shows, problems = _read_shows_of(server, section, entries)
            items, unread = _items(entries, _reader(section, shows))
            done += len(entries)
            yield LibraryPage(items=items, done=done, total=None, problems=[*problems, *unread])
    if not done:
        yield LibraryPage(items=(), done=0, total=0)


def _choose(sections: Sequence[Section], library_ids: Collection[str]) -> Sequence[Section]:
    """Return the chosen libraries, all where none is chosen.

    Raises `Rejected` when a chosen one is gone: its titles would look removed.
    """
    missing = set(library_ids) - {section.key for section in sections}
    if missing:
        raise Rejected(
            "A library that was chosen for this source is not on the server any more, "
            "or not shared with this person. Choose the libraries again."
        )
    if not library_ids:
        return sections
    return [section for section in sections if section.key in library_ids]


def _reader(section: Section, shows: Shows) -> ReadItem:
    if section.type == "movie":
        return mapping.movie_item
    return partial(mapping.episode_item, shows=shows)


def _read_shows(server: Server, section: Section) -> tuple[Shows, list[str]]:
    """Return the shows of a library by their numbers, and words about unreadable ones."""
    if section.type == "movie":
        return {}, []
    entries: list[Any] = []
    for page in _read_entries(server, Query(section, SHOWS, {}), 0):
        entries += page
    return _parse_shows(entries)


def _read_shows_of(
    server: Server, section: Section, episodes: Iterable[Any]
) -> tuple[Shows, list[str]]:
    """Return the shows of these episodes by their numbers, and words about unreadable ones."""
    if section.type == "movie":
        return {}, []
    named = {_text(episode, "grandparentRatingKey") for episode in episodes}
    keys = sorted(key for key in named if key and key.isdecimal())
    entries: list[Any] = []
    for start in range(0, len(keys), _SHOWS_AT_ONCE):
        batch = ",".join(keys[start : start + _SHOWS_AT_ONCE])
        answer = server.get(f"library/metadata/{batch}", {"includeGuids": 1})
        entries += entries_of(answer, "Metadata")
    return _parse_shows(entries)


def _parse_shows(entries: Iterable[object]) -> tuple[Shows, list[str]]:
    shows: dict[str, RemoteShow] = {}
    problems: list[str] = []
    for entry in entries:
        try:
            key, show = mapping.show_item(entry)
        except UnreadableEntry as error:
            problems.append(str(error))
        else:
            shows[key] = show
    return shows, problems


def _items(entries: Sequence[object], read: ReadItem) -> tuple[list[RemoteItem], list[str]]:
    """Return the items, and words about entries that could not be read."""
    items: list[RemoteItem] = []
    problems: list[str] = []
    for entry in entries:
        try:
            items.append(read(entry))
        except UnreadableEntry as error:
            problems.append(str(error))
    return items, problems


def _read_entries(server: Server, query: Query, total: int) -> Iterator[list[Any]]:
    """Yield pages until Plex's own total is reached; it may send fewer than asked for.

    `total` is the number it named before. Raises `ServerTrouble` where there are fewer now.
    """
    start = 0
    last = None
    while True:
        # Each page begins with the end of the one before: what moved up meanwhile would be
        # missed, what moved down come twice.
        overlap = min(start, 1)
        answer = _read_page(server, query, start - overlap, PAGE + overlap)
        entries = entries_of(answer, "Metadata")
        new_total = _total(answer)
        is_moved = overlap > 0 and _first_key(entries) != last
        entries = entries[overlap:]
        is_cut_short = not entries and start < new_total
        if new_total < total or is_moved or is_cut_short:
            raise ServerTrouble(
                "Plex's library changed while it was being read. It will be read again."
            )
        start += len(entries)
        total = new_total
        if entries:
            last = _text(entries[-1], "ratingKey")
            yield entries
        if start >= total:
            return


def _first_key(entries: Sequence[object]) -> str | None:
    if not entries:
        return None
    return _text(entries[0], "ratingKey")


def _text(entry: object, field: str) -> str | None:
    if not isinstance(entry, dict):
        return None
    return str(entry.get(field, ""))


def _read_page(server: Server, query: Query, start: int, size: int) -> dict[str, Any]:
    headers = {"X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(size)}
    return server.get(query.path, query.params, **headers)


def _total(answer: Mapping[str, Any]) -> int:
    """Return the number of all entries. Without it no listing can be trusted to be whole."""
    total = answer.get("totalSize")
    if not isinstance(total, int) or total < 0:
        raise ServerTrouble("Plex does not tell how many titles it has.")
    return total
