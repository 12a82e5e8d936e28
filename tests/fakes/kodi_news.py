"""What a person's acts have a Kodi keep and announce: hardly more than that an item has changed."""

from collections.abc import Iterator
from random import Random
from typing import Any

from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import Video

#: Seconds between two things that a player does, and from which on a Kodi keeps a position.
EVERY, KEPT_FROM = 4.0, 180


class KodiNews:
    """Each act is a generator of pauses in seconds. A stop is announced some time before its
    position is written.
    """

    def __init__(self, kodi: FakeKodi, random: Random) -> None:
        self._kodi, self._random = kodi, random
        self._waiting: list[dict[str, Any]] = []

    def play(self, video: Video, *reports: int) -> Iterator[float]:
        self._kodi.play(video)
        self._announce("Player.OnPlay", video, player={"playerid": 1, "speed": 1})
        self._announce("Player.OnAVStart", video, player={"playerid": 1, "speed": 1})
        for position in reports:
            yield EVERY
            self._kodi.playing_at = float(position)
            self._announce("Player.OnSeek", video, player={"playerid": 1, "speed": 1})
        yield EVERY
        self._announce("Player.OnStop", video, end=False)
        yield self._random.uniform(0, 1.5)
        self._kodi.stop(float(reports[-1]))
        self._announce("VideoLibrary.OnUpdate", video)
        self._announce("VideoLibrary.OnUpdate", video)
        yield 0.1

    def mark(self, video: Video, *, watched: bool) -> Iterator[float]:
        """As a person does there: the date of an unmarked one stays."""
        video.played.playcount = int(watched)
        video.played.lastplayed = self._kodi.local_now() if watched else video.played.lastplayed
        self._announce("VideoLibrary.OnUpdate", video, playcount=video.played.playcount)
        yield 0.1

    def said(self) -> list[dict[str, Any]]:
        """What was announced in this moment, in some order."""
        told, self._waiting = self._waiting, []
        self._random.shuffle(told)
        return told

    def _announce(self, method: str, video: Video, **more: Any) -> None:
        data = {"item": {"id": video.id, "type": video.kind}, **more}
        self._waiting.append(
            {"jsonrpc": "2.0", "method": method, "params": {"sender": "xbmc", "data": data}}
        )
