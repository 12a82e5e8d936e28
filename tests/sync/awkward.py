"""A person's acts on a Jellyfin that tells of them as awkwardly as a real one, and what must come of each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from tests.fakes.jellyfin_news import ALL_TYPE, TEMPLATE_TYPE, JellyfinNews, as_template
from tests.fakes.mediabrowser_library import TICKS, Title
from tests.sync.household import Household
from tests.sync.recordings import ALL, SOCKET, TEMPLATE, RecordedTitle
from tests.sync.replay import BEGINS, LiveJellyfin, Wrong
from tests.sync.replayed import Shown, WatchedBench, fill

#: Two films, one of them too short for a position there, and an episode.
TITLES = [
    RecordedTitle("a" * 32, "Movie", "Heat", 1200 * TICKS, 1995, {"imdb": "tt0113277"}),
    RecordedTitle("b" * 32, "Movie", "Akira", 120 * TICKS, 1988, {"imdb": "tt0094625"}),
    RecordedTitle("c" * 32, "Episode", "Dulcinea", 2700 * TICKS, 0, {}, "The Expanse", "d" * 32, 1, 1),
]
#: A message that was lost is made up for within so many seconds, by what comes after or because nothing does.
MADE_UP_FOR = 20 * 60
#: Of all messages but those that alone tell something, so many are lost; and of the two that tell how a play ended.
LOST, END_LOST = 0.05, 0.3
_END = ("PlaybackFinished", "PlaybackStop")


class Awkward(LiveJellyfin):
    """One person's acts, told by some ways, with what must be true after each."""

    def __init__(
        self,
        household: Household,
        monkeypatch: pytest.MonkeyPatch,
        *,
        version: str,
        ways: Sequence[str],
        random: Random,
        loses: bool = False,
    ) -> None:
        self.ways = ways
        self._random, self._loses = random, loses
        bench = WatchedBench(version)
        self._titles = fill(bench.fake, TITLES, with_ids=True)
        super().__init__(household, monkeypatch, bench, TITLES, listens=SOCKET in ways)
        self._person = JellyfinNews(bench.fake, bench.alice, random)
        bench.fake.on_write = self._person.heard
        self._model = {name: Shown(watched=False) for name in self._titles}
        self.story: list[str] = []

    def live(self, acts: int) -> list[Wrong]:
        """So many acts, hours apart; all that was wrong after any."""
        with ExitStack() as stack:
            self.begin(stack)
            return [wrong for _ in range(acts) for wrong in self._one()]

    def _one(self) -> Iterator[Wrong]:
        self.t += self._random.uniform(2, 6) * 3600
        self.tick()
        name = self._random.choice(sorted(self._titles))
        began_at = self.now()
        words, act, is_play, dated = self._choose(name)
        words = f"{len(self.story) + 1}. {name} {words}"
        lost = self._tell(act)
        words += f" (lost: {', '.join(lost)})" if lost else ""
        self.story.append(words)
        if lost:
            self.t += MADE_UP_FOR
            self.tick()
        if is_play:
            self._expected_plays[name].append((dated, dated) if dated else (began_at, self.now()))
        yield from self.wrong(words, [name], {one: (shown,) for one, shown in self._model.items()})
        yield from (Wrong(words, "state", fault) for fault in self._apart())

    def _apart(self) -> Iterator[str]:
        """The first server, too: before version 12 it gets back the mark that a start took from it."""
        for name, shown in self._model.items():
            state = self._titles[name].state(self.bench.alice.id)
            theirs = Shown(state.played, state.position / TICKS)
            if theirs != shown:
                yield f"A: {name} is {theirs}, not {shown}"

    # What the person does

    def _choose(self, name: str) -> tuple[str, Iterator[float], bool, datetime | None]:
        """In words; the act itself; whether History shows a play more, and of which date."""
        title, was = self._titles[name], self._model[name]
        possible: list[Callable[[str, Title, Shown], Any]] = [
            self._play,
            self._play,
            self._finish,
            self._like,
        ]
        possible += [self._break_off] if not was.seconds else [self._unmark]
        possible += [self._unmark, self._unwatch] if was.watched else [self._mark, self._mark_dated]
        possible += [self._write] if title.ticks > 300 * TICKS else []
        found = self._random.choice(possible)(name, title, was)
        return found if len(found) == 4 else (*found, None)

    def _play(self, name: str, title: Title, was: Shown) -> Any:
        """Where a film is too short for a position, it counts as finished."""
        start, end = int(was.seconds), int(self._random.uniform(0.1, 0.85) * title.ticks / TICKS)
        is_short = title.ticks < 300 * TICKS
        self._model[name] = Shown(watched=True) if is_short else replace(was, seconds=end)
        return (
            f"is played from {start} s to {end} s",
            self._person.play(title, start, start + 4, end),
            is_short,
        )

    def _finish(self, name: str, title: Title, was: Shown) -> Any:
        start, end = int(was.seconds), int(title.ticks / TICKS * 0.96)
        self._model[name] = Shown(watched=True)
        return f"is played from {start} s to its end", self._person.play(title, start, start + 4, end), True

    def _break_off(self, name: str, title: Title, was: Shown) -> Any:
        return "is begun and broken off", self._person.play(title, 0, 4), False

    def _mark(self, name: str, title: Title, was: Shown) -> Any:
        self._model[name] = Shown(watched=True)
        return "is marked watched by hand", self._person.mark(title), True

    def _mark_dated(self, name: str, title: Title, was: Shown) -> Any:
        """Each of its own day, and before all else."""
        at = (BEGINS - timedelta(days=10 + len(self.story))).replace(microsecond=0)
        self._model[name] = Shown(watched=True)
        return f"is marked watched on {at:%d %b}", self._person.mark(title, at), True, at

    def _unmark(self, name: str, title: Title, was: Shown) -> Any:
        self._model[name] = Shown(watched=False)
        return "is marked unwatched by hand", self._person.unmark(title), False

    def _unwatch(self, name: str, title: Title, was: Shown) -> Any:
        self._model[name] = Shown(watched=False)
        act = self._person.write(title, played=False, position=0)
        return "is written as unwatched by another program", act, False

    def _write(self, name: str, title: Title, was: Shown) -> Any:
        seconds = int(self._random.uniform(0.1, 0.85) * title.ticks / TICKS)
        self._model[name] = replace(was, seconds=seconds)
        act = self._person.write(title, position=seconds * TICKS)
        return f"is written to {seconds} s by another program", act, False

    def _like(self, name: str, title: Title, was: Shown) -> Any:
        return "becomes a favourite", self._person.like(title), False

    # How it is told

    def _tell(self, act: Iterator[float]) -> list[str]:
        """What of it was lost."""
        lost: list[str] = []
        ends = self._random.choice(_END) if self._loses and self._random.random() < END_LOST else ""
        for pause in act:
            self._say(ends, lost)
            self.pass_until(self.t + pause)
        for _ in range(3):
            self.pass_until(self.t + 1)
            self._say("", lost)
        return lost

    def _say(self, end_lost: str, lost: list[str]) -> None:
        for told in self._person.webhooks():
            kind = told.get("SaveReason") or told["NotificationType"]
            if any(way != SOCKET for way in self.ways):
                if self._is_lost(kind, told, end_lost):
                    lost.append(kind)
                else:
                    self._send(told)
        if (message := self._person.said()) and SOCKET in self.ways:
            self.say(message)

    def _is_lost(self, kind: str, told: dict[str, Any], end_lost: str) -> bool:
        """Of a play that leaves nothing behind, only what was saved says so."""
        if kind in _END:
            leaves_nothing = told["PlaybackPositionTicks"] * 20 < told["RunTimeTicks"] and not told.get(
                "Played"
            )
            return kind == end_lost and not (kind == "PlaybackFinished" and leaves_nothing)
        is_of_play = kind in ("PlaybackStart", "PlaybackProgress")
        return self._loses and is_of_play and self._random.random() < LOST

    def _send(self, told: dict[str, Any]) -> None:
        if TEMPLATE in self.ways:
            self.send(as_template(told), TEMPLATE_TYPE)
        if ALL in self.ways:
            self.send(told, ALL_TYPE)
