"""Replays a recording: the real product is told all that a real server said, at its pace by a clock
that is moved.

Server A shows at each moment what the recorded one held, and every write that arrives there is
caught. Server B, an Emby, holds the same titles. After each act it is asked what we hold, what B
holds, and what History shows.
"""

import json
import logging
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from contextlib import ExitStack
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
from mydia_web.backends.kodi import listening as kodi_listening
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content, ContentKey, Episode, MediaItem
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import webhook_secret
from mydia_web.sources.linking import keep_sign_in, sign_in
from mydia_web.sources.models import SourceAccount, SourceEvent, SourceItem
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.inbox import apply_events, store_notification
from mydia_web.sync.outbound.worker import Worker
from tests.fakes.mediabrowser_library import TICKS
from tests.sync.household import Household
from tests.sync.recordings import SOCKET, Act, RecordedTitle, Recording, Said, moved
from tests.sync.replayed import (
    SECOND_HALF,
    THROUGH,
    HeardSocket,
    RecordedJellyfin,
    Shown,
    WatchedBench,
    fill,
)

#: How far a server's clock may seem to be from ours: it is read off answers that tell whole
#: seconds.
NEAR = timedelta(seconds=2)
#: When the replay begins.
BEGINS = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
EXPANSE = tuple(f"The Expanse S01E{number:02}" for number in range(1, 7))
#: What History shows anew after each act. What is begun, resumed, stopped or broken off is no play,
#: nor is a favourite, a written position or an unmark; an unmark takes none away. Each is of the
#: time of its act, but for that with a date.
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


class Live:
    """alice's mydia-web beside a server that tells its news, and another with the same titles,
    which hears them.
    """

    #: What all clocks show at the time 0, and the seconds since then.
    epoch = BEGINS
    t = 0.0
    #: Of these, so many passed without anybody noticing on an open connection.
    unnoticed = 0.0

    def __init__(
        self,
        household: Household,
        monkeypatch: pytest.MonkeyPatch,
        bench: Any,
        titles: Sequence[RecordedTitle],
        *,
        kind: str = "jellyfin",
        listens: bool = False,
    ) -> None:
        """`bench` is of that kind, and holds these titles under their ids."""
        self._household, self._monkeypatch = household, monkeypatch
        self._alice_id: int = household._alice.id
        self._set_clocks()
        self.bench, self.titles, self._listens = bench, titles, listens
        self.a = household.add(kind, "A", bench)
        self.b = household.add("jellyfin" if kind == "emby" else "emby", "B")
        self._held_by_b = fill(self.b.fake, titles, with_ids=False)
        for server in household.servers:
            server.fake.now = self.now
        self._socket, self._conflicts = HeardSocket(), Conflicts()
        self._known_wrong: dict[tuple[str, str], str] = {}
        self._last_event = self._writes = 0

    def begin(self, stack: ExitStack) -> None:
        """Read both servers, and be there for what comes, until the stack is closed."""
        self._household.settle()
        self._keys = {name: content.key for name, content in self._our_contents().items()}
        #: Between which instants each is; what was read before is there already.
        self._expected_plays: dict[str, list[tuple[datetime, datetime]]] = {
            name: [(at, at) for at in plays] for name, plays in self.plays(self._alice_id).items()
        }
        log = logging.getLogger("mydia_web.sync.inbound")
        stack.callback(log.setLevel, log.level)
        stack.callback(log.removeHandler, self._conflicts)
        log.setLevel(logging.INFO)
        log.addHandler(self._conflicts)
        self._worker = stack.enter_context(Worker())
        if self._listens:
            self._open_connection(stack)
        self.tick()
        list(self.unwanted_writes())

    def _open_connection(self, stack: ExitStack) -> None:
        account = self._account_of_alice()
        client = open_account(get_source(self.a.source_id), account)
        self._account_id = account.id
        self._news = self.listener(client, account.remote_user_id).listen(self._socket)
        stack.callback(client.close)
        stack.callback(self._news.close)

    def listener(self, client: Any, remote_user_id: str) -> Any:
        """What turns what is said on the open connection into news."""
        return Listener(remote_user_id, client.playing)

    def now(self) -> datetime:
        """What all clocks show."""
        return self.epoch + timedelta(seconds=self.t)

    def _set_clocks(self) -> None:
        ticking = SimpleNamespace(monotonic=lambda: self.t - self.unnoticed)
        self._monkeypatch.setattr(clock, "read", self.now)
        for module in (listening, kodi_listening, looking):
            self._monkeypatch.setattr(module, "time", ticking)

    def _our_contents(self) -> dict[str, Content]:
        """By the names of their titles."""
        found: dict[str, Content] = {}
        for one in self.titles:
            copy = db.session.scalars(
                select(SourceItem).where(SourceItem.remote_id == one.id)
            ).one()
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

    def _account_of_alice(self) -> SourceAccount:
        mine = (
            SourceAccount.source_id == self.a.source_id,
            SourceAccount.user_id == self._alice_id,
        )
        return db.session.scalars(select(SourceAccount).where(*mine)).one()

    # What happens

    def tick(self) -> None:
        """What the product does by itself as time passes."""
        if self._listens:
            self._hear()
        apply_events()
        is_owed = db.session.scalar(select(exists().where(QueuedChange.status != Status.SYNCED)))
        db.session.commit()
        if is_owed:
            self._worker.drain()

    def pass_until(self, t: float) -> None:
        while self.t + 1 < t:
            self.t += 1
            self.tick()
        self.t = max(self.t, t)

    def say(self, message: Mapping[str, Any]) -> None:
        """On the open connection."""
        self._socket.waiting.append(message)
        self.tick()

    def send(self, body: Mapping[str, Any], content_type: str, kind: str = "jellyfin") -> None:
        """As a webhook."""
        self.post(json.dumps(body).encode(), content_type, kind)

    def post(self, content: Any, content_type: str, kind: str) -> None:
        """A body, or the fields of a form."""
        address = f"/webhooks/{kind}/{webhook_secret(get_source(self.a.source_id))}"
        answer = self._household._client.post(address, data=content, content_type=content_type)
        assert answer.status_code == 202, answer.text
        self.tick()

    def _hear(self) -> None:
        """Have the listener take all that waits, and keep its news as the real one does."""
        for event in self._news:
            if event is not None:
                db.session.commit()
                begin_write()
                store_notification(self.a.source_id, self._account_id, event)
                db.session.commit()
            elif not self._socket.waiting:
                return

    # What is there

    def ours(self, user_id: int) -> dict[str, Shown]:
        """What we hold of each title."""
        row = PlaybackProgress
        columns = (
            row.media_item_id,
            row.episode_id,
            row.watched,
            row.position_seconds,
            row.in_progress,
        )
        rows = db.session.execute(select(*columns).where(row.user_id == user_id))
        found = {
            ContentKey.from_columns(film, episode): Shown(watched, position if in_progress else 0)
            for film, episode, watched, position, in_progress in rows
        }
        return {name: found.get(key, Shown(watched=False)) for name, key in self._keys.items()}

    def plays(self, user_id: int) -> dict[str, list[datetime | None]]:
        """What History shows of each title."""
        columns = (Play.media_item_id, Play.episode_id, Play.watched_at)
        rows = db.session.execute(
            select(*columns).where(Play.user_id == user_id).order_by(Play.watched_at)
        )
        found: dict[str, list[datetime | None]] = {name: [] for name in self._keys}
        names = {key: name for name, key in self._keys.items()}
        for film, episode, watched_at in rows:
            name = names.get(ContentKey.from_columns(film, episode), "another title")
            found.setdefault(name, []).append(watched_at)
        return found

    def on_b(self, name: str) -> Shown | None:
        """None: it is in the same file as another."""
        title = self._held_by_b.get(name)
        if title is None:
            return None
        state = title.state(self.b.bench.alice.id)
        return Shown(state.played, state.position / TICKS)

    def held(self) -> dict[str, tuple[Shown, Shown | None]]:
        """What alice has of each title, here and on B."""
        return {name: (ours, self.on_b(name)) for name, ours in self.ours(self._alice_id).items()}

    # What must be true after each act

    def wrong(
        self, act: str, own: Container[str], allowed: Mapping[str, Sequence[Shown]]
    ) -> Iterator[Wrong]:
        """What the act was about is told each time, all else where it has changed."""
        db.session.commit()
        faults = [*self._wrong_states(allowed), *self._wrong_plays()]
        found = {(name, who): words for name, who, words in faults}
        for (name, who), words in found.items():
            if name in own or self._known_wrong.get((name, who)) != words:
                kind = "history" if who == "History" else "state"
                yield Wrong(act, kind, f"{who}: {name} {words}", name in own)
        self._known_wrong = found
        yield from (Wrong(act, "write", words) for words in self.unwanted_writes())
        yield from (Wrong(act, "conflict", words) for words in self._conflicts.new())
        yield from (Wrong(act, "event", words) for words in self._failed_events())

    def _wrong_states(
        self, allowed: Mapping[str, Sequence[Shown]]
    ) -> Iterator[tuple[str, str, str]]:
        """B must show the same as we."""
        all_ours = self.ours(self._alice_id)
        for name, right in allowed.items():
            ours, theirs = all_ours[name], self.on_b(name)
            if ours not in right:
                yield name, "here", f"is {ours}, not {_either(right)}"
            there = (ours,) if ours in right else right
            if theirs is not None and theirs not in there:
                yield name, "B", f"is {theirs}, not {_either(there)}"

    def _wrong_plays(self) -> Iterator[tuple[str, str, str]]:
        for name, found in self.plays(self._alice_id).items():
            spans = sorted(self._expected_plays.get(name, []))
            if len(found) != len(spans):
                yield (
                    name,
                    "History",
                    f"shows {len(found)} plays, not {len(spans)}: {_times(found)}",
                )
            elif not all(_is_within(at, span) for at, span in zip(found, spans, strict=True)):
                wanted = ", ".join(f"{low:%d %H:%M:%S}–{high:%H:%M:%S}" for low, high in spans)
                yield name, "History", f"shows plays at {_times(found)}, not {wanted}"

    def unwanted_writes(self) -> Iterator[str]:
        """Those to the first server since the last call; what it has told is not told to it."""
        for words in self.bench.writes()[self._writes :]:
            self._writes += 1
            yield f"A was told {words}"

    def _failed_events(self) -> Iterator[str]:
        query = select(SourceEvent).where(
            SourceEvent.status == "failed", SourceEvent.id > self._last_event
        )
        for event in db.session.scalars(query.order_by(SourceEvent.id)):
            self._last_event = event.id
            yield f"{event.name} failed: {event.message}"


class LiveJellyfin(Live):
    """Where the first server is a Jellyfin that notes its writes."""

    bench: WatchedBench

    def unwanted_writes(self) -> Iterator[str]:
        """What was begun again before version 12 may be told that it is watched, once it plays no
        more.
        """
        for write in self.bench.fake.new_writes():
            if self.bench.fake.major >= 12 or not write.only_marks:
                yield f"A was told {write.words}, holding {write.was}"


class Replay(LiveJellyfin):
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
        #: From recorded instants to those of the replay, in whole seconds: fractions stay as they
        #: were told.
        self._by = timedelta(seconds=round((BEGINS - recording.began_at).total_seconds()))
        self.epoch, self.t = recording.began_at + self._by, self.acts[0].t - 2
        self.recorded = RecordedJellyfin(recording)
        for act in recording.acts()[:first_act]:
            self._skip(act)
        super().__init__(
            household, monkeypatch, self.recorded, self.recorded.titles, listens=SOCKET in ways
        )
        self._steps = self._all_steps()
        self.bob = self._link(bob) if bob else None
        self._was: dict[str, Shown] = {}

    def _link(self, bob: User) -> User:
        source = get_source(self.a.source_id)
        connection = replace(self.recorded.connection_of_bob(), device_id="device-of-bob")
        keep_sign_in(source, bob.id, sign_in("jellyfin", connection).linked, "device-of-bob")
        db.session.commit()
        return bob

    def bob_s(self, name: str) -> tuple[Shown, int]:
        """What bob, who is linked, has of it here: his state, and how many plays."""
        assert self.bob
        return self.ours(self.bob.id)[name], len(self.plays(self.bob.id)[name])

    def _all_steps(self) -> list[tuple[float, Callable[[], None]]]:
        """What the server saves and plays comes before what it says of that."""
        recording = self.recording
        steps: list[tuple[float, int, Callable[[], None]]] = []
        steps += [(one.t, 0, _do(self.recorded.save, one, self._by)) for one in recording.saved()]
        steps += [(one.t, 1, _do(self.recorded.play, one)) for one in recording.played()]
        for way in self.ways:
            steps += [(one.t, 2, _do(self._tell, one)) for one in recording.said(way)]
        return [(t, do) for t, _, do in sorted(steps, key=lambda step: step[:2])]

    def _skip(self, act: Act) -> None:
        """It was done before mydia-web was there."""
        for one in self.recording.saved():
            if act.t <= one.t < act.until:
                self.recorded.save(one, self._by)

    def run(self) -> list[Wrong]:
        """All that was wrong, act by act."""
        with ExitStack() as stack:
            self.begin(stack)
            return [wrong for act in self.acts for wrong in self.after(act)]

    def after(self, act: Act) -> Iterator[Wrong]:
        was_heat = self.ours(self._alice_id)["Heat"]
        for t, do in self._steps:
            if act.t <= t < act.until:
                self.pass_until(t)
                do()
        self.pass_until(act.until)
        self.tick()
        self.recorded.restore()
        self._expect_plays(act, was_heat)
        allowed = {name: self._allowed(act, name) for name in self._keys}
        yield from self.wrong(act.name, act.state_after, allowed)
        for name, ours in self.ours(self._alice_id).items():
            right = allowed[name]
            self._was[name] = ours if ours in right else right[0]

    def _tell(self, said: Said) -> None:
        message = moved(said.body, self._by)
        if said.way == SOCKET:
            self.say(message)
        else:
            self.send(message, said.content_type)

    def _allowed(self, act: Act, name: str) -> tuple[Shown, ...]:
        """What the first server shows, with the position of whichever version has one.

        Before version 12 a start takes the mark away there; what was watched stays so here. Where
        another program then writes that it is unwatched, which says nothing new there, either may
        be taken for true.
        """
        shown, state = self.recorded.shown(name), self.recorded.state(name)
        was = self._was.get(name, Shown(watched=False))
        if self.bench.fake.major < 12 and state.play_count and was.watched and not shown.watched:
            kept = replace(shown, watched=True)
            return (kept, shown) if "writes Played=false" in act.name else (kept,)
        return (shown,)

    def _expect_plays(self, act: Act, was_heat: Shown) -> None:
        for name in PLAYS.get(act.name, ()):
            span = (self._at(act.t), self._at(act.until))
            if "with a date" in act.name:
                state = self.recorded.state(name)
                assert state.last_played
                span = (state.last_played, state.last_played)
            is_by_hand = act.name.startswith("Heat is marked watched by hand")
            if not (is_by_hand and was_heat.watched and self.bench.fake.major < 12):
                self._expected_plays[name].append(span)

    def _at(self, t: float) -> datetime:
        return self.epoch + timedelta(seconds=t)


def _do(what: Callable[..., None], *args: Any) -> Callable[[], None]:
    return lambda: what(*args)


def _is_within(at: datetime | None, span: tuple[datetime, datetime]) -> bool:
    return at is not None and span[0] - NEAR <= at <= span[1] + NEAR


def _either(shown: Sequence[Shown]) -> str:
    return " or ".join(map(str, shown))


def _times(found: Sequence[datetime | None]) -> str:
    return ", ".join(f"{at:%d %H:%M:%S}" if at else "no date" for at in found) or "none"
