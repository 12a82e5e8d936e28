"""A person's acts on a Kodi that announces them on the open connection."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from mydia_web.backends.kodi.listening import Listener
from tests.backends.kodi.bench import KodiBench
from tests.fakes.kodi_library import Video
from tests.fakes.kodi_news import KEPT_FROM, KodiNews
from tests.fakes.mediabrowser_library import TICKS
from tests.sync.awkward_players import EPISODE, FILM
from tests.sync.household import Household
from tests.sync.replayed import Shown
from tests.sync.story import Done, Story


class KodiStory(Story):
    """Nothing is lost on an open connection."""

    def __init__(
        self, household: Household, monkeypatch: pytest.MonkeyPatch, *, random: Random
    ) -> None:
        bench = KodiBench()
        self._held = _fill(bench)
        titles = [
            replace(one, id=f"{self._held[one.name].kind}:{self._held[one.name].id}")
            for one in (FILM, EPISODE)
        ]
        super().__init__(household, monkeypatch, bench, titles, random, kind="kodi", listens=True)
        bench.kodi.now = self.now  # type: ignore[method-assign]
        self._person = KodiNews(bench.kodi, random)

    def listener(self, client: Any, remote_user_id: str) -> Any:
        return Listener(client._rpc, client._time)

    def wait(self, seconds: float) -> None:
        """Where nothing is said a Kodi is asked whether it is there, which is not what this is
        about.
        """
        self.unnoticed += seconds
        super().wait(seconds)

    def on_a(self, name: str) -> Shown:
        video = self._held[name]
        return Shown(video.watched, int(video.position))

    def possible(self, name: str) -> list[Callable[[str], Done]]:
        """A mark by hand there leaves a position as it is: it is not made where there is one."""
        found = super().possible(name)
        return [
            one
            for one in found
            if one not in (self._mark, self._unmark) or not self._model[name].seconds
        ]

    def _play(self, name: str) -> Done:
        """What is stopped in the first minutes leaves no position."""
        done = super()._play(name)
        is_kept = done.leaves.seconds >= KEPT_FROM
        return done if is_kept else replace(done, leaves=replace(done.leaves, seconds=0))

    def playing(self, name: str, start: int, *reports: int) -> Iterator[float]:
        return self._person.play(self._held[name], *reports)

    def marking(self, name: str) -> Iterator[float]:
        return self._person.mark(self._held[name], watched=True)

    def unmarking(self, name: str) -> Iterator[float]:
        return self._person.mark(self._held[name], watched=False)

    def tell(self, act: Iterator[float]) -> list[str]:
        for pause in act:
            for message in self._person.said():
                self.say(message)
            self.pass_until(self.t + pause)
        self.pass_until(self.t + 4)
        self.tick()
        return []


def _fill(bench: KodiBench) -> dict[str, Video]:
    film_minutes, episode_minutes = (one.ticks / TICKS / 60 for one in (FILM, EPISODE))
    show = bench.kodi.add_show(EPISODE.series, tvdb="280619")
    return {
        FILM.name: bench.kodi.add_movie(
            FILM.name, year=FILM.year, minutes=film_minutes, **FILM.ids
        ),
        EPISODE.name: bench.kodi.add_episode(show, 1, 1, EPISODE.name, minutes=episode_minutes),
    }
