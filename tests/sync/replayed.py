"""The servers of a replay: one that holds what was recorded, and what stands in for its open
connection.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import MediaBrowserBench
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin_sign_in import Device
from tests.fakes.mediabrowser import Reply, Request
from tests.fakes.mediabrowser_library import TICKS, Library, State, Title
from tests.sync.recordings import Played, RecordedTitle, Recording, Saved

VERSIONS = {"jellyfin-12.0": "12.0.0", "jellyfin-10.11": "10.11.11"}
#: What no message tells: the ids of the shows, and the last episode in a file of two.
TVDB = {"The Expanse": "280619", "Firefly": "78874"}
THROUGH = {"Serenity (1) / Serenity (2)": 2}
#: What else is in that file.
SECOND_HALF = "Firefly 1x02"
IN_ONE_FILE = {SECOND_HALF: "Serenity (1) / Serenity (2)"}
_READS = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Shown:
    """What somebody holds of one title; a position of 0 is none."""

    watched: bool
    seconds: float = 0

    def __str__(self) -> str:
        at = f" at {self.seconds:g} s" if self.seconds else ""
        return ("watched" if self.watched else "unwatched") + at


@dataclass(frozen=True, slots=True)
class Write:
    """Something that would change the first server, and what that one held before."""

    words: str
    #: It makes what was begun again watched, and nothing else.
    only_marks: bool
    was: str


class WatchedJellyfin(FakeJellyfin):
    """Notes each write, with what it held before."""

    def __init__(self, version: str) -> None:
        self._writes: list[Write] = []
        #: What hears of each write, and for which of Jellyfin's reasons.
        self.on_write: Callable[[Title, str], None] = lambda _title, _reason: None
        super().__init__(version=version)

    def answer(self, request: Request) -> Reply:
        if request.method in _READS:
            return super().answer(request)
        self._writes.append(self._write(request))
        reply = super().answer(request)
        if reply.status < 300 and (title := self._title(request)):
            is_mark = request.path.startswith("/UserPlayedItems/")
            self.on_write(title, "TogglePlayed" if is_mark else "UpdateUserData")
        return reply

    def new_writes(self) -> list[Write]:
        found, self._writes = self._writes, []
        return found

    def _write(self, request: Request) -> Write:
        words = f"{request.method} {request.path} {request.body.decode()}"
        title = self._title(request)
        caller = self._caller(request)
        if title is None or caller is None:
            return Write(words, only_marks=False, was="nothing of it")
        state = title.state(caller.person)
        plays = any(title.id == device.playing for device in self.devices.values())
        only_marks = (
            not plays and not state.played and state.play_count > 0 and _only_marks(request, state)
        )
        was = f"{Shown(state.played, state.position / TICKS)}{', playing' if plays else ''}"
        return Write(f"{words} of {title.name}", only_marks, was)

    def _title(self, request: Request) -> Title | None:
        return next((one for one in self.titles.values() if one.id in request.path), None)


def _only_marks(request: Request, state: State) -> bool:
    if request.path.startswith("/UserPlayedItems/"):
        return request.method == "POST" and not state.position and not request.asked("datePlayed")
    told = request.json if isinstance(request.json, dict) else {}
    ticks = told.get("PlaybackPositionTicks")
    return bool(told.get("Played")) and (ticks is None or abs(ticks - state.position) < 2 * TICKS)


class WatchedBench(JellyfinBench):
    def __init__(self, version: str) -> None:
        MediaBrowserBench.__init__(self, WatchedJellyfin(version))


class RecordedJellyfin(WatchedBench):
    """A stand-in that holds the recorded titles under their recorded ids, and what was recorded of
    them.
    """

    def __init__(self, recording: Recording) -> None:
        super().__init__(VERSIONS[recording.name])
        self.fake.server_id, self.titles = recording.server_id, recording.titles()
        self.fake.people.clear()
        people = {
            name: self._add_person(name, person_id) for name, person_id in recording.people.items()
        }
        self.alice, self.bob = people["alice"], people["bob"]
        #: What the recorded server held, by the ids of person and title.
        self.recorded: dict[tuple[str, str], State] = {}
        self._token = self.fake.new_token(self.alice.id, "mydia-web")
        fill(self.fake, self.titles, with_ids=True)

    def _add_person(self, name: str, person_id: str) -> Any:
        person = self.fake.add_person(name)
        del self.fake.people[person.id]
        person.id = person_id
        self.fake.people[person_id] = person
        return person

    def connection_of_bob(self) -> Any:
        token = self.fake.new_token(self.bob.id, "mydia-web")
        return replace(self.connection(), credentials={"token": token}, remote_user_id=self.bob.id)

    def save(self, saved: Saved, by: timedelta) -> None:
        last_played = saved.last_played + by if saved.last_played else None
        self.recorded[saved.person_id, saved.item_id] = State(
            saved.played, saved.ticks, saved.play_count, last_played
        )
        self.restore()

    def shows(self, name: str) -> dict[str, Any]:
        """As its pages show it to alice."""
        return self.fake.user_data(self.named(name), self.alice.id)

    def restore(self) -> None:
        """Hold what was recorded, whatever was written since."""
        for (person_id, item_id), state in self.recorded.items():
            self.fake.titles[item_id].states[person_id] = replace(state)

    def play(self, played: Played) -> None:
        player = Device("probe", "probe", "jf-probe", played.person_id, played.item_id or "")
        player.position, player.paused = played.ticks, played.paused
        self.fake.devices[(played.person_id, "probe")] = player

    def state(self, name: str) -> State:
        """Of alice's title; of what is in one file with another, of that one."""
        return self.named(name).state(self.alice.id)

    def shown(self, name: str) -> Shown:
        """With the position of whichever version has one."""
        title = self.named(name)
        versions = title.versions if self.fake.major >= 12 else []
        ticks = [one.state(self.alice.id).position for one in (title, *versions)]
        return Shown(self.fake.user_data(title, self.alice.id)["Played"], max(ticks) / TICKS)

    def named(self, name: str) -> Title:
        wanted = IN_ONE_FILE.get(name, name)
        return next(self.fake.titles[one.id] for one in self.titles if one.name == wanted)


def fill(server: Any, titles: Sequence[RecordedTitle], *, with_ids: bool) -> dict[str, Title]:
    """Have the server hold these titles; by their names."""
    library: Library = server
    shows: dict[str, Title] = {}
    held: dict[str, Title] = {}
    for one in titles:
        minutes = one.ticks / TICKS / 60
        if one.series:
            if one.series not in shows:
                shows[one.series] = library.add_show(one.series, tvdb=TVDB[one.series])
                if with_ids:
                    _rename(library, shows[one.series], one.series_id)
            added = library.add_episode(
                shows[one.series],
                one.season,
                one.number,
                one.name,
                minutes=minutes,
                through=THROUGH.get(one.name),
                **one.ids,
            )
        else:
            added = library.add_movie(
                one.name,
                year=one.year,
                minutes=minutes,
                versions=1 + with_ids * len(one.versions),
                **one.ids,
            )
        held[one.name] = added
        if with_ids:
            _rename(library, added, one.id)
            for version, (version_id, ticks) in zip(
                added.versions, one.versions.items(), strict=True
            ):
                version.ticks = ticks
                _rename(library, version, version_id)
    return held


def _rename(library: Library, title: Title, title_id: str) -> None:
    del library.titles[title.id]
    title.id = title_id
    library.titles[title_id] = title


class HeardSocket:
    """An open connection that says what it is given, at once, and nothing else."""

    def __init__(self) -> None:
        self.waiting: list[Mapping[str, Any]] = []
        self.sent: list[Mapping[str, Any]] = []

    def receive(self, seconds: float) -> Mapping[str, Any] | None:
        return self.waiting.pop(0) if self.waiting else None

    def send(self, message: Mapping[str, Any]) -> None:
        self.sent.append(message)
