"""The stand-in Kodi of the contract suite."""

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from zoneinfo import ZoneInfo

from mydia_web.backends.backend import Backend
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.values import Connection, Target
from tests.backends.bench import Held
from tests.backends.kodi import contract
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import Show, Video

ZONE = "America/New_York"
_WRITTEN = "%Y-%m-%d %H:%M:%S"


class KodiBench:
    """A Kodi in New York: it writes its own time of day. It keeps no people, and its state is the
    file's.
    """

    backend: type[Backend] = Kodi
    #: It keeps whole seconds.
    grain_ms = 1000
    kept_share = 1.0

    def __init__(self) -> None:
        self.kodi = FakeKodi(timezone=ZONE, password="correct horse")
        self._shows: dict[str, Show] = {}
        self._told = self._checked = 0

    def connection(self) -> Connection:
        return Connection(self.kodi.url, credentials=self.kodi.credentials)

    def wrong_connection(self) -> Connection:
        return Connection(
            self.kodi.url,
            credentials={"username": self.kodi.username, "password": "battery staple"},
        )

    def unlinked(self) -> Connection:
        raise NotImplementedError

    def confirm(self, code: str) -> None:
        raise NotImplementedError

    def add_movie(
        self, title: str, *, year: int = 2010, minutes: int = 90, imdb: str = "", copies: int = 1
    ) -> Sequence[Target]:
        files = [f"/films {number}/{title} ({year}).mkv" for number in range(copies)]
        return [
            _target(self.kodi.add_movie(title, year=year, minutes=minutes, imdb=imdb, file=file))
            for file in files
        ]

    def add_episode(
        self,
        show: str,
        season: int,
        episode: int,
        *,
        minutes: int = 45,
        tvdb: str = "",
        through: int | None = None,
    ) -> Target:
        """Kodi lists a file of several episodes as each of them."""
        if show not in self._shows:
            self._shows[show] = self.kodi.add_show(show, year=2019)
        of_show, file = self._shows[show], f"/shows/{show}/{season}x{episode}.mkv"
        added = [
            self.kodi.add_episode(
                of_show,
                season,
                number,
                minutes=minutes,
                file=file,
                tvdb=tvdb if number == episode else "",
            )
            for number in range(episode, (through or episode) + 1)
        ]
        return _target(added[0])

    def held(self, target: Target) -> Held:
        played = self._video(target).played
        at = datetime.strptime(played.lastplayed, _WRITTEN) if played.lastplayed else None  # noqa: DTZ007
        return Held(
            played.playcount > 0,
            round(played.position * 1000),
            played.playcount,
            at.replace(tzinfo=ZoneInfo(ZONE)) if at else None,
        )

    def person_watches(self, target: Target, at: datetime) -> None:
        played = self._video(target).played
        played.playcount, played.lastplayed = played.playcount + 1, written(at)
        played.position = played.total = 0.0

    def person_stops_at(self, target: Target, position_ms: int, at: datetime) -> None:
        video = self._video(target)
        video.played.position, video.played.total = position_ms // 1000, video.minutes * 60
        video.played.lastplayed = written(at)

    def person_unwatches(self, target: Target) -> None:
        played = self._video(target).played
        played.playcount, played.lastplayed, played.position, played.total = 0, "", 0.0, 0.0

    def remove(self, target: Target) -> None:
        self.kodi.remove(self._video(target))

    def requests(self) -> list[tuple[str, str]]:
        """Kodi has one address; what is called there stands for the query."""
        told, self._told = self._told, len(self.kodi.exchanges)
        return [("POST", f"/jsonrpc?{json.dumps(one.calls)}") for one in self.kodi.exchanges[told:]]

    def writes(self) -> list[str]:
        return [f"{one.method} {json.dumps(one.params)}" for one in self.kodi.writes()]

    def violations(self) -> list[str]:
        checked, self._checked = self._checked, len(self.kodi.exchanges)
        found: list[str] = []
        for exchange in self.kodi.exchanges[checked:]:
            for call in exchange.calls:
                found += contract.faults_of_call(call["method"], call.get("params", {}))
            if not exchange.staged and exchange.answer:
                found += _faults_of_answers(exchange.calls, json.loads(exchange.answer))
        return found

    def answering(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> AbstractContextManager[None]:
        return self.kodi.answering(status, body, {"Content-Type": content_type, **(headers or {})})

    def losing_answers(self) -> AbstractContextManager[None]:
        return self.kodi.losing_answers()

    def close(self) -> None:
        self.kodi.close()

    def _video(self, target: Target) -> Video:
        videos = self.kodi.movies if target.kind == "movie" else self.kodi.episodes
        return videos[int(target.remote_id.partition(":")[2])]


def _faults_of_answers(calls: Sequence[dict[str, object]], told: object) -> list[str]:
    answers = {one.get("id"): one for one in (told if isinstance(told, list) else [told])}
    return [
        fault
        for call in calls
        if "result" in (answer := answers.get(call.get("id"), {}))
        for fault in contract.faults_of_answer(str(call["method"]), answer["result"])
    ]


def _target(video: Video) -> Target:
    more = video.more
    return Target(
        remote_id=f"{video.kind}:{video.id}",
        kind=video.kind,
        path=video.file,
        external_ids=dict(video.uniqueid),
        season_number=more.get("season"),
        episode_number=more.get("episode"),
    )


def written(at: datetime) -> str:
    return f"{at.astimezone(ZoneInfo(ZONE)):{_WRITTEN}}"
