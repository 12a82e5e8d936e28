"""A person's acts on a Jellyfin that tells of them as awkwardly as a real one."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import Any

import pytest

from tests.fakes.jellyfin_news import ALL_TYPE, TEMPLATE_TYPE, JellyfinNews, as_template
from tests.fakes.mediabrowser_library import TICKS
from tests.sync.household import Household
from tests.sync.recordings import ALL, SOCKET, TEMPLATE, RecordedTitle
from tests.sync.replay import LiveJellyfin
from tests.sync.replayed import Shown, WatchedBench, fill
from tests.sync.story import Done, Story

#: Two films, one of them too short for a position there, and an episode.
TITLES = [
    RecordedTitle("a" * 32, "Movie", "Heat", 1200 * TICKS, 1995, {"imdb": "tt0113277"}),
    RecordedTitle("b" * 32, "Movie", "Akira", 120 * TICKS, 1988, {"imdb": "tt0094625"}),
    RecordedTitle(
        "c" * 32, "Episode", "Dulcinea", 2700 * TICKS, 0, {}, "The Expanse", "d" * 32, 1, 1
    ),
]
#: Of all messages but those that alone tell something, so many are lost; and of the two that tell
#: how a play ended.
LOST, END_LOST = 0.05, 0.3
_END = ("PlaybackFinished", "PlaybackStop")


class JellyfinStory(Story, LiveJellyfin):
    """Told by some ways, with messages lost or not."""

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
        self.ways, self._loses = ways, loses
        bench = WatchedBench(version)
        self._titles = fill(bench.fake, TITLES, with_ids=True)
        super().__init__(household, monkeypatch, bench, TITLES, random, listens=SOCKET in ways)
        self._person = JellyfinNews(bench.fake, bench.alice, random)
        bench.fake.on_write = self._person.heard

    def on_a(self, name: str) -> Shown:
        """Before version 12 it gets back the mark that a start took from it."""
        state = self._titles[name].state(self.bench.alice.id)
        return Shown(state.played, state.position / TICKS)

    # What the person may do

    def possible(self, name: str) -> list[Callable[[str], Done]]:
        found = [*super().possible(name), self._like]
        found.append(self._unwatch if self._model[name].watched else self._mark_dated)
        return found + [self._write] * (self._seconds[name] >= 300)

    def playing(self, name: str, start: int, *reports: int) -> Iterator[float]:
        return self._person.play(self._titles[name], start, *reports)

    def marking(self, name: str) -> Iterator[float]:
        return self._person.mark(self._titles[name])

    def unmarking(self, name: str) -> Iterator[float]:
        return self._person.unmark(self._titles[name])

    def _mark_dated(self, name: str) -> Done:
        """Each of its own day, and before all else."""
        at = (self.epoch - timedelta(days=10 + len(self.story))).replace(microsecond=0)
        return Done(
            words=f"is marked watched on {at:%d %b} by another program",
            act=self._person.mark(self._titles[name], at),
            leaves=Shown(watched=True),
            is_play=True,
            dated=at,
        )

    def _unwatch(self, name: str) -> Done:
        act = self._person.write(self._titles[name], played=False, position=0)
        words = "is written as unwatched by another program"
        return Done(words=words, act=act, leaves=Shown(watched=False))

    def _write(self, name: str) -> Done:
        seconds = int(self._random.uniform(0.1, 0.85) * self._seconds[name])
        return Done(
            words=f"is written to {seconds} s by another program",
            act=self._person.write(self._titles[name], position=seconds * TICKS),
            leaves=replace(self._model[name], seconds=seconds),
        )

    def _like(self, name: str) -> Done:
        act = self._person.like(self._titles[name])
        return Done(words="becomes a favourite", act=act, leaves=self._model[name])

    # How it is told
    def tell(self, act: Iterator[float]) -> list[str]:
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
            leaves_nothing = told["PlaybackPositionTicks"] * 20 < told[
                "RunTimeTicks"
            ] and not told.get("Played")
            return kind == end_lost and not (kind == "PlaybackFinished" and leaves_nothing)
        is_of_play = kind in ("PlaybackStart", "PlaybackProgress")
        return self._loses and is_of_play and self._random.random() < LOST

    def _send(self, told: dict[str, Any]) -> None:
        if TEMPLATE in self.ways:
            self.send(as_template(told), TEMPLATE_TYPE)
        if ALL in self.ways:
            self.send(told, ALL_TYPE)
