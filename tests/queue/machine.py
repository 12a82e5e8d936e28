"""Two people, two servers and three workers that do all they can do to a queue, in any order."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sqlalchemy import delete, func, select, update

from mydia_web.backends.errors import (
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content
from mydia_web.playback import mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.models import Change, ChangeSet, Play, PlaybackProgress, ShowProgress
from mydia_web.playback.records import get_progress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import LEASE, PlaybackSyncRepository
from mydia_web.sources.accounts import link_account
from mydia_web.sources.health import pause, resume
from mydia_web.sources.models import Source, SourceAccount, SourceItemState
from mydia_web.sync.outbound.claiming import admit
from mydia_web.sync.outbound.connections import Connections
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.delivery import prepare as prepare_deliveries
from mydia_web.sync.outbound.push import deliver
from mydia_web.sync.outbound.retry import FEW_ATTEMPTS, MAX_RETRY_AFTER
from mydia_web.sync.outbound.settle import settle
from mydia_web.sync.outbound.worker import Worker
from tests.conftest import Clock
from tests.playback.model import Record, Registers, Shown, agreeing

#: A user's id, the kind and id of a content, and a source's id.
Place = tuple[int, str, int, int]
#: The rows of each table, as plain dictionaries by their ids.
Rows = dict[int, dict[str, Any]]

#: Longer than the longest pause after a failure.
LONG = timedelta(hours=8)
_FAILURES = {
    "transient": ServerTrouble,
    "down": Unreachable,
    "auth": SignInRefused,
    "unmatched": NotOnServer,
    "invalid": Rejected,
    "bug": ZeroDivisionError,
}
OUTCOMES = ["taken", "taken", "taken", "reply lost", "rate_limited", *_FAILURES]
#: Marks, and positions of 900 seconds.
CHANGES = st.sampled_from(
    ["watched", "unwatched", "watched", "unwatched", 300, 500, 0, 30, 809, 810, 900]
)
#: A mark that a server shows.
NEWS = st.booleans()
LATE = st.sampled_from(["taken", "taken", "reply lost", "transient"])
LATE_UNDO = st.sampled_from([False, False, True])
_TABLES = (Play, Change, ShowProgress, QueuedChange, ChangeSet, PlaybackProgress, SourceItemState)


class Servers:
    """What every server holds of every person, and how it meets the next push."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.shown: dict[Place, Shown] = {}
        self.answer = "taken"
        self.retry_after = 0.0
        self.pushes = 0

    def open(self, source: Source, account: SourceAccount) -> "Server":
        return Server(self, source.id, account.user_id)


class Server:
    """One person's client of one server."""

    clock_skew = None

    def __init__(self, servers: Servers, source_id: int, user_id: int) -> None:
        self._servers, self._source_id, self._user_id = servers, source_id, user_id

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        servers, answer = self._servers, self._servers.answer
        servers.pushes += 1
        if answer == "rate_limited":
            raise RateLimited(retry_after=servers.retry_after)
        if answer in _FAILURES:
            raise _FAILURES[answer]
        kind, content_id = target.remote_id.split(":")
        place = (self._user_id, kind, int(content_id), self._source_id)
        shown = servers.shown.get(place, Shown()).after(
            Registers(wanted.watched, wanted.position_ms)
        )
        servers.shown[place] = shown
        if answer == "reply lost":
            raise Unreachable
        return RemoteState(watched=shown.watched, position_ms=shown.position_ms)

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Claim:
    """A row in the hands of a worker."""

    delivery: Delivery
    seq: int
    backend: Any
    outcome: Outcome | None = None
    #: The claim had been lost when the push was made: a worker that had stood still.
    overtook: bool = False
    has_slept: bool = False


class Household(RuleBasedStateMachine):
    """alice and bob, Sintel and two episodes, two servers that hold them all."""

    clock: Clock
    user_ids: tuple[int, int]
    source_ids: tuple[int, int]
    contents: tuple[Content, ...]
    servers: Servers

    def __init__(self) -> None:
        super().__init__()
        self.queue = PlaybackSyncRepository()
        self.clock.time = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
        #: What the clock showed before it was set.
        self.latest = self.clock.time
        self.servers.forget()
        self.claims: list[Claim] = []
        #: Until when each source asked to be left alone.
        self.quiet_until: dict[int, datetime] = {}
        #: By row: the last intent that reached its server.
        self.applied: dict[int, int] = {}
        with transaction():
            _forget_everything()

    def teardown(self) -> None:
        db.session.rollback()
        self._come_to_rest()

    # What people do

    @rule(data=st.data(), change=CHANGES)
    def change(self, data: st.DataObject, change: str | int) -> None:
        self._change(data, change)

    @rule(data=st.data(), change=CHANGES)
    def a_request_that_fails_leaves_nothing(self, data: st.DataObject, change: str | int) -> None:
        """I1."""
        before = _all_rows()
        begin_write()
        apply(change, self._someone(data), self._something(data))
        db.session.flush()
        db.session.rollback()
        assert _all_rows() == before

    @rule(
        data=st.data(),
        what=st.sampled_from(
            ["undo", "undo", "retry", "hurry", "pause", "resume", "sign_in_again"]
        ),
    )
    def a_person_intervenes(self, data: st.DataObject, what: str) -> None:
        source_id = self._somewhere(data)
        if what == "undo":
            self._undo(data)
        elif what == "resume":
            self._resume(source_id)
        elif what == "sign_in_again":
            self._sign_in_again(source_id, self._someone(data))
        else:
            self._operate(what, source_id)

    def _operate(self, what: str, source_id: int) -> None:
        with transaction():
            if what == "retry":
                self.queue.retry_sources(self.source_ids)
            elif what == "hurry":
                self.queue.hurry([source_id])
            else:
                pause(db.session.get_one(Source, source_id))

    @rule(data=st.data(), news=st.sampled_from([True, False, 60, 300, 800]))
    def a_server_has_news(self, data: st.DataObject, news: int | bool) -> None:
        """Somebody marked or watched it there, after all that we know."""
        self.clock.pass_(seconds=1)
        content = self._something(data)
        place = (self._someone(data), content.content_kind, content.id, self._somewhere(data))
        with transaction():
            if not isinstance(news, bool):
                self._shows_a_position(place, content, news)
            elif not self._is_known(place, news):
                self._shows_a_mark(place, content, news)

    def _shows_a_mark(self, place: Place, content: Content, watched: bool) -> None:
        self.servers.shown[place] = Shown(watched)
        with Act(place[0], "pull", source_id=place[3]) as act:
            change = act.mark_watched if watched else act.mark_unwatched
            change(content)

    def _shows_a_position(self, place: Place, content: Content, position: int) -> None:
        shown = self.servers.shown.get(place, Shown())
        self.servers.shown[place] = shown._replace(position_ms=position * 1000)
        with Act(place[0], "pull", source_id=place[3]) as act:
            act.save_progress(content, position_seconds=position, duration_seconds=900)

    def _is_known(self, place: Place, watched: bool) -> bool:
        record = self._record(place)
        return bool(record and record.finished) if watched else not (record and record.watched)

    def _undo_last(self) -> None:
        change_set_id = db.session.scalar(select(func.max(ChangeSet.id)))
        if change_set_id:
            with transaction():
                undo(change_set_id)

    def _undo(self, data: st.DataObject) -> None:
        ids = db.session.scalars(select(ChangeSet.id).order_by(ChangeSet.id.desc()).limit(3)).all()
        if ids:
            with transaction():
                undo(data.draw(st.sampled_from(ids)))

    def _change(self, data: st.DataObject, change: str | int) -> None:
        user_id, content = self._someone(data), self._something(data)
        with transaction():
            apply(change, user_id, content)
        self.clock.pass_(seconds=1)

    # What workers do

    @rule(data=st.data(), change=st.none() | CHANGES, limit=st.integers(1, 3))
    def claim(self, data: st.DataObject, change: str | int | None, limit: int) -> None:
        if change is not None:
            self._change(data, change)
        self._claim(self._somewhere(data), limit)

    @rule(data=st.data(), change=st.none() | CHANGES)
    def claim_push_and_settle(self, data: st.DataObject, change: str | int | None) -> None:
        if change is not None:
            self._change(data, change)
        taken = self._claim(self._somewhere(data), 2)
        for one in taken:
            self._push(one, "taken", 0)
        self._settle(taken)

    def _claim(self, source_id: int, limit: int) -> list[Claim]:
        before = _rows_of(QueuedChange)
        with transaction(), Worker() as real, _connections() as connections:
            source = db.session.get_one(Source, source_id)
            was_down, paused_until = source.pause_reason == "down", source.paused_until
            was_paused = source.pause_reason == "operator"
            room = real._room(source, real._lane(source), probe=False)
            rows = self.queue.mark_syncing(source_id, limit=min(limit, room)) if room else []
            seqs = {row.id: row.claimed_seq for row in rows}
            deliveries = admit(source_id, prepare_deliveries(rows))
            taken = [
                Claim(one, seqs[one.row_id] or 0, connections.get(source_id, one.user_id))
                for one in deliveries
            ]
        self._check_claimed(source_id, taken, before)
        if taken:
            assert not was_paused
            assert paused_until is None or paused_until <= self.clock.time
        if taken and was_down:
            assert len(taken) + self._in_flight(before, source_id) == 1, (
                "I11: a server that is down is probed"
            )
        self.claims += taken
        return taken

    @rule(
        change=CHANGES,
        meanwhile=st.lists(CHANGES | NEWS, min_size=1, max_size=3),
        answer=LATE,
        late=LATE_UNDO,
    )
    def a_worker_is_overtaken(
        self, change: str | int, meanwhile: list[Any], answer: str, late: bool
    ) -> None:
        """It stands still until others have told the same server newer things."""
        user_id, content, source_id = self.user_ids[0], self.contents[0], self.source_ids[0]
        place = (user_id, content.content_kind, content.id, source_id)
        for one in (change, *meanwhile):
            self.clock.pass_(seconds=1)
            with transaction():
                if not isinstance(one, bool):
                    apply(one, user_id, content)
                elif not self._is_known(place, one):
                    self._shows_a_mark(place, content, one)
            taken = self._claim(source_id, 2)
            if one is change:
                asleep = taken
                self.clock.pass_(seconds=LEASE.total_seconds() + 1)
                self._rescue()
            else:
                for claim in taken:
                    self._push(claim, "taken", 0)
                self._settle(taken)
        if late:
            self._undo_last()
        for claim in asleep:
            self._push(claim, answer, 120.0)
        self._settle(asleep)

    @precondition(lambda self: self._begun(has_slept=False))
    @rule(data=st.data())
    def a_worker_stands_still_until_its_lease_has_ended(self, data: st.DataObject) -> None:
        data.draw(st.sampled_from(self._begun(has_slept=False))).has_slept = True
        self.clock.pass_(seconds=LEASE.total_seconds() + 1)
        self._rescue()

    @precondition(lambda self: self._begun(has_slept=True))
    @rule(data=st.data(), answer=st.sampled_from(OUTCOMES), settles=st.booleans())
    def a_worker_that_stood_still_goes_on(
        self, data: st.DataObject, answer: str, settles: bool
    ) -> None:
        claim = data.draw(st.sampled_from(self._begun(has_slept=True)))
        self._push(claim, answer, 120.0)
        if settles:
            self._settle([claim])

    @precondition(lambda self: self._begun(has_slept=False))
    @rule(
        data=st.data(),
        answer=st.sampled_from(OUTCOMES),
        retry_after=st.sampled_from([30.0, 600.0, 9000.0]),
    )
    def push(self, data: st.DataObject, answer: str, retry_after: float) -> None:
        claim = data.draw(st.sampled_from(self._begun(has_slept=False)))
        self._push(claim, answer, retry_after)

    @precondition(lambda self: any(one.outcome for one in self.claims))
    @rule(data=st.data(), together=st.booleans())
    def settle(self, data: st.DataObject, together: bool) -> None:
        done = [one for one in self.claims if one.outcome]
        self._settle(done if together else [data.draw(st.sampled_from(done))])

    @precondition(lambda self: self._begun(has_slept=False))
    @rule(data=st.data(), answer=st.sampled_from(OUTCOMES))
    def push_and_settle(self, data: st.DataObject, answer: str) -> None:
        claim = data.draw(st.sampled_from(self._begun(has_slept=False)))
        self._push(claim, answer, 120.0)
        self._settle([claim])

    @precondition(lambda self: self.claims)
    @rule(data=st.data(), crashes=st.booleans())
    def a_worker_ends(self, data: st.DataObject, crashes: bool) -> None:
        """By a crash, before its push or between that and settling it; or giving back what it has
        not begun.
        """
        claim = data.draw(st.sampled_from(self.claims))
        if not crashes and claim.outcome is None:
            self._release(claim)
        elif not claim.overtook:
            self.claims.remove(claim)

    @rule(seconds=st.sampled_from([1, 11, 31, 61, 700, 4000, 30_000]), rescue=st.booleans())
    def time_passes(self, seconds: int, rescue: bool) -> None:
        self.clock.pass_(seconds=seconds)
        if rescue:
            self._rescue()

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_is_set(self, hours: int) -> None:
        """I16."""
        self.latest = max(self.latest, self.clock.time)
        self.clock.pass_(hours=hours)

    def _release(self, claim: Claim) -> None:
        before = _rows_of(QueuedChange)
        is_live = self._is_live(claim, before)
        with transaction():
            released = self.queue.release(claim.delivery.row_id, claim.delivery.claim_token)
        assert released == is_live
        assert released or _rows_of(QueuedChange) == before, "I6"
        self.claims.remove(claim)

    def _rescue(self) -> None:
        """I8: exactly the rows whose lease has ended, and nothing of what is wanted."""
        before = _rows_of(QueuedChange)
        dead = {row_id for row_id, row in before.items() if self._has_ended(row)}
        with transaction():
            assert self.queue.rescue() == len(dead)
        for row_id, row in _rows_of(QueuedChange).items():
            if row_id not in dead:
                assert row == before[row_id]
                continue
            assert (row["status"], row["next_attempt_at"]) == ("pending", self.clock.time)
            changed = {name for name in row if row[name] != before[row_id][name]}
            claim = {"status", "claim_token", "lease_until", "unconfirmed", "next_attempt_at"}
            assert claim <= changed <= {*claim, "updated_at"}

    # What must hold after each of it

    @invariant()
    def a_row_is_the_only_one_of_its_key_and_never_delivered_with_something_newer(self) -> None:
        rows = _rows_of(QueuedChange).values()
        assert len({_place(row) for row in rows}) == len(rows), "I4"
        for row in rows:
            if row["status"] == Status.SYNCED:
                assert row["synced_seq"] == row["intent_seq"], "I9"
            assert row["synced_seq"] <= row["intent_seq"]
            assert (row["status"] == "syncing") == (row["claim_token"] is not None), "I5"

    def _check_claimed(self, source_id: int, taken: Sequence[Claim], before: Rows) -> None:
        for one in taken:
            row = before[one.delivery.row_id]
            assert row["status"] != Status.SYNCING, "I5: it was another's"
            assert row["next_attempt_at"] is not None, "I13: it was parked"
            assert row["next_attempt_at"] <= self.clock.time
            assert one.delivery.lease_until == self.clock.time + LEASE
        if taken:
            assert self.quiet_until.get(source_id, self.clock.time) <= self.clock.time, "I10"

    def _push(self, claim: Claim, answer: str, retry_after: float) -> None:
        row = _rows_of(QueuedChange).get(claim.delivery.row_id)
        is_live = row is not None and row["claim_token"] == claim.delivery.claim_token
        why_not = claim.backend if isinstance(claim.backend, Failure) else claim.delivery.problem
        if why_not is not None:
            claim.outcome = Outcome(delivery=claim.delivery, failure=why_not)
            return
        self.servers.answer, self.servers.retry_after = answer, retry_after
        claim.outcome = deliver(claim.backend, claim.delivery)
        claim.overtook = not is_live
        if is_live and answer in ("taken", "reply lost"):
            assert self.applied.get(claim.delivery.row_id, 0) <= claim.seq, "I7"
            self.applied[claim.delivery.row_id] = claim.seq

    def _settle(self, claims: Sequence[Claim]) -> None:
        before = _rows_of(QueuedChange)
        live = [one for one in claims if self._is_live(one, before)]
        of_row = Counter(one.delivery.row_id for one in claims)
        with transaction():
            settle([one.outcome for one in claims if one.outcome])
        after = _rows_of(QueuedChange)
        for one in claims:
            self._note_rate_limit(one)
            self.claims.remove(one)
            row_id = one.delivery.row_id
            if row_id not in before:
                continue
            if of_row[row_id] > 1:
                # It was acknowledged, and what may have overtaken it is put right.
                assert after[row_id]["intent_seq"] >= before[row_id]["intent_seq"]
            elif one in live:
                _check_settled(one, before[row_id], after[row_id])
            else:
                _check_stale(before[row_id], after[row_id])

    def _note_rate_limit(self, claim: Claim) -> None:
        failure, source_id = (claim.outcome and claim.outcome.failure), claim.delivery.source_id
        if failure and failure.failure_class == "rate_limited":
            wait = min(timedelta(seconds=failure.retry_after), MAX_RETRY_AFTER)
            source = db.session.get_one(Source, source_id)
            if source.pause_reason != "operator":
                self.quiet_until[source_id] = max(
                    self.clock.time + wait, self.quiet_until.get(source_id, self.clock.time)
                )
            db.session.rollback()

    # Coming to rest

    def _come_to_rest(self) -> None:
        """I2, I13: every worker dies or finishes, every server is well, every person has helped."""
        late = [one for one in self.claims if one.overtook]
        self._settle(late)
        self.claims.clear()
        self.servers.answer = "taken"
        for source_id in self.source_ids:
            self._resume(source_id)
            for user_id in self.user_ids:
                self._sign_in_again(source_id, user_id)
        with transaction():
            self.queue.retry_sources(self.source_ids)
        self.clock.time = max(self.clock.time, self.latest) + LONG
        with Worker() as worker:
            worker.drain()
        db.session.rollback()
        self._check_at_rest()

    def _check_at_rest(self) -> None:
        rows = {_place(row): row for row in _rows_of(QueuedChange).values()}
        assert {row["status"] for row in rows.values()} <= {"synced"}
        for user_id, content, source_id in product(self.user_ids, self.contents, self.source_ids):
            place = (user_id, content.content_kind, content.id, source_id)
            shown = self.servers.shown.get(place, Shown())
            assert shown in agreeing(self._record(place)), ("I2", place, shown, rows.get(place))
        db.session.rollback()

    # Helpers

    def _begun(self, *, has_slept: bool) -> list[Claim]:
        """What was claimed and not pushed yet."""
        return [one for one in self.claims if one.outcome is None and one.has_slept == has_slept]

    def _resume(self, source_id: int) -> None:
        self.quiet_until.pop(source_id, None)
        with transaction():
            resume(db.session.get_one(Source, source_id))

    def _sign_in_again(self, source_id: int, user_id: int) -> None:
        with transaction():
            link_account(db.session.get_one(Source, source_id), user_id, {})
            self.queue.resume_account(source_id, user_id)

    def _someone(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([self.user_ids[0]] * 3 + [self.user_ids[1]]))

    def _something(self, data: st.DataObject) -> Content:
        return data.draw(st.sampled_from([self.contents[0]] * 3 + [*self.contents[1:]]))

    def _somewhere(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from([self.source_ids[0]] * 3 + [self.source_ids[1]]))

    def _record(self, place: Place) -> Record | None:
        content = next(one for one in self.contents if (one.content_kind, one.id) == place[1:3])
        row = get_progress(place[0], content)
        if row is None:
            return None
        return Record(row.position_seconds, row.duration_seconds, row.watched, row.last_watched_at)

    def _is_live(self, claim: Claim, rows: Rows) -> bool:
        row = rows.get(claim.delivery.row_id)
        return row is not None and row["claim_token"] == claim.delivery.claim_token

    def _has_ended(self, row: dict[str, Any]) -> bool:
        return row["lease_until"] is not None and row["lease_until"] < self.clock.time

    def _in_flight(self, rows: Rows, source_id: int) -> int:
        flying = [
            row
            for row in rows.values()
            if row["source_id"] == source_id and row["status"] == "syncing"
        ]
        return sum(not self._has_ended(row) for row in flying)


def _check_settled(claim: Claim, before: dict[str, Any], after: dict[str, Any]) -> None:
    assert claim.outcome
    newer, failure = before["intent_seq"] > claim.seq, claim.outcome.failure
    assert (after["intent_seq"], after["claim_token"]) == (before["intent_seq"], None)
    if failure is None:
        assert after["synced_seq"] == claim.seq
        assert after["status"] == ("pending" if newer else "synced"), "I9"
        return
    assert after["synced_seq"] == before["synced_seq"]
    if failure.failure_class == "rate_limited":
        assert (after["status"], after["attempt_count"]) == (
            "pending",
            before["attempt_count"] - 1,
        ), "I10"
    elif failure.failure_class == "transient":
        assert (after["status"], after["next_attempt_at"] is None) == ("failed", False)
    elif failure.failure_class == "auth" and after["next_attempt_at"] is not None:
        assert newer or (after["error_class"], after["attempt_count"]) == (
            "transient",
            before["attempt_count"] - 1,
        ), "one refusal is not believed"
    elif (
        failure.failure_class not in ("bug", "unconfirmed")
        or before["attempt_count"] >= FEW_ATTEMPTS
    ):
        assert after["status"] == ("pending" if newer else "failed"), "I13"
        assert (after["next_attempt_at"] is None) == (not newer), "I13"


def _check_stale(before: dict[str, Any], after: dict[str, Any]) -> None:
    """I6: it acknowledges nothing; at most what is wanted goes out once more."""
    if after == before:
        return
    assert after["intent_seq"] > before["intent_seq"]
    kept = ("synced_seq", "claim_token", "lease_until", "claimed_seq")
    assert [after[name] for name in kept] == [before[name] for name in kept]
    assert after["status"] == ("syncing" if before["status"] == "syncing" else "pending")


def apply(change: str | int, user_id: int, content: Content) -> None:
    if isinstance(change, int):
        save_progress(user_id, content, position_seconds=change, duration_seconds=900)
    else:
        (mark_watched if change == "watched" else mark_unwatched)(user_id, content)


@contextmanager
def transaction() -> Iterator[None]:
    db.session.rollback()
    begin_write()
    yield
    db.session.commit()


@contextmanager
def _connections() -> Iterator[Connections]:
    connections = Connections()
    yield connections
    connections.close()


def _forget_everything() -> None:
    for table in _TABLES:
        db.session.execute(delete(table))
    nothing = dict.fromkeys(("refused_at", "doubted_at", "ask_at", "accepted_at"))
    db.session.execute(update(SourceAccount).values(nothing))
    never = dict.fromkeys(
        ("last_ok_at", "last_error", "last_error_at", "paused_until", "pause_reason")
    )
    db.session.execute(update(Source).values(**never, failure_count=0, concurrency=2))


def _rows_of(table: Any) -> Rows:
    rows = db.session.execute(select(table.__table__)).mappings().all()
    db.session.rollback()
    return {row["id"]: dict(row) for row in rows}


def _all_rows() -> dict[str, Rows]:
    return {table.__tablename__: _rows_of(table) for table in (*_TABLES, Source, SourceAccount)}


def _place(row: dict[str, Any]) -> Place:
    if row["episode_id"] is None:
        return (row["user_id"], "movie", row["media_item_id"], row["source_id"])
    return (row["user_id"], "episode", row["episode_id"], row["source_id"])
