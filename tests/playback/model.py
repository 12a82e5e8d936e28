"""The rules of the watch state a second time, over plain dictionaries, to hold our tables
against.
"""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

#: A user's id and a content.
Key = tuple[int, str, int]
#: The state of a key on a source.
Place = tuple[Key, int]


class Record(NamedTuple):
    """A progress record of the model."""

    position: int
    duration: int
    watched: bool
    at: datetime
    dismissed: bool = False

    @property
    def at_the_end(self) -> bool:
        return 10 * self.position >= 9 * self.duration

    @property
    def begun(self) -> bool:
        return (self.position >= 60 or 20 * self.position >= self.duration) and not self.at_the_end

    @property
    def finished(self) -> bool:
        return self.watched and not self.begun


class Model:
    """The rules of the watch state, over dictionaries."""

    def __init__(self) -> None:
        self.records: dict[Key, Record] = {}
        #: When a user took the show off the list.
        self.dismissed: dict[int, datetime] = {}
        self.plays: Counter[tuple[Key, datetime | None]] = Counter()
        #: By change set: content, record before, record after, and the time of its play.
        self.changes: list[list[tuple[Key, Record | None, Record | None, datetime | None]]] = []
        #: What was said to be watched (True) or unwatched, in order, each with the number of its
        #: change set.
        self.said: list[tuple[int, Key, bool]] = []
        self.undone: set[int] = set()

    def save(self, key: Key, position: int, duration: int, at: datetime) -> bool:
        """True where it made a change set."""
        old = self.records.get(key)
        position = min(position, duration)
        if old and ((old.position, old.duration) == (position, duration) or old.at > at):
            return False
        new = Record(position, duration, bool(old and old.watched), at)
        if not new.at_the_end:
            self.records[key] = new
            return False
        self.records[key] = new = new._replace(watched=True)
        if old and old.watched and (old.position == 0 or old.at_the_end):
            return False
        self._record([(key, old, new, at)])
        return True

    def mark(self, keys: dict[Key, int], at: datetime) -> bool:
        changes = []
        for key, runtime in keys.items():
            old = self.records.get(key)
            if old and old.finished:
                continue
            new = Record(0, old.duration if old else runtime, True, max(at, old.at if old else at))
            changes.append((key, old, new, at))
        return self._record(changes)

    def unmark(self, keys: list[Key]) -> bool:
        """What is not known is noted once, in a change set that takes nothing back."""
        unknown = [
            key for key in keys if key not in self.records and not self._is_said_unwatched(key)
        ]
        if unknown:
            self.said += [(len(self.changes), key, False) for key in unknown]
            self.changes.append([])
        known = [(key, self.records[key], None, None) for key in keys if key in self.records]
        return self._record(known) or bool(unknown)

    def undo(self, number: int) -> None:
        for key, before, after, played_at in reversed(self.changes[number]):
            if self.records.get(key) == after:
                self._put(key, before)
                if after:
                    self.plays -= Counter([(key, played_at)])
        self.changes[number] = []
        self.undone.add(number)

    def _is_said_unwatched(self, key: Key) -> bool:
        said = [
            watched for number, of, watched in self.said if of == key and number not in self.undone
        ]
        return bool(said) and not said[-1]

    def _record(
        self, changes: list[tuple[Key, Record | None, Record | None, datetime | None]]
    ) -> bool:
        for key, _, after, played_at in changes:
            self._put(key, after)
            self.said.append((len(self.changes), key, after is not None))
            if after:
                self.plays[key, played_at] += 1
        if changes:
            self.changes.append(changes)
        return bool(changes)

    def _put(self, key: Key, record: Record | None) -> None:
        self.records.pop(key, None)
        if record:
            self.records[key] = record


class Shown(NamedTuple):
    """What a server holds of one content."""

    watched: bool = False
    position_ms: int = 0

    def after(self, row: "Registers") -> "Shown":
        return Shown(
            self.watched if row.completed is None else row.completed,
            self.position_ms if row.position_ms is None else row.position_ms,
        )


class Registers(NamedTuple):
    """What a row asks a server for."""

    completed: bool | None
    position_ms: int | None


def agreeing(record: Record | None) -> set[Shown]:
    """The states of a server that mean the same as this record."""
    if record is None:
        return {Shown()}
    told = Shown(record.watched, record.position * 1000)
    if record.begun:
        return {told}
    # A false start may stand there or not; what is past the end is nothing to continue.
    return {Shown(record.watched)} if record.at_the_end else {Shown(record.watched), told}
