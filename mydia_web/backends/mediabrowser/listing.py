"""Reading a whole library in pages, or not at all: half a library looks like one with films
removed. Or what is new.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.mediabrowser import mapping
from mydia_web.backends.mediabrowser.models import read_instant
from mydia_web.backends.mediabrowser.seasons import Seasons, split
from mydia_web.backends.mediabrowser.versions import Versions
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.wire import UnreadableEntry

PAGE = 500
#: Where the newest come first, seldom more than a few of them are of interest.
NEWEST = 100
#: Ids travel in the address, which may not grow without end.
IDS_AT_ONCE = 100
TITLES = ("Movie", "Episode")
SHOWS = ("Series",)
SEASONS = ("Season",)

#: The dates that the newest titles can be asked for by: of the person's last play, and of the file.
Dated = Literal["DatePlayed", "DateCreated"]
_DATES = {"DatePlayed": "LastPlayedDate", "DateCreated": "DateCreated"}


@dataclass(frozen=True, slots=True)
class Question:
    """A part of a listing; each backend says it in its server's words."""

    types: Sequence[str]
    #: "" for all.
    library: str = ""
    ids: Sequence[str] = ()
    #: Only what has changed since then.
    since: datetime | None = None
    start: int = 0
    limit: int = field(default_factory=lambda: PAGE)
    #: Is the total to be told? Counting costs the server as much as listing.
    counted: bool = True
    #: The latest first by this date, and last what has none; "": in an order in which nothing
    #: moves.
    newest_by: Dated | Literal[""] = ""
    #: Are all files of each title to be named?
    names_files: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    entries: Sequence[Any]
    total: int
    problems: Sequence[str] = ()


class Listing:
    """Reads listings through `ask`, which gives the server's answer to a question as it came.

    `under_way` gives what is begun of titles with several files, as it came; it is asked once for
    each listing.
    """

    def __init__(
        self,
        ask: Callable[[Question], object],
        product: str,
        *,
        under_way: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        self._ask = ask
        self._product = product
        self._under_way = under_way

    def library(self, libraries: Iterable[str]) -> Iterator[LibraryPage]:
        places = sorted(libraries) or [""]
        shows, problems = self._shows(Question(SHOWS, place) for place in places)
        known = None
        if len(places) > 1:
            known = sum(
                self._total(self._ask(Question(TITLES, place, limit=1))) for place in places
            )
        done = total = 0
        seen: set[str] = set()
        versions = Versions(self._under_way())
        page = partial(_page, shows=shows, versions=versions)
        seasons = Seasons()
        held: list[Any] = []
        for part in self._all_titles(places, seen, has_shows=bool(shows)):
            done += len(part.entries)
            total = max(done, part.total if known is None else known)
            seasons.note(part.entries)
            versions.note_files(self._naming_files(part.entries))
            entries, later = split(part.entries)
            held += later
            yield page(entries, done=done, total=total, problems=[*problems, *part.problems])
            problems = []
        # Only now it is known which shows have no numbered season.
        for start in range(0, len(held), PAGE):
            entries = seasons.settled(held[start : start + PAGE])
            yield page(entries, done=done, total=total, problems=[])

    def _all_titles(
        self, places: Sequence[str], seen: set[str], *, has_shows: bool
    ) -> Iterator[_Part]:
        """Films and episodes. A kind that did not come is asked for alone: a server may take one
        kind at a time.
        """
        kinds: set[object] = set()
        for place in places:
            for part in self._parts(Question(TITLES, place), seen):
                kinds |= set(map(_type, part.entries))
                yield part
        for kind in TITLES if has_shows else ("Movie",):
            for place in places if kind not in kinds else ():
                parts = self._parts(Question((kind,), place), seen)
                yield from (part for part in parts if part.entries or part.problems)

    def changes(self, since: datetime, libraries: Iterable[str]) -> Iterator[LibraryPage]:
        done = 0
        seen: set[str] = set()
        versions = Versions(self._under_way())
        for place in sorted(libraries) or [""]:
            for part in self._parts(Question(TITLES, place, since=since), seen):
                done += len(part.entries)
                page = self._page_of_some(part.entries, done, versions)
                yield replace(
                    page, total=max(done, part.total), problems=[*page.problems, *part.problems]
                )

    def newest(
        self, since: Mapping[Dated, datetime], libraries: Iterable[str]
    ) -> Iterator[LibraryPage]:
        """What is dated after a time, by each of these dates, for servers that can put titles in
        their order.
        """
        done = size = 0
        seen: set[str] = set()
        versions = Versions(self._under_way())
        for place in sorted(libraries) or [""]:
            for number, (dated, after) in enumerate(since.items()):
                question = Question(
                    TITLES, place, limit=NEWEST, counted=not number, newest_by=dated
                )
                for entries, total in self._newer(question, after):
                    size += total
                    fresh = [entry for entry in entries if _id(entry) not in seen]
                    seen |= set(map(_id, fresh))
                    done += len(fresh)
                    yield replace(self._page_of_some(fresh, done, versions), library_size=size)
        # A listing may be ordered by the plays of the first files alone. Of chosen libraries:
        # nobody tells where it is.
        unlisted = [] if libraries else list(versions.unlisted(since["DatePlayed"], seen))
        for start in range(0, len(unlisted), IDS_AT_ONCE):
            question = Question(TITLES, ids=unlisted[start : start + IDS_AT_ONCE], counted=False)
            entries = self.entries(self._ask(question))
            done += len(entries)
            yield replace(self._page_of_some(entries, done, versions), library_size=size)

    def _naming_files(self, entries: Sequence[Any]) -> Iterator[Any]:
        """The titles among these that have several files, with the ids of all of them."""
        ids = [_id(entry) for entry in entries if _has_several_files(entry)]
        for start in range(0, len(ids), IDS_AT_ONCE):
            some = ids[start : start + IDS_AT_ONCE]
            question = Question(TITLES, ids=some, limit=len(some), counted=False, names_files=True)
            yield from self.entries(self._ask(question))

    def _page_of_some(self, entries: Sequence[Any], done: int, versions: Versions) -> LibraryPage:
        """A page of titles that are not all there are: their shows are asked for."""
        seasons = Seasons()
        shows, problems = self._shows(_shows_of(entries))
        seasons.ask(entries, self._seasons_of)
        return _page(
            seasons.settled(entries),
            shows=shows,
            versions=versions,
            done=done,
            total=None,
            problems=problems,
        )

    def _seasons_of(self, series_id: str) -> Sequence[Any]:
        return self.entries(self._ask(Question(SEASONS, library=series_id, counted=False)))

    def _newer(self, question: Question, after: datetime) -> Iterator[tuple[list[Any], int]]:
        """Pages of what is dated later than that, until one ends with something that is not.

        With the first, where it shall be `counted`, how many there are of any date.
        """
        start, here = 0, set[str]()
        while True:
            answer = self._ask(
                replace(question, start=start, counted=question.counted and not start)
            )
            entries = self.entries(answer)
            newer = [entry for entry in entries if _date(entry, question.newest_by) > after]
            ids = set(map(_id, newer))
            yield newer, self._total(answer) if question.counted and not start else 0
            if len(entries) < question.limit or newer[-1:] != entries[-1:] or not ids - here:
                return
            start += len(entries)
            here |= ids

    def _shows(self, questions: Iterable[Question]) -> tuple[Mapping[str, RemoteShow], list[str]]:
        shows: dict[str, RemoteShow] = {}
        problems: list[str] = []
        for question in questions:
            for part in self._parts(question, set()):
                problems += part.problems
                for entry in part.entries:
                    try:
                        number, show = mapping.show_item(entry)
                    except UnreadableEntry as error:
                        problems.append(str(error))
                    else:
                        shows[number] = show
        return shows, problems

    def _parts(self, question: Question, seen: set[str]) -> Iterator[_Part]:
        """Pages without what `seen` holds already, until the server's own total is reached.

        A total that is less than what came, or just one full page, may count that page alone: then
        until nothing comes.
        """
        answer = self._ask(question)
        total, start, here = self._total(answer), 0, set[str]()
        while True:
            entries = self.entries(answer)
            start += len(entries)
            ids = {_id(entry) for entry in entries}
            counts_one_page = total < start or total == start == question.limit
            is_last = not ids - here or (start >= total and not counts_one_page)
            here |= ids
            fresh = [entry for entry in entries if not _id(entry) or _id(entry) not in seen]
            seen |= ids
            problems = self._missing(question, total, start, here) if is_last else ()
            yield _Part(fresh, total, problems)
            if is_last:
                return
            answer = self._ask(replace(question, start=start, counted=False))

    def _missing(self, question: Question, total: int, start: int, here: set[str]) -> Sequence[str]:
        """What to say of titles that were counted and did not come."""
        if start >= total and len(here) >= start:
            return ()
        if len(here) >= total:
            return (
                f"{self._product} listed the same titles again. Whether it has more cannot be told.",
            )
        # Titles that were removed meanwhile have moved others up, past the place where we were
        # reading.
        if not start or self._total(self._ask(replace(question, start=0, limit=1))) != total:
            raise ServerTrouble(
                f"{self._product}'s library changed while it was being read. It will be read again."
            )
        return (f"{self._product} counts {total} titles, but listed {len(here)}.",)

    def entries(self, answer: object) -> list[Any]:
        """The titles in an answer. Raises `ServerTrouble` for one that is no list: it is not one
        without titles.
        """
        entries = answer.get("Items") if isinstance(answer, dict) else None
        if not isinstance(entries, list):
            raise ServerTrouble(
                f"{self._product} answered with something that is not a list of titles."
            )
        return entries

    def _total(self, answer: object) -> int:
        """How many titles there are in all. Without this number no listing can be trusted to be
        whole.
        """
        total = answer.get("TotalRecordCount") if isinstance(answer, dict) else None
        if not isinstance(total, int) or isinstance(total, bool) or total < 0:
            raise ServerTrouble(f"{self._product} does not tell how many titles it has.")
        return total


def _page(
    entries: Sequence[Any],
    *,
    shows: Mapping[str, RemoteShow],
    versions: Versions,
    done: int,
    total: int | None,
    problems: list[str],
) -> LibraryPage:
    items: list[RemoteItem] = []
    for entry in entries:
        if isinstance(entry, dict) and entry.get("LocationType") == "Virtual":
            continue  # an episode that is announced or missing
        try:
            items.append(versions.merged(mapping.library_item(entry, shows)))
        except UnreadableEntry as error:
            problems.append(str(error))
    return LibraryPage(items, done, total, problems)


def _shows_of(entries: Sequence[Any]) -> Iterator[Question]:
    """Questions for just the shows that these entries belong to."""
    found = {entry.get("SeriesId") for entry in entries if isinstance(entry, dict)}
    ids = sorted(one for one in found if isinstance(one, str) and one)
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield Question(SHOWS, ids=ids[start : start + IDS_AT_ONCE])


def _id(entry: Any) -> str:
    found = entry.get("Id") if isinstance(entry, dict) else None
    return found if isinstance(found, str) else ""


def _type(entry: Any) -> object:
    return entry.get("Type") if isinstance(entry, dict) else None


def _date(entry: Any, dated: str) -> datetime:
    """The beginning of time where there is none: what was marked by hand may have no date, nor a
    strange entry.
    """
    data = entry.get("UserData") if isinstance(entry, dict) and dated == "DatePlayed" else entry
    found = data.get(_DATES[dated]) if isinstance(data, dict) else None
    return (read_instant(found) if isinstance(found, str) else None) or mapping.NEVER


def _has_several_files(entry: Any) -> bool:
    count = entry.get("MediaSourceCount") if isinstance(entry, dict) else None
    return isinstance(count, int) and count > 1
