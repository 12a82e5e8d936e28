"""Replays a recording: the real product is told all that a real server said, at its pace by a clock that is moved.

Server A shows at each moment what the recorded one held, and every write that arrives there is caught. Server B, an
Emby, holds the same titles. After each act it is asked what we hold, what B holds, and what History shows.
"""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import exists, select

from mydia_web import clock
from mydia_web.accounts.models import User
from mydia_web.backends.events import sessions as looking
from mydia_web.backends.jellyfin import listening
from mydia_web.backends.jellyfin.listening import Listener
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.accounts import get_source
from mydia_web.sources.events import SourceEvent
from mydia_web.sources.inbox import store_event, webhook_secret
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.models import SourceAccount, SourceItem
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound import notifications
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.notifications import Notification
from mydia_web.sync.outbound.worker import Worker
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import MediaBrowserBench
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin_sign_in import Device
from tests.fakes.mediabrowser import Reply, Request
from tests.fakes.mediabrowser_library import TICKS, Library, State, Title
from tests.sync.household import Household, plays_of
from tests.sync.recordings import SOCKET, Act, Played, RecordedTitle, Recording, Said, Saved, moved

#: When the replay begins.
BEGINS = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
VERSIONS = {"jellyfin-12.0": "12.0.0", "jellyfin-10.11": "10.11.11"}
#: What no message tells: the ids of the shows, and the last episode in a file of two.
TVDB = {"The Expanse": "280619", "Firefly": "78874"}
THROUGH = {"Serenity (1) / Serenity (2)": 2}
#: What else is in that file.
SECOND_HALF = "Firefly 1x02"
IN_ONE_FILE = {SECOND_HALF: "Serenity (1) / Serenity (2)"}
EXPANSE = tuple(f"The Expanse S01E{number:02}" for number in range(1, 7))
#: What History shows anew after each act. What is begun, resumed, stopped or broken off is no play, nor is a favourite,
#: a written position or an unmark; an unmark takes none away. Each is of the time of its act, but for that with a date.
PLAYS: Mapping[str, tuple[str, ...]] = {
    "Heat is resumed at 600 s and played to 1150 s: finished": ("Heat",),
    "Primer (1200 s) is marked watched with a date two days ago by another program": ("Primer",),
    "Primer is resumed at 240 s and finished at 1160 s": ("Primer",),
    "Primer, begun, is marked watched by hand": ("Primer",),
    "Akira (120 s: too short for a position there) is played to 60 s": ("Akira",),
    "Heat is marked watched by hand: its date stays the old one": ("Heat",),
    "season 1 of The Expanse is marked watched": EXPANSE,
    "Firefly 1x01-1x02, one file, is marked watched": ("Serenity (1) / Serenity (2)", SECOND_HALF),
}
_READS = ("GET", "HEAD")

#: The server's own clock is this far behind the times at which its messages were received, at most.
LATE = timedelta(seconds=1)


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
        super().__init__(version=version)

    def answer(self, request: Request) -> Reply:
        if request.method not in _READS:
            self._writes.append(self._write(request))
        return super().answer(request)

    def new_writes(self) -> list[Write]:
        found, self._writes = self._writes, []
        return found

    def _write(self, request: Request) -> Write:
        words = f"{request.method} {request.path} {request.body.decode()}"
        title = next((one for one in self.titles.values() if one.id in request.path), None)
        caller = self._caller(request)
        if title is None or caller is None:
            return Write(words, only_marks=False, was="nothing of it")
        state = title.state(caller.person)
        plays = any(title.id == device.playing for device in self.devices.values())
        only_marks = not plays and not state.played and state.play_count > 0 and _only_marks(request, state)
        was = f"{Shown(state.played, state.position / TICKS)}{', playing' if plays else ''}"
        return Write(f"{words} of {title.name}", only_marks, was)


def _only_marks(request: Request, state: State) -> bool:
    if request.path.startswith("/UserPlayedItems/"):
        return request.method == "POST" and not state.position and not request.asked("datePlayed")
    told = request.json if isinstance(request.json, dict) else {}
    ticks = told.get("PlaybackPositionTicks")
    return bool(told.get("Played")) and (ticks is None or abs(ticks - state.position) < 2 * TICKS)


class RecordedJellyfin(JellyfinBench):
    """A stand-in that holds the recorded titles under their recorded ids, and what was recorded of them."""

    def __init__(self, recording: Recording) -> None:
        MediaBrowserBench.__init__(self, WatchedJellyfin(VERSIONS[recording.name]))
        self.fake.server_id, self.titles = recording.server_id, recording.titles()
        self.fake.people.clear()
        people = {name: self._add_person(name, person_id) for name, person_id in recording.people.items()}
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
        return self.fake.user_data(self._named(name), self.alice.id)

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
        return self._named(name).state(self.alice.id)

    def shown(self, name: str) -> Shown:
        """With the position of whichever version has one."""
        title = self._named(name)
        versions = title.versions if self.fake.major >= 12 else []
        ticks = [one.state(self.alice.id).position for one in (title, *versions)]
        return Shown(self.fake.user_data(title, self.alice.id)["Played"], max(ticks) / TICKS)

    def _named(self, name: str) -> Title:
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
                one.name, year=one.year, minutes=minutes, versions=1 + with_ids * len(one.versions), **one.ids
            )
        held[one.name] = added
        if with_ids:
            _rename(library, added, one.id)
            for version, (version_id, ticks) in zip(added.versions, one.versions.items(), strict=True):
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


class Conflicts(logging.Handler):
    """How often "both sides changed" was said."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "both sides changed" in message:
            self.said.append(message)

    def new(self) -> list[str]:
        found, self.said = self.said, []
        return found


@dataclass(frozen=True, slots=True)
class Wrong:
    """One thing that is not as it should be after an act."""

    act: str
    #: "state", "write", "conflict", "history" or "event".
    kind: str
    words: str
    #: Whether it is of a title that the act was about.
    is_own: bool = True

    def __str__(self) -> str:
        return f"{self.act}: {self.words}"


class Replay:
    """One recording, told by some ways to alice's mydia-web."""

    def __init__(
        self,
        household: Household,
        monkeypatch: pytest.MonkeyPatch,
        recording: Recording,
        ways: Sequence[str],
        *,
        bob: User | None = None,
        first_act: int = 0,
    ) -> None:
        self.recording, self.ways = recording, ways
        self.acts = recording.acts()[first_act:]
        self._household, self._monkeypatch = household, monkeypatch
        self._alice = household._alice
        #: From recorded instants to those of the replay, in whole seconds: fractions stay as they were told.
        self._by = timedelta(seconds=round((BEGINS - recording.began_at).total_seconds()))
        self.t = self.acts[0].t - 2
        self._set_clocks()
        self.jellyfin = RecordedJellyfin(recording)
        self._steps = self._all_steps()
        for act in recording.acts()[:first_act]:
            self._skip(act)
        self.a = household.add("jellyfin", "A", self.jellyfin)
        self.b = household.add("emby", "B")
        self._held_by_b = fill(self.b.fake, self.jellyfin.titles, with_ids=False)
        for server in household.servers:
            server.fake.now = self.now
        self.bob = self._link(bob) if bob else None
        household.settle()
        self._contents = self._our_contents()
        self._socket, self._conflicts = HeardSocket(), Conflicts()
        #: Between which instants each is; what was read before the replay is there already.
        self._expected_plays: dict[str, list[tuple[datetime, datetime]]] = {
            name: [(at, at) for at in plays_of(self._alice, content)]
            for name, content in self._contents.items()
        }
        self._known_wrong: dict[tuple[str, str], str] = {}
        self._was: dict[str, Shown] = {}
        self._last_event = 0

    def now(self) -> datetime:
        return self.recording.began_at + self._by + timedelta(seconds=self.t)

    def _set_clocks(self) -> None:
        ticking = SimpleNamespace(monotonic=lambda: self.t)
        self._monkeypatch.setattr(clock, "read", self.now)
        for module in (listening, looking):
            self._monkeypatch.setattr(module, "time", ticking)

    def _link(self, bob: User) -> User:
        source = get_source(self.a.source_id)
        connection = replace(self.jellyfin.connection_of_bob(), device_id="device-of-bob")
        keep_sign_in(source, bob.id, sign_in("jellyfin", connection).linked, "device-of-bob")
        db.session.commit()
        return bob

    def _our_contents(self) -> dict[str, Content]:
        """By the names of their titles."""
        found: dict[str, Content] = {}
        for one in self.jellyfin.titles:
            copy = db.session.scalars(select(SourceItem).where(SourceItem.remote_id == one.id)).one()
            found[one.name] = (
                db.session.get_one(Episode, copy.episode_id)
                if copy.episode_id
                else db.session.get_one(MediaItem, copy.media_item_id)
            )
            if THROUGH.get(one.name):
                first = found[one.name]
                assert isinstance(first, Episode)
                number = {"season_number": first.season_number, "episode_number": THROUGH[one.name]}
                here = select(Episode).filter_by(media_item_id=first.media_item_id, **number)
                found[SECOND_HALF] = db.session.scalars(here).one()
        return found

    # What happens, in its order

    def _all_steps(self) -> list[tuple[float, Callable[[], None]]]:
        """What the server saves and plays comes before what it says of that."""
        recording = self.recording
        steps: list[tuple[float, int, Callable[[], None]]] = []
        steps += [(one.t, 0, _do(self.jellyfin.save, one, self._by)) for one in recording.saved()]
        steps += [(one.t, 1, _do(self.jellyfin.play, one)) for one in recording.played()]
        for way in self.ways:
            steps += [(one.t, 2, _do(self._tell, one)) for one in recording.said(way)]
        return [(t, do) for t, _, do in sorted(steps, key=lambda step: step[:2])]

    def _skip(self, act: Act) -> None:
        """It was done before mydia-web was there."""
        for one in self.recording.saved():
            if act.t <= one.t < act.until:
                self.jellyfin.save(one, self._by)

    def run(self) -> list[Wrong]:
        """All that was wrong, act by act."""
        log = logging.getLogger("mydia_web.sync.inbound")
        with ExitStack() as stack:
            stack.callback(log.setLevel, log.level)
            stack.callback(log.removeHandler, self._conflicts)
            log.setLevel(logging.INFO)
            log.addHandler(self._conflicts)
            self._worker = stack.enter_context(Worker())
            self._account = self._account_of(self._alice)
            self._client = stack.enter_context(
                closing(open_account(get_source(self.a.source_id), self._account))
            )
            self._news = Listener(self.jellyfin.alice.id, self._client.playing).listen(self._socket)
            stack.callback(self._news.close)
            self.tick()
            self.jellyfin.fake.new_writes()
            return [wrong for act in self.acts for wrong in self._after(act)]

    def _account_of(self, user: User) -> SourceAccount:
        mine = (SourceAccount.source_id == self.a.source_id, SourceAccount.user_id == user.id)
        return db.session.scalars(select(SourceAccount).where(*mine)).one()

    def _after(self, act: Act) -> Iterator[Wrong]:
        was_watched = {name: self._ours(name).watched for name in self._contents}
        for t, do in self._steps:
            if act.t <= t < act.until:
                self._pass_until(t)
                do()
        self._pass_until(act.until)
        self.tick()
        self.jellyfin.restore()
        yield from self._wrong(act, was_watched)

    def _pass_until(self, t: float) -> None:
        while self.t + 1 < t:
            self.t += 1
            self.tick()
        self.t = max(self.t, t)

    def tick(self) -> None:
        """What the product does by itself as time passes."""
        if SOCKET in self.ways:
            self._hear()
        apply_events()
        is_owed = db.session.scalar(select(exists().where(QueuedChange.status != Status.SYNCED)))
        db.session.commit()
        if is_owed:
            self._worker.drain()

    def _tell(self, said: Said) -> None:
        message = moved(said.body, self._by)
        if said.way == SOCKET:
            self._socket.waiting.append(message)
        else:
            address = f"/webhooks/jellyfin/{webhook_secret(get_source(self.a.source_id))}"
            content = json.dumps(message).encode()
            answer = self._household._client.post(address, data=content, content_type=said.content_type)
            assert answer.status_code == 202, answer.text
        self.tick()

    def _hear(self) -> None:
        """Have the listener take all that waits, and keep its news as the real one does."""
        for event in self._news:
            if event is not None:
                body = notifications.write(Notification(self._account.id, event))
                db.session.commit()
                begin_write()
                store_event(self.a.source_id, notifications.KIND, body, name=event.name)
                db.session.commit()
            elif not self._socket.waiting:
                return

    # What must be true after each act

    def _wrong(self, act: Act, was_watched: Mapping[str, bool]) -> Iterator[Wrong]:
        """What the act was about is told each time, all else where it has changed."""
        db.session.commit()
        self._expect_plays(act, was_watched)
        found = {(name, who): words for name, who, words in [*self._wrong_states(act), *self._wrong_plays()]}
        for (name, who), words in found.items():
            is_own = name in act.state_after
            if is_own or self._known_wrong.get((name, who)) != words:
                kind = "history" if who == "History" else "state"
                yield Wrong(act.name, kind, f"{who}: {name} {words}", is_own)
        self._known_wrong = found
        yield from (Wrong(act.name, "write", words) for words in self._unwanted_writes())
        yield from (Wrong(act.name, "conflict", words) for words in self._conflicts.new())
        yield from (Wrong(act.name, "event", words) for words in self._failed_events())

    def _wrong_states(self, act: Act) -> Iterator[tuple[str, str, str]]:
        for name in self._contents:
            allowed = self._allowed(act, name)
            ours, theirs = self._ours(name), self._shown_by_b(name)
            if ours not in allowed:
                yield name, "here", f"is {ours}, not {_either(allowed)}"
            there = (ours,) if ours in allowed else allowed
            if theirs is not None and theirs not in there:
                yield name, "B", f"is {theirs}, not {_either(there)}"
            self._was[name] = ours if ours in allowed else allowed[0]

    def _allowed(self, act: Act, name: str) -> tuple[Shown, ...]:
        """What the first server shows, with the position of whichever version has one.

        Before version 12 a start takes the mark away there; what was watched stays so here. Where another program
        then writes that it is unwatched, which says nothing new there, either may be taken for true.
        """
        held = self.jellyfin.shown(name)
        was = self._was.get(name, Shown(watched=False))
        state = self.jellyfin.state(name)
        if self.jellyfin.fake.major < 12 and state.play_count and was.watched and not held.watched:
            kept = replace(held, watched=True)
            return (kept, held) if "writes Played=false" in act.name else (kept,)
        return (held,)

    def held(self) -> dict[str, tuple[Shown, Shown | None]]:
        """What alice has of each title, here and on B."""
        return {name: (self._ours(name), self._shown_by_b(name)) for name in self._contents}

    def _ours(self, name: str, user: User | None = None) -> Shown:
        own = get_progress((user or self._alice).id, self._contents[name])
        if own is None:
            return Shown(watched=False)
        return Shown(own.watched, own.position_seconds if own.in_progress else 0)

    def _shown_by_b(self, name: str) -> Shown | None:
        title = self._held_by_b.get(name)
        if title is None:  # It is in the same file as another.
            return None
        state = title.state(self.b.bench.alice.id)
        return Shown(state.played, state.position / TICKS)

    def _expect_plays(self, act: Act, was_watched: Mapping[str, bool]) -> None:
        for name in PLAYS.get(act.name, ()):
            span = (self._at(act.t), self._at(act.until))
            if "with a date" in act.name:
                state = self.jellyfin.state(name)
                assert state.last_played
                span = (state.last_played, state.last_played)
            is_known = "by hand" in act.name and was_watched[name] and self.jellyfin.fake.major < 12
            if not (is_known and name == "Heat"):
                self._expected_plays[name].append(span)

    def bob_s(self, name: str) -> tuple[Shown, int]:
        """What bob, who is linked, has of it here: his state, and how many plays."""
        assert self.bob
        return self._ours(name, self.bob), len(plays_of(self.bob, self._contents[name]))

    def _wrong_plays(self) -> Iterator[tuple[str, str, str]]:
        for name, content in self._contents.items():
            found, spans = plays_of(self._alice, content), sorted(self._expected_plays[name])
            if len(found) != len(spans):
                yield name, "History", f"shows {len(found)} plays, not {len(spans)}: {_times(found)}"
            elif not all(
                at and low - LATE <= at <= high for at, (low, high) in zip(found, spans, strict=True)
            ):
                wanted = ", ".join(f"{low:%d %H:%M:%S}–{high:%H:%M:%S}" for low, high in spans)
                yield name, "History", f"shows plays at {_times(found)}, not {wanted}"

    def _unwanted_writes(self) -> Iterator[str]:
        """What was begun again before version 12 may be told that it is watched, once it plays no more."""
        for write in self.jellyfin.fake.new_writes():
            if self.jellyfin.fake.major >= 12 or not write.only_marks:
                yield f"A was told {write.words}, holding {write.was}"

    def _failed_events(self) -> Iterator[str]:
        query = select(SourceEvent).where(SourceEvent.status == "failed", SourceEvent.id > self._last_event)
        for event in db.session.scalars(query.order_by(SourceEvent.id)):
            self._last_event = event.id
            yield f"{event.name} failed: {event.message}"

    def _at(self, t: float) -> datetime:
        return self.recording.began_at + self._by + timedelta(seconds=t)


def _do(what: Callable[..., None], *args: Any) -> Callable[[], None]:
    return lambda: what(*args)


def _either(shown: Sequence[Shown]) -> str:
    return " or ".join(map(str, shown))


def _times(found: Sequence[datetime | None]) -> str:
    return ", ".join(f"{at:%d %H:%M:%S}" if at else "no date" for at in found) or "none"
