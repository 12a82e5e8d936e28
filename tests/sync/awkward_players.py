"""A person's acts on an Emby or a Plex, or told by a Tautulli or a script."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.backends.benches import BENCHES
from tests.fakes.mediabrowser_library import TICKS
from tests.fakes.player_news import EmbyNews, PlayerNews, PlexNews, ScriptNews, TautulliNews
from tests.fakes.plex import ALICE, FakePlex
from tests.fakes.plex_library import Title as PlexTitle
from tests.sync.household import Household
from tests.sync.recordings import RecordedTitle
from tests.sync.replayed import Shown, fill
from tests.sync.story import Done, Story

#: The kind of server beside each way of telling.
SERVERS = {"emby": "emby", "plex": "plex", "tautulli": "plex", "generic": "jellyfin"}
#: Long enough for a position everywhere.
FILM = RecordedTitle("", "Movie", "Heat", 1200 * TICKS, 1995, {"imdb": "tt0113277"})
EPISODE = RecordedTitle("", "Episode", "Dulcinea", 2700 * TICKS, 0, {}, "The Expanse", "", 1, 1)
#: Of two that tell of the same end, so often one is lost.
END_LOST = 0.3


class PlayerStory(Story):
    """Told by one way, with messages lost or not."""

    def __init__(
        self,
        household: Household,
        monkeypatch: pytest.MonkeyPatch,
        *,
        way: str,
        random: Random,
        loses: bool = False,
    ) -> None:
        self._way, self._loses, kind = way, loses, SERVERS[way]
        bench = BENCHES[kind]()
        self._fake: Any = bench._plex if kind == "plex" else bench.fake  # type: ignore[attr-defined]
        self._held: dict[str, Any] = (
            _fill_plex(self._fake)
            if kind == "plex"
            else dict(fill(self._fake, [FILM, EPISODE], with_ids=False))
        )
        titles = [replace(one, id=_id(self._held[one.name])) for one in (FILM, EPISODE)]
        super().__init__(household, monkeypatch, bench, titles, random, kind=kind)
        self._fake.now = self.now
        self._person = self._teller(bench)

    def _teller(self, bench: Any) -> PlayerNews:
        if self._way == "emby":
            return EmbyNews(self._fake, bench.alice, self._random)
        if self._way == "generic":
            return ScriptNews(self._fake, bench.alice, self._random)
        return (PlexNews if self._way == "plex" else TautulliNews)(self._fake, self._random)

    def on_a(self, name: str) -> Shown:
        title = self._held[name]
        if isinstance(title, PlexTitle):
            played = title.of(ALICE)
            return Shown(played.view_count > 0, (played.view_offset or 0) / 1000)
        state = title.state(self.bench.alice.id)
        return Shown(state.played, state.position / TICKS)

    def possible(self, name: str) -> list[Callable[[str], Done]]:
        """Only what is told of."""
        found = super().possible(name)
        if self._person.tells_marks:
            return found
        return [one for one in found if one not in (self._mark, self._unmark)]

    def playing(self, name: str, start: int, *reports: int) -> Iterator[float]:
        return self._person.play(self._held[name], start, *reports)

    def marking(self, name: str) -> Iterator[float]:
        return self._person.mark(self._held[name])

    def unmarking(self, name: str) -> Iterator[float]:
        return self._person.unmark(self._held[name])

    def tell(self, act: Iterator[float]) -> list[str]:
        lost: list[str] = []
        for pause in act:
            told = self._person.webhooks()
            names = [name for name, _ in told]
            twice = all(one in names for one in self._person.twice_told) and self._person.twice_told
            if twice and self._loses and self._random.random() < END_LOST:
                lost.append(self._random.choice(twice))
            for name, body in told:
                if name not in lost:
                    self._send(body)
            self.pass_until(self.t + pause)
        self.pass_until(self.t + 3)
        self.tick()
        return lost

    def _send(self, body: dict[str, Any]) -> None:
        if self._way == "plex":
            form = {"payload": json.dumps(body)}
            self.post(form, "multipart/form-data", self._way)
        else:
            self.send(body, "application/json", self._way)


def _id(title: Any) -> str:
    return str(title.key) if isinstance(title, PlexTitle) else str(title.id)


def _fill_plex(plex: FakePlex) -> dict[str, PlexTitle]:
    guids = [f"{provider}://{value}" for provider, value in FILM.ids.items()]
    minutes = FILM.ticks / TICKS / 60, EPISODE.ticks / TICKS / 60
    show = plex.add_show(EPISODE.series, guids=["tvdb://280619"])
    return {
        FILM.name: plex.add_movie(FILM.name, year=FILM.year, minutes=minutes[0], guids=guids),
        EPISODE.name: plex.add_episode(show, 1, 1, minutes=minutes[1]),
    }
