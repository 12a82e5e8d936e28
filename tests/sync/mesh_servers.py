"""The servers of the simulated household: what a person does there, what they then tell, and what
they show.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import Video
from tests.fakes.mediabrowser import Reply, Request
from tests.fakes.mediabrowser_library import TICKS, State, instant
from tests.fakes.mediabrowser_library import Title as JellyfinTitle
from tests.fakes.plex import ALICE, FakePlex
from tests.fakes.plex_http import Reply as PlexReply
from tests.fakes.plex_http import Request as PlexRequest
from tests.fakes.plex_library import Title as PlexTitle

Now = Callable[[], datetime]


@dataclass(frozen=True)
class Work:
    """A film or an episode that every server holds."""

    name: str
    imdb: str
    minutes: int
    #: Of the episode's show; "" for a film.
    show: str = ""
    number: int = 0


@dataclass(frozen=True)
class Shown:
    """What a side shows of a work; a position of 0 is none."""

    watched: bool
    position: int


class Side(Protocol):
    """One server, by what its person can do there."""

    name: str
    kind: str
    #: What it has told and nobody has delivered yet.
    told: list[dict[str, Any]]

    def watch(self, work: Work, began: datetime) -> None: ...
    def stop(self, work: Work, seconds: int, began: datetime) -> None: ...
    def mark(self, work: Work) -> None: ...
    def unwatch(self, work: Work) -> None: ...
    def shown(self, work: Work) -> Shown: ...
    def number_of_writes(self) -> int: ...
    def down(self) -> None: ...
    def up(self) -> None: ...


@dataclass
class Jellyfin:
    """Tells of everything that is saved, our own writes among it, and of every player that
    stops.
    """

    works: list[Work]
    now: Now
    name: str = "Attic"
    kind: str = "jellyfin"
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fake = fake = _LoudJellyfin(name="Attic")
        fake.now = self.now
        self.alice = fake.add_person("alice")
        shows = {
            one.show: fake.add_show(one.show, imdb=_imdb(one.show))
            for one in self.works
            if one.show
        }
        self._titles = {one: self._add(one, shows) for one in self.works}
        fake.saved = self._saved
        self._writes = 0

    def _add(self, work: Work, shows: dict[str, JellyfinTitle]) -> JellyfinTitle:
        if work.show:
            return self.fake.add_episode(shows[work.show], 1, work.number, minutes=work.minutes)
        return self.fake.add_movie(work.name, year=2000, minutes=work.minutes, imdb=work.imdb)

    def watch(self, work: Work, began: datetime) -> None:
        """The start counts as a play, and is what the play is dated by."""
        state = self._begin(work, began)
        state.played, state.position = True, 0
        self._saved(self._titles[work], "PlaybackFinished")
        self._stopped(work, work.minutes * 60, completed=True)

    def _begin(self, work: Work, began: datetime) -> State:
        """Told of, too: it looks like a play that has ended where the title was watched before."""
        state = self._titles[work].state(self.alice.id)
        state.play_count, state.last_played = state.play_count + 1, began
        self._saved(self._titles[work], "PlaybackStart")
        return state

    def stop(self, work: Work, seconds: int, began: datetime) -> None:
        state = self._begin(work, began)
        state.position = seconds * TICKS
        self._saved(self._titles[work], "PlaybackFinished")
        self._stopped(work, seconds, completed=False)

    def mark(self, work: Work) -> None:
        """A date that is there stays."""
        state = self._titles[work].state(self.alice.id)
        state.played, state.position, state.play_count = True, 0, max(1, state.play_count)
        state.last_played = state.last_played or self.now()
        self._saved(self._titles[work], "TogglePlayed")

    def unwatch(self, work: Work) -> None:
        self.fake.unwatch(self.alice, self._titles[work])
        self._saved(self._titles[work], "TogglePlayed")

    def shown(self, work: Work) -> Shown:
        state = self._titles[work].state(self.alice.id)
        return Shown(state.played, state.position // TICKS)

    def number_of_writes(self) -> int:
        self._writes += sum(one.method != "GET" for one in self.fake.news())
        self.fake.exchanges.clear()
        self.fake.news()
        return self._writes

    def down(self) -> None:
        self.fake.close()

    def up(self) -> None:
        self.fake.up()

    def _saved(self, title: JellyfinTitle, reason: str) -> None:
        state = title.state(self.alice.id)
        self.told.append(
            self._about(title)
            | {
                "NotificationType": "UserDataSaved",
                "SaveReason": reason,
                "Played": state.played,
                "PlayCount": state.play_count,
                "PlaybackPositionTicks": state.position,
            }
            | ({"LastPlayedDate": instant(state.last_played)} if state.last_played else {})
        )

    def _stopped(self, work: Work, seconds: int, *, completed: bool) -> None:
        title = self._titles[work]
        self.told.append(
            self._about(title)
            | {
                "NotificationType": "PlaybackStop",
                "PlayedToCompletion": completed,
                "PlaybackPositionTicks": seconds * TICKS,
                "DeviceName": "Phone",
            }
        )

    def _about(self, title: JellyfinTitle) -> dict[str, Any]:
        return {
            "ServerId": self.fake.server_id,
            "UtcTimestamp": instant(self.now()),
            "Name": title.name,
            "ItemId": title.id,
            "ItemType": title.type,
            "RunTimeTicks": title.ticks,
            "NotificationUsername": "alice",
            "UserId": self.alice.id,
        }


class _LoudJellyfin(FakeJellyfin):
    """Tells of what others write, too."""

    saved: Callable[[JellyfinTitle, str], None]

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        parts = request.path.strip("/").split("/")
        if (
            reply.status == 200
            and request.method != "GET"
            and parts[0] in ("UserItems", "UserPlayedItems")
        ):
            reason = "UpdateUserData" if parts[0] == "UserItems" else "TogglePlayed"
            self.saved(self.titles[parts[1]], reason)
        return reply


@dataclass
class Plex:
    """Tells of what players do, and nothing of marks that are set or taken away by hand."""

    works: list[Work]
    now: Now
    name: str = "Parents"
    kind: str = "plex"
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fake = fake = _LoudPlex()
        fake.now = self.now
        shows = {
            one.show: fake.add_show(one.show, guids=[_guid(_imdb(one.show))])
            for one in self.works
            if one.show
        }
        self._titles = {one: self._add(one, shows) for one in self.works}
        fake.stopped = lambda title: self._tell(
            "media.stop", title, title.of(ALICE).view_offset or 0
        )
        self._writes = 0

    def _add(self, work: Work, shows: dict[str, PlexTitle]) -> PlexTitle:
        if work.show:
            return self.fake.add_episode(shows[work.show], 1, work.number, minutes=work.minutes)
        guids = [_guid(work.imdb)]
        return self.fake.add_movie(work.name, minutes=work.minutes, year=2000, guids=guids)

    def watch(self, work: Work, began: datetime) -> None:
        title = self._titles[work]
        self.fake.watch(title)
        self._tell("media.scrobble", title, round(0.92 * title.duration))
        self._tell("media.stop", title, round(0.97 * title.duration))

    def stop(self, work: Work, seconds: int, began: datetime) -> None:
        self.fake.stop_at(self._titles[work], seconds * 1000)
        self._tell("media.stop", self._titles[work], seconds * 1000)

    def mark(self, work: Work) -> None:
        self.fake.scrobble(self._titles[work], ALICE)

    def unwatch(self, work: Work) -> None:
        self.fake.unscrobble(self._titles[work], ALICE)

    def shown(self, work: Work) -> Shown:
        played = self._titles[work].of(ALICE)
        return Shown(played.view_count > 0, (played.view_offset or 0) // 1000)

    def number_of_writes(self) -> int:
        self._writes += len(self.fake.writes())
        self.fake.exchanges.clear()
        return self._writes

    def down(self) -> None:
        self.fake.down()

    def up(self) -> None:
        self.fake.up()

    def _tell(self, event: str, title: PlexTitle, offset: int) -> None:
        played = title.of(ALICE)
        metadata = {
            "ratingKey": str(title.key),
            "type": title.kind,
            "title": title.title,
            "duration": title.duration,
            "viewOffset": offset,
            "viewCount": played.view_count,
            "lastViewedAt": played.last_viewed_at,
        }
        self.told.append(
            {
                "event": event,
                "Account": {"id": 1, "title": "alice"},
                "Server": {"uuid": self.fake.machine_id},
                "Player": {"title": "Television"},
                "Metadata": metadata,
            }
        )


class _LoudPlex(FakePlex):
    """A player that stops is told of, and so is a client that reports to be one, as we do."""

    stopped: Callable[[PlexTitle], None]

    def answer(self, request: PlexRequest) -> PlexReply:
        reply = super().answer(request)
        if request.path == "/:/timeline" and reply.status == 200:
            self.stopped(self.titles[int(request.query["ratingKey"])])
        return reply


@dataclass
class Kodi:
    """Tells nothing: what is done there is found by reading it."""

    works: list[Work]
    now: Now
    name: str = "Living room"
    kind: str = "kodi"
    told: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.fake = fake = FakeKodi()
        fake.now = self.now
        names = dict.fromkeys(one.show for one in self.works if one.show)
        shows = {name: fake.add_show(name, imdb=_imdb(name)) for name in names}
        self._videos: dict[Work, Video] = {}
        for one in self.works:
            self._videos[one] = (
                fake.add_episode(shows[one.show], 1, one.number, minutes=one.minutes)
                if one.show
                else fake.add_movie(one.name, year=2000, minutes=one.minutes, imdb=one.imdb)
            )
        self._writes = 0

    def watch(self, work: Work, began: datetime) -> None:
        self._play(work, work.minutes * 60 * 0.97)

    def stop(self, work: Work, seconds: int, began: datetime) -> None:
        self._play(work, seconds)

    def _play(self, work: Work, seconds: float) -> None:
        self.fake.play(self._videos[work])
        self.fake.stop(seconds)

    def mark(self, work: Work) -> None:
        played = self._videos[work].played
        played.playcount, played.lastplayed = max(1, played.playcount), self.fake.local_now()
        played.position = played.total = 0.0

    def unwatch(self, work: Work) -> None:
        played = self._videos[work].played
        played.playcount, played.lastplayed = 0, ""

    def shown(self, work: Work) -> Shown:
        video = self._videos[work]
        return Shown(video.watched, int(video.position))

    def number_of_writes(self) -> int:
        self._writes += len(self.fake.writes())
        self.fake.requests.clear()
        self.fake.headers.clear()
        return self._writes

    def down(self) -> None:
        self.fake.down()

    def up(self) -> None:
        self.fake.up()


def _imdb(name: str) -> str:
    return f"tt{sum(map(ord, name)):07}"


def _guid(imdb: str) -> str:
    return f"imdb://{imdb}"
