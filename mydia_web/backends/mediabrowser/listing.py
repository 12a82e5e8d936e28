"""Listings of a whole library, or of what is new in it, in pages.

A whole library is read to its end or not at all: half of one looks like a library from which films
were removed.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, TypeGuard

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.mediabrowser.models import NEVER, Item, Series, field_of, read
from mydia_web.backends.mediabrowser.versions import Versions
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow
from mydia_web.backends.wire import UnreadableEntry, read_instant

PAGE = 500
#: Where the newest come first, seldom more than a few of them are of interest.
NEWEST = 100
#: Ids travel in the address, which may not grow without end.
IDS_PER_QUESTION = 100
TITLES = ("Movie", "Episode")
SHOWS = ("Series",)
SEASONS = ("Season",)

#: The dates by which the newest titles can be asked for: of the person's last play, and of the
#: file.
Dated = Literal["DatePlayed", "DateCreated"]
Shows = Mapping[str, RemoteShow]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A part of a listing; each backend puts it in its server's words."""

    types: Sequence[str]
    #: "" for all.
    library: str = ""
    ids: Sequence[str] = ()
    #: Only what has changed since then.
    since: datetime | None = None
    start: int = 0
    limit: int = field(default_factory=lambda: PAGE)
    #: Whether to tell the total. Counting costs the server as much as listing.
    counted: bool = True
    #: By this date, the latest first and last what has none; "": in an order in which nothing
    #: moves.
    newest_by: Dated | Literal[""] = ""
    #: Whether to name all files of each title.
    names_files: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    entries: Sequence[Any]
    total: int
    problems: Sequence[str] = ()


class Listing:
    """Reads listings through `ask`, which returns the server's answer to a question as it came.

    `resumed` returns the titles that the person has begun, as they came, where the server keeps a
    position for each file of a title. It is asked once for each listing.
    """

    def __init__(
        self,
        ask: Callable[[Question], object],
        product: str,
        *,
        resumed: Callable[[], Iterable[object]] = tuple,
    ) -> None:
        self._ask = ask
        self._product = product
        self._resumed = resumed

    def library(self, libraries: Iterable[str]) -> Iterator[LibraryPage]:
        chosen = sorted(libraries) or [""]
        shows, problems = self._shows(Question(types=SHOWS, library=library) for library in chosen)
        known_total = self._total_of_several(chosen)
        done = 0
        total = 0
        versions = Versions(self._resumed())
        seasons = Seasons()
        held: list[Any] = []
        for part in self._all_titles(chosen, has_shows=bool(shows)):
            done += len(part.entries)
            total = max(done, known_total or part.total)
            seasons.note(part.entries)
            versions.note_files(self._with_files(part.entries))
            held += [entry for entry in part.entries if may_lack_season(entry)]
            entries = [entry for entry in part.entries if not may_lack_season(entry)]
            page = _page(entries, shows, versions, problems=[*problems, *part.problems])
            yield replace(page, done=done, total=total)
            problems = []
        # Only now is it known which shows have no numbered season.
        for few in _slices(held, PAGE):
            page = _page(seasons.settled(few), shows, versions)
            yield replace(page, done=done, total=total)

    def changes(self, since: datetime, libraries: Iterable[str]) -> Iterator[LibraryPage]:
        """Yield what has changed since then, for servers that select by that."""
        done = 0
        seen: set[str] = set()
        versions = Versions(self._resumed())
        for library in sorted(libraries) or [""]:
            for part in self._parts(Question(types=TITLES, library=library, since=since), seen):
                done += len(part.entries)
                page = self._page_with_shows(part.entries, versions)
                yield replace(
                    page,
                    done=done,
                    total=max(done, part.total),
                    problems=[*page.problems, *part.problems],
                )

    def newest(
        self, since: Mapping[Dated, datetime], libraries: Iterable[str]
    ) -> Iterator[LibraryPage]:
        """Yield what each of these dates dates after a time, for servers that sort by them."""
        done = 0
        library_size = 0
        seen: set[str] = set()
        versions = Versions(self._resumed())
        for part in self._newest_parts(since, libraries):
            library_size += part.total
            fresh = [entry for entry in part.entries if _id(entry) not in seen]
            seen |= set(map(_id, fresh))
            done += len(fresh)
            page = self._page_with_shows(fresh, versions)
            yield replace(page, done=done, library_size=library_size)
        if libraries:
            return  # nobody tells in which library an unlisted file is
        # A listing may be ordered by the plays of the first files alone.
        unlisted = list(versions.unlisted(since["DatePlayed"], seen))
        for ids in _slices(unlisted, IDS_PER_QUESTION):
            entries = self._entries_of(Question(types=TITLES, ids=ids, counted=False))
            done += len(entries)
            page = self._page_with_shows(entries, versions)
            yield replace(page, done=done, library_size=library_size)

    def entries(self, answer: object) -> list[Any]:
        """Return the titles in an answer.

        Raises `ServerTrouble` for one that is no list, which is not one without titles.
        """
        entries = field_of(answer, "Items")
        if not isinstance(entries, list):
            raise ServerTrouble(
                f"{self._product} answered with something that is not a list of titles."
            )
        return entries

    def _total_of_several(self, libraries: Sequence[str]) -> int | None:
        """Return how many titles several libraries hold; None for one, whose listing tells."""
        if len(libraries) == 1:
            return None
        return sum(self._count(Question(types=TITLES, library=library)) for library in libraries)

    def _count(self, question: Question) -> int:
        return self._total(self._ask(replace(question, start=0, limit=1)))

    def _all_titles(self, libraries: Sequence[str], *, has_shows: bool) -> Iterator[_Part]:
        """Yield films and episodes.

        A kind that did not come is asked for alone: a server may take one kind at a time.
        """
        seen: set[str] = set()
        missing = set(TITLES)
        if not has_shows:
            missing.discard("Episode")
        for library in libraries:
            for part in self._parts(Question(types=TITLES, library=library), seen):
                missing.difference_update(_kinds_of(part.entries))
                yield part
        for kind in sorted(missing, key=TITLES.index):
            for library in libraries:
                parts = self._parts(Question(types=(kind,), library=library), seen)
                yield from (part for part in parts if part.entries or part.problems)

    def _with_files(self, entries: Sequence[Any]) -> Iterator[Any]:
        """Yield those of these titles that have several files, with the ids of their files."""
        ids = [_id(entry) for entry in entries if _has_several_files(entry)]
        for few in _slices(ids, IDS_PER_QUESTION):
            yield from self._entries_of(
                Question(
                    types=TITLES,
                    ids=few,
                    limit=len(few),
                    counted=False,
                    names_files=True,
                )
            )

    def _page_with_shows(self, entries: Sequence[Any], versions: Versions) -> LibraryPage:
        """Return a page of titles that are not the whole library, whose shows are asked for."""
        shows, problems = self._shows(_questions_for_shows(entries))
        seasons = Seasons()
        seasons.ask(entries, self._seasons_of)
        return _page(seasons.settled(entries), shows, versions, problems=problems)

    def _seasons_of(self, series_id: str) -> Sequence[Any]:
        return self._entries_of(Question(types=SEASONS, library=series_id, counted=False))

    def _entries_of(self, question: Question) -> list[Any]:
        return self.entries(self._ask(question))

    def _newest_parts(
        self, since: Mapping[Dated, datetime], libraries: Iterable[str]
    ) -> Iterator[_Part]:
        """Yield parts whose totals add up to the size of the libraries."""
        first_date = next(iter(since))
        for library in sorted(libraries) or [""]:
            for dated, after in since.items():
                is_counted = dated == first_date
                question = Question(
                    types=TITLES, library=library, limit=NEWEST, counted=is_counted, newest_by=dated
                )
                yield from self._newer(question, after)

    def _newer(self, question: Question, after: datetime) -> Iterator[_Part]:
        """Yield what is dated later than that, until a part ends with something that is not.

        The first part of a `counted` question tells how many titles of any date there are; the
        total of the others is 0.
        """
        seen: set[str] = set()
        while True:
            answer = self._ask(question)
            entries = self.entries(answer)
            newer = [entry for entry in entries if _date(entry, question.newest_by) > after]
            total = self._total(answer) if question.counted else 0
            yield _Part(newer, total)
            ids = set(map(_id, newer))
            ends_newer = newer[-1:] == entries[-1:]
            if len(entries) < question.limit or not ends_newer or ids <= seen:
                return
            seen |= ids
            question = replace(
                question,
                start=question.start + len(entries),
                counted=False,
            )

    def _shows(self, questions: Iterable[Question]) -> tuple[Shows, list[str]]:
        """Return the shows by their ids, and words about those that cannot be read."""
        shows: dict[str, RemoteShow] = {}
        problems: list[str] = []
        for question in questions:
            for part in self._parts(question, set()):
                problems += part.problems
                for entry in part.entries:
                    try:
                        series = read(Series, entry)
                        shows[series.id] = series.remote_show
                    except UnreadableEntry as error:
                        problems.append(str(error))
        return shows, problems

    def _parts(self, question: Question, seen: set[str]) -> Iterator[_Part]:
        """Yield what `seen` does not hold yet, until the server's own total is reached.

        A total that is less than what came, or just one full page, may count that page alone: then
        until nothing new comes.
        """
        answer = self._ask(question)
        total = self._total(answer)
        start = 0
        listed: set[str] = set()
        while True:
            entries = self.entries(answer)
            start += len(entries)
            ids = set(map(_id, entries))
            brings_nothing = ids <= listed
            listed |= ids
            counts_one_page = total < start or total == start == question.limit
            is_last = brings_nothing or (start >= total and not counts_one_page)
            fresh = _unseen(entries, seen)
            seen |= ids
            problems: Sequence[str] = ()
            if is_last:
                problems = self._missing(question, total, start, len(listed))
            yield _Part(fresh, total, problems)
            if is_last:
                return
            answer = self._ask(replace(question, start=start, counted=False))

    def _missing(self, question: Question, total: int, start: int, listed: int) -> Sequence[str]:
        """Return words about titles that were counted and did not come."""
        if start >= total and listed >= start:
            return ()
        if listed >= total:
            return (
                f"{self._product} listed the same titles again. "
                "Whether it has more cannot be told.",
            )
        # Titles that were removed meanwhile have moved others up, past the place where we were
        # reading.
        if not start or self._count(question) != total:
            raise ServerTrouble(
                f"{self._product}'s library changed while it was being read. It will be read again."
            )
        return (f"{self._product} counts {total} titles, but listed {listed}.",)

    def _total(self, answer: object) -> int:
        """Return how many titles there are, without which no listing can be trusted to be whole."""
        total = field_of(answer, "TotalRecordCount")
        if not _is_number(total) or total < 0:
            raise ServerTrouble(f"{self._product} does not tell how many titles it has.")
        return total


class Seasons:
    """The shows that are known to have a numbered season.

    Of shows whose files have absolute numbers only, Jellyfin 12 gives an episode no season's
    number, in a season called "Season Unknown"; 10.11 puts all of them into season 0 and names each
    like its show. Where a show has no numbered season at all, they are those of season 1.
    """

    def __init__(self) -> None:
        self._numbered: set[str] = set()

    def note(self, entries: Iterable[Any]) -> None:
        """Note the shows of these episodes that stand in a numbered season."""
        numbered = [
            entry for entry in entries if _is_positive(field_of(entry, "ParentIndexNumber"))
        ]
        self._numbered.update(_series_ids(numbered))

    def ask(self, entries: Iterable[Any], seasons_of: Callable[[str], Iterable[Any]]) -> None:
        """Ask for the seasons of shows whose episodes may lack one.

        Of a show for which none is listed, nothing is known.
        """
        for series_id in _series_ids(filter(may_lack_season, entries)):
            numbers = [field_of(season, "IndexNumber") for season in seasons_of(series_id)]
            if not numbers or any(map(_is_positive, numbers)):
                self._numbered.add(series_id)

    def settled(self, entries: Iterable[Any]) -> list[Any]:
        """Return the entries, with season 1 for those whose show has no numbered one."""
        return [self._with_season(entry) for entry in entries]

    def _with_season(self, entry: Any) -> Any:
        if not may_lack_season(entry):
            return entry
        series_id = entry.get("SeriesId")
        if not _is_id(series_id) or series_id in self._numbered:
            return entry
        return {**entry, "ParentIndexNumber": 1}


def may_lack_season(entry: Any) -> bool:
    """Return whether it is a numbered episode that may stand in no season."""
    is_episode = field_of(entry, "Type") == "Episode"
    if not is_episode or not _is_number(field_of(entry, "IndexNumber")):
        return False
    name = entry.get("Name")
    season = entry.get("ParentIndexNumber")
    is_named_like_show = bool(name) and name == entry.get("SeriesName")
    return season is None or (season == 0 and is_named_like_show)


def _page(
    entries: Iterable[Any], shows: Shows, versions: Versions, *, problems: Iterable[str] = ()
) -> LibraryPage:
    """Return a page that does not know yet how far it brings the listing."""
    items: list[RemoteItem] = []
    all_problems = list(problems)
    for entry in entries:
        if field_of(entry, "LocationType") == "Virtual":
            continue  # an episode that is announced or missing
        try:
            item = read(Item, entry).remote_item(shows)
        except UnreadableEntry as error:
            all_problems.append(str(error))
        else:
            items.append(versions.merged(item))
    return LibraryPage(items=items, done=0, total=None, problems=all_problems)


def _questions_for_shows(entries: Sequence[Any]) -> Iterator[Question]:
    """Yield questions for just the shows that these entries belong to."""
    for ids in _slices(_series_ids(entries), IDS_PER_QUESTION):
        yield Question(types=SHOWS, ids=ids)


def _series_ids(entries: Iterable[Any]) -> list[str]:
    ids = (field_of(entry, "SeriesId") for entry in entries)
    return sorted(set(filter(_is_id, ids)))


def _slices(values: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


def _unseen(entries: Iterable[Any], seen: Collection[str]) -> list[Any]:
    """Leave out what was seen; an entry without an id is kept, to be told as a problem."""
    return [entry for entry in entries if not _id(entry) or _id(entry) not in seen]


def _kinds_of(entries: Iterable[Any]) -> set[str]:
    kinds = (field_of(entry, "Type") for entry in entries)
    return {kind for kind in kinds if kind in TITLES}


def _id(entry: Any) -> str:
    item_id = field_of(entry, "Id")
    if not _is_id(item_id):
        return ""
    return item_id


def _is_id(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and value != ""


def _date(entry: Any, dated: str) -> datetime:
    """Return a title's date; `NEVER` for a strange entry, and for what was marked without one."""
    if dated == "DatePlayed":
        text = field_of(field_of(entry, "UserData"), "LastPlayedDate")
    else:
        text = field_of(entry, "DateCreated")
    if not isinstance(text, str):
        return NEVER
    return read_instant(text) or NEVER


def _has_several_files(entry: Any) -> bool:
    count = field_of(entry, "MediaSourceCount")
    return isinstance(count, int) and count > 1


def _is_number(value: Any) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_positive(value: Any) -> bool:
    return _is_number(value) and value > 0
