"""Whatever two people do, in whatever order: our tables against a plain model of them, and what
servers hear.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import func, select

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Content, Episode
from mydia_web.playback import get_next_episode, mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.continue_watching import dismiss
from mydia_web.playback.models import Change, ChangeSet, Play, PlaybackProgress, ShowProgress
from mydia_web.playback.records import is_begun
from mydia_web.playback.shows import SeenEpisode, choose_next
from mydia_web.queue.intents import SCHEDULE_COLUMNS, STATE_COLUMNS
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from tests.cast import Cast, add_copy, add_server
from tests.conftest import Clock
from tests.playback.model import Key, Model, Place, Record, Registers, Shown, agreeing

#: The rows of each table.
Tables = dict[Any, Sequence[Any]]

TABLES = {
    one: select(one.__table__).order_by(one.id)
    for one in (PlaybackProgress, Play, ShowProgress, QueuedChange, ChangeSet, Change)
}
#: How long ago it was, or now.
MOMENTS = st.none() | st.builds(timedelta, minutes=st.integers(-300, 0))
ZONES = st.sampled_from([UTC, timezone(timedelta(hours=2)), timezone(timedelta(hours=-8))])


class Push(NamedTuple):
    """A row in a worker's hands."""

    row_id: int
    place: Place
    token: str
    registers: Registers


class Household(RuleBasedStateMachine):
    """alice and bob, Sintel and Harbour Lights, a server of both and a server of alice's."""

    cast: Cast
    clock: Clock
    sources: tuple[Source, Source]
    #: Few enough to meet again, and each kind among them.
    contents: list[Content]
    episodes: Sequence[Episode]

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.change_sets: list[int] = []
        self.newest_change_set = _newest_change_set()
        self.servers: dict[Place, Shown] = {}
        self.in_flight: list[Push] = []
        self.clock.time = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)

    def teardown(self) -> None:
        db.session.rollback()

    # What people do

    @rule(
        data=st.data(),
        position=st.integers(0, 950),
        duration=st.sampled_from([900, 1500, 60]),
        ago=MOMENTS,
    )
    def save(
        self, data: st.DataObject, position: int, duration: int, ago: timedelta | None
    ) -> None:
        user, content = self._someone(data), self._something(data)
        self._save(data, user, content, position, duration, ago)

    @rule(data=st.data(), percent=st.sampled_from([0, 1, 4, 5, 50, 89, 90, 95, 100]))
    def save_at_an_edge(self, data: st.DataObject, percent: int) -> None:
        user, content = self._someone(data), self._something(data)
        self._save(data, user, content, 9 * percent, 900, None)

    @rule(data=st.data(), ago=MOMENTS)
    def mark(self, data: st.DataObject, ago: timedelta | None) -> None:
        user, content = self._someone(data), self._something(data)
        at = self._time(data, ago)
        self._twice(lambda: mark_watched(user.id, content, at=at))
        self._made_a_change_set(
            self.model.mark({_key(user, content): _runtime(content)}, at or self.clock.time)
        )

    @rule(data=st.data())
    def unmark(self, data: st.DataObject) -> None:
        user, content = self._someone(data), self._something(data)
        self._twice(lambda: mark_unwatched(user.id, content))
        self._made_a_change_set(self.model.unmark([_key(user, content)]))

    @rule(data=st.data(), season=st.sampled_from([None, None, 0, 1, 2]))
    def mark_the_show(self, data: st.DataObject, season: int | None) -> None:
        user = self._someone(data)
        self._twice(
            lambda: _with_act(
                user, lambda act: act.mark_show_watched(self.cast.show, season=season)
            )
        )
        episodes = [
            one
            for one in list_episodes(self.cast.show.id, season=season)
            if season is not None or one.season_number > 0
        ]
        keys = {_key(user, one): _runtime(one) for one in episodes}
        self._made_a_change_set(self.model.mark(keys, self.clock.time))

    @rule(data=st.data(), season=st.sampled_from([None, None, 0, 1, 2]))
    def unmark_the_show(self, data: st.DataObject, season: int | None) -> None:
        user = self._someone(data)
        self._twice(
            lambda: _with_act(
                user, lambda act: act.mark_show_unwatched(self.cast.show, season=season)
            )
        )
        keys = [_key(user, one) for one in list_episodes(self.cast.show.id, season=season)]
        self._made_a_change_set(self.model.unmark(keys))

    @rule(data=st.data())
    def dismiss(self, data: st.DataObject) -> None:
        user, content = self._someone(data), self._something(data)
        key = _key(user, content)
        if isinstance(content, Episode):
            self._twice(lambda: dismiss(user.id, content))
            if any(row.user_id == user.id for row in _tables()[ShowProgress]):
                self.model.dismissed.setdefault(user.id, self.clock.time)
        elif key in self.model.records:
            self._twice(lambda: dismiss(user.id, content))
            self.model.records[key] = self.model.records[key]._replace(dismissed=True)
        self.clock.pass_(minutes=1)

    @precondition(lambda self: self.change_sets)
    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        number = data.draw(st.integers(0, len(self.change_sets) - 1))
        self._twice(lambda: undo(self.change_sets[number]))
        self.model.undo(number)

    @rule(data=st.data(), watched=st.booleans())
    def mark_and_undo_at_once(self, data: st.DataObject, watched: bool) -> None:
        """Leaves all as it was, and servers owed exactly what they were."""
        user, content = self._someone(data), self._something(data)
        before = _tables()
        mark_watched(user.id, content) if watched else mark_unwatched(user.id, content)
        _next_request()
        if _newest_change_set() != self.newest_change_set:
            self.newest_change_set = _newest_change_set()
            undo(self.newest_change_set)
            _next_request()
            if watched and isinstance(content, Episode):
                self.model.dismissed.pop(user.id, None)
        after = _tables()
        assert (_records(after), _plays(after), _owed(after)) == (
            _records(before),
            _plays(before),
            _owed(before),
        )
        self.clock.pass_(minutes=1)

    @rule(hours=st.integers(1, 24))
    def time_passes(self, hours: int) -> None:
        self.clock.pass_(hours=hours)

    # What servers do

    @rule(data=st.data(), limit=st.integers(1, 5))
    def a_worker_takes_rows(self, data: st.DataObject, limit: int) -> None:
        source = data.draw(st.sampled_from(self.sources))
        for row in PlaybackSyncRepository().mark_syncing(
            source.id, limit=limit, lease=timedelta(days=99)
        ):
            self.in_flight.append(Push(row.id, _place(row), row.claim_token or "", _registers(row)))

    @precondition(lambda self: self.in_flight)
    @rule(outcome=st.sampled_from(["taken", "taken", "reply lost", "refused", "released"]))
    def a_worker_settles(self, outcome: str) -> None:
        push = self.in_flight.pop(0)
        if outcome in ("taken", "reply lost"):
            self.servers[push.place] = self.servers.get(push.place, Shown()).after(push.registers)
        claim = (push.row_id, push.token)
        repository, soon = PlaybackSyncRepository(), self.clock.time + timedelta(minutes=1)
        settled = {
            "taken": lambda: repository.mark_synced(*claim),
            "reply lost": lambda: repository.mark_failed(*claim, "", "transient", retry_at=soon),
            "refused": lambda: repository.mark_failed(*claim, "", "invalid", retry_at=None),
            "released": lambda: repository.release(*claim),
        }[outcome]()
        assert settled
        self.clock.pass_(minutes=1)

    @rule()
    def an_admin_presses_retry(self) -> None:
        source_ids = db.session.scalars(select(Source.id)).all()
        PlaybackSyncRepository().retry_sources(source_ids)

    @rule(data=st.data(), watched=st.booleans())
    def a_server_shows_a_mark(self, data: st.DataObject, watched: bool) -> None:
        """Somebody marked it there, after all that we know, and that is news to us."""
        user, source, content = self._news(data)
        key = _key(user, content)
        record = self.model.records.get(key)
        known = (
            record.finished
            if record and watched
            else not watched and not (record and record.watched)
        )
        if known:
            return
        self.servers[key, source.id] = Shown(watched)
        with Act(user.id, "pull", source_id=source.id) as act:
            act.mark_watched(content) if watched else act.mark_unwatched(content)
        marked = {key: _runtime(content)}
        self._made_a_change_set(
            self.model.mark(marked, self.clock.time) if watched else self.model.unmark([key])
        )

    @rule(data=st.data(), position=st.integers(60, 800))
    def a_server_shows_a_position(self, data: st.DataObject, position: int) -> None:
        """Somebody watches it there."""
        user, source, content = self._news(data)
        key = _key(user, content)
        shown = self.servers.get((key, source.id), Shown())
        self.servers[key, source.id] = shown._replace(position_ms=position * 1000)
        with Act(user.id, "pull", source_id=source.id) as act:
            act.save_progress(content, position_seconds=position, duration_seconds=900)
        self._made_a_change_set(self.model.save(key, position, 900, self.clock.time))

    # What must hold after each of it

    @invariant()
    def all_agree(self) -> None:
        _next_request()
        tables = _tables()
        self._check_records_and_plays(tables)
        self._check_percentages(tables)
        self._check_servers(tables)
        for user in (self.cast.alice, self.cast.bob):
            self._check_what_is_next(user, tables)

    def _check_records_and_plays(self, tables: Tables) -> None:
        assert _records(tables) == self.model.records
        assert _plays(tables) == self.model.plays

    def _check_percentages(self, tables: Tables) -> None:
        for row in tables[PlaybackProgress]:
            percent = 100 * row.position_seconds / row.duration_seconds
            assert math.isclose(row.completion_percentage, percent, abs_tol=0.001)
            assert 0 <= row.completion_percentage <= 100
            assert row.in_progress == is_begun(row)

    def _check_servers(self, tables: Tables) -> None:
        """What a server last took, then what is on its way, then what its row still asks for, make
        our state.
        """
        rows = {_place(row): row for row in tables[QueuedChange]}
        on_the_way = {push.place: push.registers for push in self.in_flight}
        for place in rows.keys() | self.servers.keys():
            shown, row = self.servers.get(place, Shown()), rows.get(place)
            if place in on_the_way:
                shown = shown.after(on_the_way[place])
            if row is not None and row.status != Status.SYNCED:
                shown = shown.after(_registers(row))
            assert shown in agreeing(self.model.records.get(place[0])), (place, row and row.status)

    def _check_what_is_next(self, user: User, tables: Tables) -> None:
        """It is kept as it would be worked out now, and never a watched episode or a special but to
        continue.
        """
        seen, today = self._seen(user), self.clock.time.date()
        row = next((row for row in tables[ShowProgress] if row.user_id == user.id), None)
        last = max((one.last_watched_at for one in seen if one.last_watched_at), default=None)
        if row is None:
            assert last is None
            return
        state, found = choose_next(seen, today)
        kept = (row.state, row.next_episode_id, row.last_activity_at)
        assert kept == (state, found and found.episode_id, last)
        dismissed = self.model.dismissed.get(user.id)
        if dismissed and last and last > dismissed:
            dismissed = self.model.dismissed.pop(user.id) and None
        assert row.dismissed_at == dismissed
        if state != "continue" and found:
            assert not found.watched
            assert not found.is_special
        if found is None:
            state, found = "all_watched" if last else "start", None
        answer = get_next_episode(user.id, self.cast.show)
        assert (answer.state, answer.episode and answer.episode.id) == (
            state,
            found and found.episode_id,
        )

    # Helpers

    def _someone(self, data: st.DataObject) -> User:
        return data.draw(st.sampled_from([self.cast.alice, self.cast.alice, self.cast.bob]))

    def _something(self, data: st.DataObject) -> Content:
        return data.draw(st.sampled_from(self.contents))

    def _news(self, data: st.DataObject) -> tuple[User, Source, Content]:
        both, of_alice = self.sources
        user = self._someone(data)
        source = data.draw(st.sampled_from([both, of_alice])) if user is self.cast.alice else both
        return user, source, self._something(data)

    def _time(self, data: st.DataObject, ago: timedelta | None) -> datetime | None:
        return None if ago is None else (self.clock.time + ago).astimezone(data.draw(ZONES))

    def _save(
        self,
        data: st.DataObject,
        user: User,
        content: Content,
        position: int,
        duration: int,
        ago: timedelta | None,
    ) -> None:
        at = self._time(data, ago)
        self._twice(
            lambda: save_progress(
                user.id, content, position_seconds=position, duration_seconds=duration, at=at
            )
        )
        self._made_a_change_set(
            self.model.save(_key(user, content), position, duration, at or self.clock.time)
        )

    def _twice(self, call: Callable[[], object]) -> None:
        """The second call, a moment later, changes no row of any table."""
        call()
        _next_request()
        before, time = _tables(), self.clock.time
        self.clock.pass_(seconds=1)
        call()
        _next_request()
        assert _tables() == before
        self.clock.time = time

    def _made_a_change_set(self, expected: bool) -> None:
        _next_request()
        newest = _newest_change_set()
        assert (newest != self.newest_change_set) == expected
        if expected:
            # What was known and what was not are two change sets of one act.
            missing = len(self.model.changes) - len(self.change_sets)
            self.change_sets += range(newest - missing + 1, newest + 1)
            self.newest_change_set = newest
        self.clock.pass_(minutes=1)

    def _seen(self, user: User) -> list[SeenEpisode]:
        def seen(episode: Episode) -> SeenEpisode:
            record = self.model.records.get(_key(user, episode))
            place = (episode.id, episode.season_number, episode.episode_number, episode.air_date)
            return SeenEpisode(
                *place,
                bool(record and record.watched),
                bool(record and record.begun),
                record and record.at,
                is_held=True,
            )

        return [seen(one) for one in self.episodes]


def _key(user: User, content: Content) -> Key:
    return (user.id, content.content_kind, content.id)


def _key_of(row: Any) -> Key:
    if row.episode_id is None:
        return (row.user_id, "movie", row.media_item_id)
    return (row.user_id, "episode", row.episode_id)


def _place(row: QueuedChange) -> Place:
    return (_key_of(row), row.source_id)


def _registers(row: QueuedChange) -> Registers:
    return Registers(row.completed, row.position_ms)


def _runtime(content: Content) -> int:
    assert content.runtime_seconds
    return content.runtime_seconds


def _with_act(user: User, call: Callable[[Act], object]) -> None:
    with Act(user.id, "web") as act:
        call(act)


def _next_request() -> None:
    """Nothing is remembered from one request to the next but what is in the database."""
    db.session.flush()
    for row in db.session:
        if isinstance(row, tuple(TABLES)):
            db.session.expire(row)


def _tables() -> Tables:
    return {one: db.session.execute(query).all() for one, query in TABLES.items()}


def _owed(tables: Tables) -> dict[Place, tuple[Any, ...]]:
    """What servers are owed, kind, attempts, error and all."""
    names = (*STATE_COLUMNS, *SCHEDULE_COLUMNS)
    rows = [row for row in tables[QueuedChange] if row.status != Status.SYNCED]
    return {_place(row): tuple(getattr(row, name) for name in names) for row in rows}


def _records(tables: Tables) -> dict[Key, Record]:
    rows = tables[PlaybackProgress]
    records = {_key_of(row): _record_of(row) for row in rows}
    assert len(records) == len(rows), "one record for a user and a content"
    return records


def _record_of(row: Any) -> Record:
    dismissed = row.dismissed_at is not None
    return Record(
        row.position_seconds, row.duration_seconds, row.watched, row.last_watched_at, dismissed
    )


def _plays(tables: Tables) -> Counter[tuple[Key, datetime | None]]:
    return Counter((_key_of(row), row.watched_at) for row in tables[Play])


def _newest_change_set() -> int:
    return db.session.scalar(select(func.max(ChangeSet.id))) or 0


@pytest.fixture
def household(cast: Cast, set_clock: Clock) -> type[Household]:
    """Chapter 2.3 is dated ahead, and held like all; Sintel stands on the living room's server in
    two copies.
    """
    cast.episode(2, 3).air_date = date(2027, 6, 1)
    both = add_server("Living room", cast.alice, cast.bob)
    of_alice = add_server("Bedroom", cast.alice)
    for content in (cast.film, *list_episodes(cast.show.id)):
        add_copy(both, content)
        add_copy(of_alice, content)
    add_copy(both, cast.film, "movie:4k")
    db.session.commit()
    Household.cast, Household.clock, Household.sources = cast, set_clock, (both, of_alice)
    episodes = [cast.episode(*place) for place in ((1, 1), (1, 2), (2, 2), (2, 3), (0, 1))]
    Household.contents = [cast.film, cast.film, *episodes]
    Household.episodes = list_episodes(cast.show.id)
    return Household


def test_every_table_is_as_the_model_has_it_and_every_server_hears_of_it(household):
    run_state_machine_as_test(household)


ANYTHING = st.one_of(
    st.integers(), st.floats(), st.booleans(), st.none(), st.text(max_size=5), st.just(10**400)
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(position=ANYTHING, duration=ANYTHING)
def test_a_position_is_stored_as_it_should_be_or_refused_and_not_stored(
    alice, film, position, duration
):
    refused = None
    try:
        save_progress(alice.id, film, position_seconds=position, duration_seconds=duration)
    except InvalidValue as refusal:
        refused = refusal.field
    records = list(_records(_tables()).values())
    db.session.rollback()
    if records:
        assert 0 <= records[0].position <= records[0].duration == int(duration)
    else:
        assert refused in ("position_seconds", "duration_seconds")
