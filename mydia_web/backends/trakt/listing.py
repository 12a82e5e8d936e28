"""Reading the account: what was watched and what is paused, whole or only what changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from mydia_web import clock
from mydia_web.backends.call import Call
from mydia_web.backends.trakt import mapping
from mydia_web.backends.trakt.api import Api
from mydia_web.backends.trakt.mapping import KINDS, NEVER, PLURAL, Play, Row
from mydia_web.backends.trakt.plan import (
    ADD,
    FULL,
    Plays,
    Position,
    current_position,
    remote_state,
)
from mydia_web.backends.trakt.titles import read_plays, read_positions
from mydia_web.backends.values import ContentKind, LibraryPage, RemoteItem
from mydia_web.backends.wire import UnreadableEntry

#: Titles on a page of ours.
TITLES_PER_PAGE = 500
#: Our clock and Trakt's need not agree.
OVERLAP = timedelta(hours=1)
#: With more titles than this, reading the whole account takes fewer requests.
MAX_CHANGED = 50
#: A play of its own date moves Trakt's stamp no later than this after the date.
MAX_DELAY = timedelta(minutes=15)


@dataclass(slots=True, kw_only=True)
class Titles:
    """The titles of one kind, gathered from plays that come in any order of titles."""

    kind: ContentKind
    positions: Mapping[int, Position] = field(default_factory=dict)
    plays: dict[int, Plays] = field(default_factory=dict)
    #: The plays that were counted, by Trakt's numbers.
    seen: set[int] = field(default_factory=set)

    def add(self, entries: Sequence[object]) -> list[str]:
        """Add plays. Return words about the entries that could not be read."""
        problems: list[str] = []
        for entry in entries:
            try:
                play = mapping.parse(Play, entry)
                number = play.title(self.kind).ids.trakt
            except UnreadableEntry as error:
                problems.append(str(error))
                continue
            # A play that is added meanwhile moves the others down, onto the next page once more.
            if play.id in self.seen:
                continue
            self.seen.add(play.id)
            plays = self.plays.get(number) or Plays(row=play)
            self.plays[number] = plays.plus(mapping.instant(play.watched_at))
        return problems

    def has_play_of(self, stamp: datetime) -> bool:
        """Return whether one of the plays can have moved Trakt's stamp."""
        lasts = [plays.last for plays in self.plays.values() if plays.last]
        return any(stamp - last <= MAX_DELAY for last in lasts)

    def numbers(self) -> list[int]:
        paused = [number for number in self.positions if number not in self.plays]
        return [*self.plays, *paused]

    def item(self, number: int) -> RemoteItem:
        """Return a title as an item. Raises `UnreadableEntry`."""
        plays = self.plays.get(number) or Plays()
        position = self.positions.get(number)
        row = plays.row
        if row is None and position is not None:
            row = position.row
        state = remote_state(self.kind, plays, position)
        item = mapping.item(row or Row(), self.kind, state)
        current = current_position(plays, position)
        if current is None or state.position_ms:
            return item
        return replace(item, position_percent=current.percent)

    def pages(
        self, done: int, total: int | None, problems: Sequence[str] = ()
    ) -> Iterator[LibraryPage]:
        """Yield the titles in pages, at least one, and the problems with the first of them."""
        numbers = self.numbers()
        words = list(problems)
        for start in range(0, len(numbers) or 1, TITLES_PER_PAGE):
            items = []
            for number in numbers[start : start + TITLES_PER_PAGE]:
                try:
                    items.append(self.item(number))
                except UnreadableEntry as error:
                    words.append(str(error))
            yield LibraryPage(items=items, done=done, total=total, problems=words)
            words = []


def list_history(kind: ContentKind, *, since: datetime | None = None, is_full: bool = True) -> Call:
    """Return the listing of plays, with what Trakt knows of their titles where it `is_full`.

    It begins a day early: Trakt describes the time as a day, and takes an instant.
    """
    params: dict[str, Any] = {}
    if since is not None:
        day_before = since - timedelta(days=1)
        midnight = day_before.replace(hour=0, minute=0, second=0, microsecond=0)
        params["start_at"] = mapping.stamp(midnight)
    if is_full:
        params["extended"] = FULL
    return Call(method="GET", path=f"{ADD}/{PLURAL[kind]}", params=params)


def read_library(api: Api) -> Iterator[LibraryPage]:
    """Yield the whole account.

    `done` and `total` count titles, which come once all plays of their kind are read. The total
    comes with the last kind: until then nobody knows how many titles that has.
    """
    done = 0
    for kind in KINDS:
        positions, problems = read_positions(api, kind)
        titles = Titles(kind=kind, positions=positions)
        for page in api.pages(list_history(kind)):
            words = [*problems, *titles.add(page.rows), *page.problems]
            yield LibraryPage(
                items=(), done=done + len(titles.numbers()), total=None, problems=words
            )
            problems = ()
        done += len(titles.numbers())
        total = done if kind == KINDS[-1] else None
        yield from titles.pages(done, total, problems)


def read_changes(api: Api, since: datetime) -> Iterator[LibraryPage] | None:
    """Yield what was played or paused since then.

    None where a change cannot be found by its time, or where there are too many.
    """
    since -= OVERLAP
    activities = _read_activities(api)
    changed: list[tuple[Titles, Sequence[str]]] = []
    for kind in KINDS:
        watched_at = _last_activity(activities, kind, "watched_at")
        paused_at = _last_activity(activities, kind, "paused_at")
        if max(watched_at, paused_at) <= since:
            continue
        has_plays = watched_at > since
        titles, problems = _read_changed(api, kind, since, has_plays=has_plays)
        is_too_much = len(titles.plays) > MAX_CHANGED
        is_unexplained = has_plays and not titles.has_play_of(watched_at)
        if is_too_much or is_unexplained:
            return None
        changed.append((titles, problems))
    return _changed_pages(api, changed)


def _read_changed(
    api: Api, kind: ContentKind, since: datetime, *, has_plays: bool
) -> tuple[Titles, Sequence[str]]:
    """Return the titles that were played or paused since then, with their recent plays."""
    positions, words = read_positions(api, kind)
    titles = Titles(kind=kind, positions=positions)
    problems = list(words)
    if has_plays:
        for page in api.pages(list_history(kind, since=since)):
            problems += titles.add(page.rows)
            problems += page.problems
    changed = {
        number: plays for number, plays in titles.plays.items() if plays.last and plays.last > since
    }
    for number, position in positions.items():
        if position.at is None or position.at > since:
            changed.setdefault(number, titles.plays.get(number) or Plays(row=position.row))
    titles.plays = changed
    return titles, problems


def _changed_pages(
    api: Api, changed: Sequence[tuple[Titles, Sequence[str]]]
) -> Iterator[LibraryPage]:
    total = sum(len(titles.plays) for titles, _ in changed)
    done = 0
    if not changed:
        yield LibraryPage(items=(), done=0, total=0)
    for titles, problems in changed:
        titles.positions = {
            number: position
            for number, position in titles.positions.items()
            if number in titles.plays
        }
        for number, recent in titles.plays.items():
            plays = read_plays(api, titles.kind, number)
            titles.plays[number] = replace(plays, row=recent.row)
        done += len(titles.plays)
        yield from titles.pages(done, total, problems)


def _read_activities(api: Api) -> Mapping[str, Any]:
    activities = api.get("sync/last_activities").json()
    if not isinstance(activities, dict):
        raise api.not_trakt()
    return activities


def _last_activity(activities: Mapping[str, Any], kind: ContentKind, name: str) -> datetime:
    """Return when that was last done to a title. What cannot be read counts as done just now."""
    of_kind = activities.get(PLURAL[kind])
    text = of_kind.get(name) if isinstance(of_kind, dict) else None
    if not isinstance(text, str):
        return clock.now()
    if text.startswith("1970"):
        return NEVER
    return mapping.instant(text) or clock.now()
