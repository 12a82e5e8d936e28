"""What a person's acts have an Emby, a Plex, a Tautulli beside it and a script say: awkwardly, as
far as it is known.

Of Plex nothing is told of marks by hand, and counts and dates in a message may be those from before
the play.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from datetime import datetime
from random import Random
from typing import Any, ClassVar

from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import TICKS, Library, Person, instant
from tests.fakes.mediabrowser_library import Title as LibraryTitle
from tests.fakes.plex import ALICE, FakePlex
from tests.fakes.plex_library import Title as PlexTitle

#: Seconds between two things that a player does.
EVERY = 4.0
#: From which share on a play counts as finished, and up to which it counts as nothing.
FINISHED, BEGUN = 0.9, 0.05


class PlayerNews(ABC):
    """One person at one server. Each act is a generator of pauses in seconds: time passes as its
    caller says.
    """

    #: What webhooks of it are called here.
    kind = ""
    tells_marks = True
    #: Of two that tell of the same end, either may be lost.
    twice_told: tuple[str, ...] = ()

    def __init__(self, random: Random) -> None:
        self._random = random
        self._waiting: list[tuple[str, dict[str, Any]]] = []

    def webhooks(self) -> list[tuple[str, dict[str, Any]]]:
        """What was told in this moment, by name, in some order."""
        told, self._waiting = self._waiting, []
        self._random.shuffle(told)
        return told

    def play(self, title: Any, start: int, *reports: int) -> Iterator[float]:
        """From `start`, paused at some of these seconds; stopped at the last."""
        self._begin(title)
        self._tell("play", title, start)
        for position in reports:
            yield EVERY
            if self._random.random() < 0.5:
                self._tell("pause", title, position)
                yield EVERY
                self._tell("resume", title, position)
        yield EVERY
        self._end(title, reports[-1])
        yield 0.1

    def mark(self, title: Any) -> Iterator[float]:
        self._mark(title)
        self._tell("mark", title, 0)
        yield 0.1

    def unmark(self, title: Any) -> Iterator[float]:
        self._unmark(title)
        self._tell("unmark", title, 0)
        yield 0.1

    @abstractmethod
    def _begin(self, title: Any) -> None: ...

    @abstractmethod
    def _end(self, title: Any, seconds: int) -> None:
        """Keep where it ended, and tell of that."""

    @abstractmethod
    def _mark(self, title: Any) -> None: ...

    @abstractmethod
    def _unmark(self, title: Any) -> None: ...

    @abstractmethod
    def _body(self, what: str, title: Any, seconds: int) -> dict[str, Any]: ...

    def _tell(self, what: str, title: Any, seconds: int) -> None:
        self._waiting.append((what, self._body(what, title, seconds)))


class _LibraryNews(PlayerNews):
    """A start counts as a play, and is what the title is dated by."""

    def __init__(self, server: Library, person: Person, random: Random) -> None:
        super().__init__(random)
        self._server, self._person = server, person

    def _begin(self, title: LibraryTitle) -> None:
        state = title.state(self._person.id)
        state.play_count, state.last_played = state.play_count + 1, self._now()
        state.saved_at = self._now()

    def _end(self, title: LibraryTitle, seconds: int) -> None:
        state, share = title.state(self._person.id), seconds * TICKS / title.ticks
        if share > FINISHED:
            state.played, state.position = True, 0
        else:
            state.position = seconds * TICKS if share >= BEGUN else 0
        state.saved_at = self._now()
        self._tell("end" if share > FINISHED else "stop", title, seconds)

    def _mark(self, title: LibraryTitle) -> None:
        state = title.state(self._person.id)
        state.played, state.position, state.play_count = True, 0, state.play_count + 1
        state.last_played = state.saved_at = self._now()

    def _unmark(self, title: LibraryTitle) -> None:
        self._server.unwatch(self._person, title)

    def _now(self) -> datetime:
        return self._server.now()


class EmbyNews(_LibraryNews):
    """Whether it was played to its end is told only where it was."""

    kind = "emby"
    _events: ClassVar[dict[str, str]] = {
        "play": "playback.start",
        "pause": "playback.pause",
        "resume": "playback.unpause",
        "stop": "playback.stop",
        "end": "playback.stop",
        "mark": "item.markplayed",
        "unmark": "item.markunplayed",
    }

    def __init__(self, emby: FakeEmby, person: Person, random: Random) -> None:
        super().__init__(emby, person, random)
        self._emby = emby

    def _body(self, what: str, title: LibraryTitle, seconds: int) -> dict[str, Any]:
        body: dict[str, Any] = {
            "Title": f"{self._person.name}: {title.name}",
            "Date": instant(self._now()),
            "Event": self._events[what],
            "User": {"Name": self._person.name, "Id": self._person.id},
            "Item": self._item(title),
            "Server": {
                "Name": self._emby.name,
                "Id": self._emby.server_id,
                "Version": self._emby.version,
            },
        }
        if what not in ("mark", "unmark"):
            ended = {"PlayedToCompletion": True} if what == "end" else {}
            body["Session"] = {"Client": "Emby Web", "DeviceName": "Chrome", "DeviceId": "dev1"}
            body["PlaybackInfo"] = {"PositionTicks": seconds * TICKS, **ended}
        return body

    def _item(self, title: LibraryTitle) -> dict[str, Any]:
        item = {
            "Name": title.name,
            "ServerId": self._emby.server_id,
            "Id": title.id,
            "RunTimeTicks": title.ticks,
            "ProviderIds": dict(title.ids),
            "Type": title.type,
            "MediaType": "Video",
        }
        if title.series is None:
            return item | {"ProductionYear": title.year}
        place = {"ParentIndexNumber": title.season, "IndexNumber": title.number}
        return item | {"SeriesName": title.series.name, "SeriesId": title.series.id} | place


class ScriptNews(_LibraryNews):
    """A script that tells in mydia-web's own words what a player does."""

    kind = "generic"
    _events: ClassVar[dict[str, str]] = {
        "play": "playing",
        "pause": "paused",
        "resume": "playing",
        "stop": "stopped",
        "end": "watched",
        "mark": "watched",
        "unmark": "unwatched",
    }

    def __init__(self, server: FakeJellyfin, person: Person, random: Random) -> None:
        super().__init__(server, person, random)

    def _body(self, what: str, title: LibraryTitle, seconds: int) -> dict[str, Any]:
        return {
            "event": self._events[what],
            "user": self._person.name,
            "type": title.type.lower(),
            "title": title.name,
            "id": title.id,
            "position_seconds": seconds,
            "duration_seconds": title.ticks // TICKS,
            "at": instant(self._now()),
        }


class PlexNews(PlayerNews):
    """The end is told twice: by a scrobble, and by the stop."""

    kind = "plex"
    tells_marks = False
    twice_told = ("scrobble", "stop")
    _events: ClassVar[dict[str, str]] = {
        "play": "media.play",
        "pause": "media.pause",
        "resume": "media.resume",
        "scrobble": "media.scrobble",
        "stop": "media.stop",
    }

    def __init__(self, plex: FakePlex, random: Random) -> None:
        super().__init__(random)
        self._plex = plex
        self._before: dict[str, Any] = {}

    def _begin(self, title: PlexTitle) -> None:
        played = title.of(ALICE)
        counted = {"viewCount": played.view_count, "lastViewedAt": played.last_viewed_at}
        self._before = {name: value for name, value in counted.items() if value}

    def _end(self, title: PlexTitle, seconds: int) -> None:
        if seconds * 1000 >= FINISHED * title.duration:
            self._plex.scrobble(title, ALICE)
            self._tell("scrobble", title, seconds)
        else:
            self._plex.stop_at(title, seconds * 1000)
        self._tell("stop", title, seconds)

    def _mark(self, title: PlexTitle) -> None:
        self._plex.scrobble(title, ALICE)

    def _unmark(self, title: PlexTitle) -> None:
        self._plex.unscrobble(title, ALICE)

    def _body(self, what: str, title: PlexTitle, seconds: int) -> dict[str, Any]:
        return {
            "event": self._events[what],
            "user": True,
            "owner": True,
            "Account": {"id": 1, "title": "alice"},
            "Server": {"title": self._plex.name, "uuid": self._plex.machine_id},
            "Player": {"local": True, "title": "Chrome", "uuid": "p1"},
            "Metadata": self._metadata(title, seconds),
        }

    def _metadata(self, title: PlexTitle, seconds: int) -> dict[str, Any]:
        told = {
            "ratingKey": str(title.key),
            "type": title.kind,
            "title": title.title,
            "year": title.year,
            "duration": title.duration,
            "viewOffset": seconds * 1000,
            "Guid": [{"id": one} for one in title.guids],
        }
        if title.show:
            told |= {"grandparentTitle": title.show.title}
            told |= {"parentIndex": title.season, "index": title.number}
        return told | self._before


class TautulliNews(PlexNews):
    """All values are text."""

    kind = "tautulli"
    _events: ClassVar[dict[str, str]] = {
        "play": "tautulli.play",
        "pause": "tautulli.pause",
        "resume": "tautulli.resume",
        "scrobble": "tautulli.watched",
        "stop": "tautulli.stop",
    }

    def _body(self, what: str, title: PlexTitle, seconds: int) -> dict[str, Any]:
        is_episode = title.show is not None
        metadata = {
            "ratingKey": title.key,
            "type": title.kind,
            "title": title.title if is_episode else "",
            "fullTitle": f"{title.show.title} - {title.title}" if title.show else title.title,
            "grandparentTitle": title.show.title if title.show else "",
            "parentIndex": title.season if is_episode else "",
            "index": title.number if is_episode else "",
            "year": title.year or "",
            "duration": title.duration,
            "viewOffset": seconds * 1000,
        }
        return {
            "event": self._events[what],
            "Account": {"id": "1", "title": "alice"},
            "Server": {"uuid": self._plex.machine_id},
            "Player": {"title": "Chrome"},
            "Metadata": {name: str(value) for name, value in metadata.items()},
        }
