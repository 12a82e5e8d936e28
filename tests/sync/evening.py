"""An evening of alice's: servers that tell their news, players on them, and what all hold in the
end.
"""

import json
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from mydia_web import clock
from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import Content, MediaItem
from mydia_web.playback import get_progress
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import webhook_secret
from mydia_web.sources.models import SourceEvent
from mydia_web.sync.inbound import inbox
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.outbound.worker import Worker
from tests.backends.emby.bench import EmbyBench
from tests.backends.plex.bench import PlexBench
from tests.fakes.jellyfin_news import TEMPLATE_TYPE, JellyfinNews, as_template
from tests.fakes.jellyfin_players import progressed, started, stopped
from tests.fakes.jellyfin_sign_in import Device
from tests.fakes.mediabrowser_library import TICKS
from tests.fakes.player_news import EmbyNews, PlexNews, ScriptNews
from tests.fakes.plex import ALICE
from tests.fakes.plex_library import Title as PlexTitle
from tests.sync.household import Household, Server, plays_of
from tests.sync.replay import BEGINS, Conflicts
from tests.sync.replayed import WatchedBench

HEAT = {"year": 1995, "minutes": 100}
IMDB = "tt0113277"


class Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(record.getMessage())


class Evening:
    def __init__(
        self, household: Household, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
    ) -> None:
        self.household, self._monkeypatch = household, monkeypatch
        self.alice: User = household._alice
        self.t = 0.0
        self.log: list[str] = []
        monkeypatch.setattr(clock, "read", self.now)
        self._random = Random(7)
        self.people: list[tuple[Server, str, Any]] = []
        self.writes: dict[str, int] = {}
        self.alter: Callable[[Server, dict[str, Any]], dict[str, Any] | None] = (
            lambda _server, told: told
        )
        self.conflicts, self.errors = Conflicts(), Errors()
        for name, handler, level in (
            ("mydia_web.sync.inbound", self.conflicts, logging.INFO),
            ("mydia_web", self.errors, None),
        ):
            log = logging.getLogger(name)
            log.addHandler(handler)
            stack.callback(log.removeHandler, handler)
            if level:
                stack.callback(log.setLevel, log.level)
                log.setLevel(level)
        self.worker = stack.enter_context(Worker())
        self.players: list[Any] = []
        self.content: Content | None = None
        self.told: dict[Any, str] = {}

    def now(self) -> datetime:
        return BEGINS + timedelta(seconds=self.t)

    # servers

    def server(self, kind: str, name: str, *, ahead: float = 0, version: str = "12.0.0") -> Server:
        bench = {
            "jellyfin": lambda: WatchedBench(version),
            "emby": EmbyBench,
            "plex": PlexBench,
        }.get(kind)
        server = self.household.add(kind, name, bench() if bench else None)
        server.fake.now = lambda: self.now() + timedelta(seconds=ahead)
        return server

    def heat(self, server: Server, **more: Any) -> Any:
        if isinstance(server.bench, PlexBench):
            return server.fake.add_movie("Heat", year=1995, minutes=100, guids=[f"imdb://{IMDB}"])
        return server.fake.add_movie("Heat", **HEAT, imdb=IMDB, **more)

    def jellyfin(
        self, server: Server, device: str = "probe", person: Any = None
    ) -> "JellyfinPlayer":
        news = JellyfinNews(server.fake, person or server.bench.alice, self._random)
        news._device = Device(device, device, device, (person or server.bench.alice).id)
        server.fake.devices[(person or server.bench.alice).id, device] = news._device
        self.people.append((server, "jellyfin", news))
        self.players.append(JellyfinPlayer(news))
        return self.players[-1]

    def player(self, server: Server, kind: str = "") -> "Player":
        kind = kind or {"EmbyBench": "emby", "PlexBench": "plex"}.get(
            type(server.bench).__name__, "generic"
        )
        if kind == "plex":
            news: Any = PlexNews(server.fake, self._random)
        else:
            maker = EmbyNews if kind == "emby" else ScriptNews
            news = maker(server.fake, server.bench.alice, self._random)
        self.people.append((server, kind, news))
        self.players.append(Player(self, server, kind, news))
        return self.players[-1]

    # time

    def say(self, *, is_applied: bool = True) -> None:
        for server, kind, news in self.people:
            for told in news.webhooks():
                body = told if kind == "jellyfin" else told[1]
                altered = self.alter(server, body)
                if altered is not None:
                    self.post(server, kind, altered)
        if is_applied:
            self.tick()

    def post(self, server: Server, kind: str, body: Mapping[str, Any]) -> None:
        address = f"/webhooks/{kind}/{webhook_secret(get_source(server.source_id))}"
        client = self.household._client
        if kind == "plex":
            answer = client.post(
                address, data={"payload": json.dumps(body)}, content_type="multipart/form-data"
            )
        elif kind == "jellyfin":
            answer = client.post(
                address, data=json.dumps(as_template(body)).encode(), content_type=TEMPLATE_TYPE
            )
        else:
            answer = client.post(address, json=body)
        assert answer.status_code == 202, answer.text
        name = body.get("NotificationType") or body.get("Event") or body.get("event")
        event_id = db.session.scalar(select(func.max(SourceEvent.id)))
        self.told[event_id] = f"{server.name} {name} {body.get('SaveReason', '')}"

    def tick(self) -> None:
        apply_events()
        db.session.commit()
        before = self.here(self.content or film())
        self._note_events(before)
        inbox._take_silent()
        if before != (after := self.here(self.content or film())):
            self.log.append(f"{self.t:7.1f} silence -> {after}")
        db.session.commit()
        self.worker.drain()
        for server in self.household.servers:
            for write in server.bench.writes()[self.writes.get(server.name, 0) :]:
                self.writes[server.name] = self.writes.get(server.name, 0) + 1
                self.log.append(f"{self.t:7.1f} {server.name} was told {write}")

    def _note_events(self, here: tuple[bool, int]) -> None:
        for event_id, words in list(self.told.items()):
            event = db.session.get(SourceEvent, event_id)
            if event is None or event.status == "received":
                continue
            del self.told[event_id]
            if event.message != "It plays.":
                self.log.append(f"{self.t:7.1f} {words} -> {event.status} {event.message} {here}")

    def wait(self, seconds: float, step: float = 60) -> None:
        self.say()
        end = self.t + seconds
        while self.t < end:
            passed = min(end - self.t, step)
            self.t += passed
            for player in self.players:
                player.go_on(passed)
            self.say()

    def run(self, act: Any) -> None:
        for pause in act:
            self.wait(pause)
        self.wait(2)

    def pull(self, *servers: Server) -> None:
        for server in servers or self.household.servers:
            server.pull()
        self.tick()

    def begin(self) -> None:
        self.household.settle()
        self.tick()
        self.log.clear()

    # the end

    def shown(self, server: Server, title: Any, person: Any = None) -> tuple[bool, int]:
        if isinstance(title, PlexTitle):
            played = title.of(ALICE)
            return played.view_count > 0, (played.view_offset or 0) // 1000
        state = title.state((person or server.bench.alice).id)
        return state.played, state.position // TICKS

    def here(self, content: Content, user: User | None = None) -> tuple[bool, int]:
        progress = get_progress((user or self.alice).id, content)
        if progress is None:
            return False, 0
        return progress.watched, progress.position_seconds if progress.in_progress else 0

    def settle(self) -> None:
        for _ in range(2):
            self.wait(20 * 60, step=300)
            self.pull()
            self.wait(60)
            self.tick()

    def outcome(
        self, content: Content, *held: tuple[Server, Any], user: User | None = None
    ) -> dict[str, Any]:
        db.session.commit()
        plays = plays_of(user or self.alice, content)
        failed = db.session.scalars(select(SourceEvent).where(SourceEvent.status == "failed")).all()
        return {
            "here": self.here(content, user),
            **{server.name: self.shown(server, title) for server, title in held},
            "plays": [round((at - BEGINS).total_seconds()) if at else None for at in plays],
            "conflicts": self.conflicts.said,
            "failed": [one.message for one in failed],
            "errors": self.errors.said,
        }


class JellyfinPlayer:
    """One device of a person's."""

    is_on = is_paused = False

    def __init__(self, news: JellyfinNews) -> None:
        self.news = news

    def play(self, title: Any, at: int = 0, source: Any = None) -> None:
        self.title, self.source = title, source or title
        self.kept = self.source if source and self.news._jellyfin.major >= 12 else title
        self.is_on, self.is_paused, self.position = True, False, at
        self.news._post(started, title, self.source, at)
        self.news._save(self.kept, "PlaybackStart")
        self.news._tell_player("PlaybackStart", title, self.source, at)

    def at(self, seconds: int, *, paused: bool = False) -> None:
        self.position, self.is_paused = seconds, paused
        self.news._post(progressed, self.title, self.source, seconds, IsPaused=paused)
        self.news._save(self.kept, "PlaybackProgress")
        self.news._tell_player(
            "PlaybackProgress", self.title, self.source, seconds, IsPaused=paused
        )

    def pause(self) -> None:
        self.at(self.position, paused=True)

    def go_on(self, passed: float) -> None:
        if self.is_on:
            self.at(int(self.position + (0 if self.is_paused else passed)), paused=self.is_paused)

    def stop(self) -> None:
        self.is_on = False
        self.news._post(stopped, self.title, self.source, self.position)
        state = self.kept.state(self.news._person.id)
        is_end = (
            state.played and not state.position and self.position * 20 * TICKS >= self.kept.ticks
        )
        self.news._save(self.kept, "PlaybackFinished")
        self.news._tell_player(
            "PlaybackStop", self.title, self.source, self.position, PlayedToCompletion=is_end
        )


class Player:
    """On a server that tells little."""

    is_on = is_paused = False

    def __init__(self, evening: Evening, server: Server, kind: str, news: Any) -> None:
        self.evening, self.server, self.kind, self.news = evening, server, kind, news

    def play(self, title: Any, at: int = 0) -> None:
        self.title = title
        self.is_on, self.is_paused, self.position = True, False, at
        self.news._begin(title)
        self.news._tell("play", title, at)
        self._keep()

    def pause(self) -> None:
        self.is_paused = True
        self.news._tell("pause", self.title, self.position)
        self._keep()

    def go_on(self, passed: float) -> None:
        if self.is_on and not self.is_paused:
            self.position = int(self.position + passed)
            self._keep()

    def stop(self) -> None:
        self.is_on = False
        self.news._end(self.title, self.position)
        if self.kind in ("plex", "emby"):
            self.server.fake.sessions = []

    def _keep(self) -> None:
        """What the server shows meanwhile."""
        seconds, paused = self.position, self.is_paused
        if self.kind == "plex":
            self.server.fake.sessions = [(self.title, ALICE, seconds * 1000, paused)]
            if seconds * 1000 < 0.9 * self.title.duration:
                self.server.fake.stop_at(self.title, seconds * 1000)
        elif self.kind == "emby":
            if 0.05 * self.title.ticks < seconds * TICKS < 0.9 * self.title.ticks:
                self.title.state(self.news._person.id).position = seconds * TICKS
            self.server.fake.sessions = [
                {
                    "UserId": self.news._person.id,
                    "UserName": "alice",
                    "NowPlayingItem": {
                        "Id": self.title.id,
                        "Type": self.title.type,
                        "RunTimeTicks": self.title.ticks,
                    },
                    "PlayState": {"PositionTicks": seconds * TICKS, "IsPaused": paused},
                    "DeviceName": "TV",
                }
            ]


def film(title: str = "Heat") -> MediaItem:
    return db.session.scalars(select(MediaItem).where(MediaItem.title == title)).one()
