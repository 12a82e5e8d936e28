"""Stories of a person at a server that tells its news: acts in random order, and what must come of
each.
"""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

import pytest

from tests.sync.household import Household
from tests.sync.recordings import RecordedTitle
from tests.sync.replay import Live, Wrong
from tests.sync.replayed import Shown

#: A message that was lost is made up for within so many seconds, by what comes after or because
#: nothing does.
MADE_UP_FOR = 20 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One act of the person: its words, what it leaves, and the play that History shows for it."""

    words: str
    act: Iterator[float]
    leaves: Shown
    is_play: bool = False
    #: When that was; None: in the time of the act.
    dated: datetime | None = None


class Story(Live):
    """One person's acts, hours apart, with what must be true after each."""

    def __init__(
        self,
        household: Household,
        monkeypatch: pytest.MonkeyPatch,
        bench: Any,
        titles: Sequence[RecordedTitle],
        random: Random,
        **server: Any,
    ) -> None:
        super().__init__(household, monkeypatch, bench, titles, **server)
        self._random = random
        self._model = {one.name: Shown(watched=False) for one in titles}
        self._seconds = {one.name: one.ticks // 10_000_000 for one in titles}
        self.story: list[str] = []

    def live(self, acts: int) -> list[Wrong]:
        """All that was wrong after any of so many acts."""
        with ExitStack() as stack:
            self.begin(stack)
            return [wrong for _ in range(acts) for wrong in self._one()]

    def _one(self) -> Iterator[Wrong]:
        self.wait(self._random.uniform(2, 6) * 3600)
        name = self._random.choice(sorted(self._model))
        began_at, done = self.now(), self._random.choice(self.possible(name))(name)
        lost = self.tell(done.act)
        words = f"{len(self.story) + 1}. {name} {done.words}"
        words += f" (lost: {', '.join(lost)})" if lost else ""
        self.story.append(words)
        if lost:
            self.wait(MADE_UP_FOR)
        self._model[name] = done.leaves
        if done.is_play:
            span = (done.dated, done.dated) if done.dated else (began_at, self.now())
            self._expected_plays[name].append(span)
        yield from self.wrong(words, [name], {one: (shown,) for one, shown in self._model.items()})
        yield from (Wrong(words, "state", fault) for fault in self._apart())

    def wait(self, seconds: float) -> None:
        """Nothing is done meanwhile."""
        self.t += seconds
        self.tick()

    def _apart(self) -> Iterator[str]:
        for name, shown in self._model.items():
            if self.on_a(name) != shown:
                yield f"A: {name} is {self.on_a(name)}, not {shown}"

    @abstractmethod
    def on_a(self, name: str) -> Shown:
        """What the first server shows."""

    @abstractmethod
    def tell(self, act: Iterator[float]) -> list[str]:
        """Have the act done, and tell of it; what of that was lost."""

    @abstractmethod
    def playing(self, name: str, start: int, *reports: int) -> Iterator[float]: ...

    @abstractmethod
    def marking(self, name: str) -> Iterator[float]: ...

    @abstractmethod
    def unmarking(self, name: str) -> Iterator[float]: ...

    # What the person may do

    def possible(self, name: str) -> list[Callable[[str], Done]]:
        was = self._model[name]
        found = [self._play, self._play, self._finish]
        found.append(self._unmark if was.seconds else self._break_off)
        found.append(self._unmark if was.watched else self._mark)
        return found

    def _play(self, name: str) -> Done:
        """Where a film is too short for a position, it counts as finished."""
        was, length = self._model[name], self._seconds[name]
        start, end = int(was.seconds), int(self._random.uniform(0.1, 0.85) * length)
        is_short = length < 300
        return Done(
            words=f"is played from {start} s to {end} s",
            act=self.playing(name, start, start + 4, end),
            leaves=Shown(watched=True) if is_short else replace(was, seconds=end),
            is_play=is_short,
        )

    def _finish(self, name: str) -> Done:
        start, end = int(self._model[name].seconds), int(self._seconds[name] * 0.96)
        act = self.playing(name, start, start + 4, end)
        words = f"is played from {start} s to its end"
        return Done(words=words, act=act, leaves=Shown(watched=True), is_play=True)

    def _break_off(self, name: str) -> Done:
        return Done(
            words="is begun and broken off", act=self.playing(name, 0, 4), leaves=self._model[name]
        )

    def _mark(self, name: str) -> Done:
        words = "is marked watched by hand"
        return Done(words=words, act=self.marking(name), leaves=Shown(watched=True), is_play=True)

    def _unmark(self, name: str) -> Done:
        words = "is marked unwatched by hand"
        return Done(words=words, act=self.unmarking(name), leaves=Shown(watched=False))
