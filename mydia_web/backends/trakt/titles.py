"""The titles that a listing of plays is about."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from mydia_web.backends.trakt import mapping, state
from mydia_web.backends.trakt.mapping import Play, Row
from mydia_web.backends.trakt.state import Plays, Positions
from mydia_web.backends.values import ContentKind, LibraryPage, RemoteItem
from mydia_web.backends.wire import UnreadableEntry

#: Titles on a page of ours.
PAGE = 500
#: What was done with a title and is dated by itself moves Trakt's stamp no later than this after
#: its date.
EXPLAINED = timedelta(minutes=15)


@dataclass(slots=True)
class Titles:
    """The titles of one kind, gathered from plays that come in any order of titles."""

    kind: ContentKind
    positions: Positions = field(default_factory=dict)
    plays: dict[int, Plays] = field(default_factory=dict)
    #: The plays that were counted, by Trakt's numbers.
    seen: set[int] = field(default_factory=set)

    def add(self, entries: Sequence[object]) -> Iterator[str]:
        """Words about the entries that could not be read."""
        for entry in entries:
            try:
                play = mapping.read(Play, entry)
                number = play.title(self.kind).ids.trakt
            except UnreadableEntry as error:
                yield str(error)
                continue
            # A play that is added meanwhile moves the others down, onto the next page once more.
            if play.id in self.seen:
                continue
            self.seen.add(play.id)
            known = self.plays.get(number) or Plays(row=play)
            self.plays[number] = known.plus(mapping.instant(play.watched_at))

    def explain(self, stamp: datetime) -> bool:
        """Is one of the plays what moved Trakt's stamp?"""
        return any(plays.last and stamp - plays.last <= EXPLAINED for plays in self.plays.values())

    def numbers(self) -> list[int]:
        return [*self.plays, *(number for number in self.positions if number not in self.plays)]

    def item(self, number: int) -> RemoteItem:
        plays, position = self.plays.get(number) or Plays(), self.positions.get(number)
        row = plays.row or (position.row if position else Row())
        shown = state.show(plays, position, self.kind)
        item = mapping.item(row, self.kind, shown)
        paused = state.current(plays, position)
        if paused is None or shown.position_ms:
            return item
        return replace(item, position_percent=paused.percent)

    def pages(
        self, done: int, total: int | None, problems: Sequence[str] = ()
    ) -> Iterator[LibraryPage]:
        numbers = self.numbers()
        for start in range(0, len(numbers) or 1, PAGE):
            items, wrong = [], [] if start else list(problems)
            for number in numbers[start : start + PAGE]:
                try:
                    items.append(self.item(number))
                except UnreadableEntry as error:
                    wrong.append(str(error))
            yield LibraryPage(items, done, total, wrong)
