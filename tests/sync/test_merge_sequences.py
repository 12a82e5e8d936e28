"""The merge over whole lives: changes on any side, read or told in any order, twice, late or never,
answers lost.

A model of what is done with the decisions, without database and servers; `mesh` does the same with
both.
"""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from mydia_web.sync.inbound.merge import Side, Strategy, agree, merge

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
NOTHING = Side()
SERVERS = 3
MOST_ROUNDS = 4


@dataclass
class Server:
    skew: timedelta
    shows: Side = NOTHING
    #: Grows by one with whatever is done there: the order in which it tells things.
    version: int = 0
    base: Side = NOTHING
    seen: int = 0
    is_owed: bool = False
    #: Of one finished and begun again before it was read, nobody knows the date.
    undated: int = 0

    def becomes(self, shows: Side) -> None:
        self.shows, self.version = shows, self.version + 1


@dataclass
class House:
    skews: list[int]
    strategy: Strategy = "local-progressive"
    ours: Side = NOTHING
    plays: set[datetime] = field(default_factory=set)
    #: When the mark was last taken away here.
    unwatched_at: datetime | None = None
    pushes: int = 0

    def __post_init__(self) -> None:
        self.clock = NOON
        self.servers = [Server(timedelta(hours=skew)) for skew in self.skews]
        #: (server, version, state, was it finished by this)
        self.told: list[tuple[Server, int, Side, bool]] = []
        #: What was done: kind and, by the clock of the place, when.
        self.deeds: list[tuple[str, datetime]] = []

    # The person

    def do(self, kind: str, place: int, position: int) -> None:
        self.clock += timedelta(hours=1)
        server = self.servers[place] if place < SERVERS else None
        was, at = (
            server.shows if server else self.ours,
            self.clock + (server.skew if server else timedelta()),
        )
        if kind == "unwatch" and not was.watched:
            return
        new = {
            "watch": Side(watched=True, position_ms=0, changed_at=at, plays=was.plays + 1),
            "stop": replace(was, position_ms=position, changed_at=at),
            "unwatch": Side(),
        }[kind]
        self.deeds.append((kind, at))
        if server:
            server.becomes(new)
            self.told.append((server, server.version, new, kind == "watch"))
            return
        if kind == "watch":
            self.plays.add(at)
        if kind == "unwatch":
            self.unwatched_at = at
        self.change(replace(new, plays=0, changed_at=at))

    def change(self, ours: Side, by: Server | None = None) -> None:
        self.ours = ours
        for server in self.servers:
            server.is_owed |= server is not by

    # What carries news

    def look(self, server: Server) -> None:
        self.take(server, server.shows, server.version)

    def hear(self, number: int) -> None:
        """One of the messages, whether it was heard before or not."""
        if not self.told:
            return
        server, version, state, is_play = self.told[number % len(self.told)]
        if version > server.seen:
            self.take(server, state, version)
        if is_play and state.changed_at:
            self.note(server, state.changed_at)

    def push(self, server: Server, *, answers: bool = True) -> None:
        if server.version != server.seen:
            self.look(server)
        if not server.is_owed:
            return
        plays = max(1, server.shows.plays) if self.ours.watched else 0
        if not agree(server.shows, self.ours):
            self.pushes += 1
            server.becomes(replace(self.ours, plays=plays))
            self.told.append((server, server.version, server.shows, False))
        if answers:
            server.base, server.seen, server.is_owed = server.shows, server.version, False

    def take(self, server: Server, state: Side, version: int) -> None:
        owed, base = server.is_owed, server.base
        decision = merge(
            base, state, self.ours, ours_is_newer_than_base=owed, strategy=self.strategy
        )
        server.base, server.seen = state, version
        if decision in ("watched", "again"):
            self.take_play(server, state, again=decision == "again")
        elif decision == "unwatched":
            self.change(Side(watched=False, position_ms=state.position_ms), server)
        elif decision == "progress":
            self.change(replace(self.ours, position_ms=state.position_ms), server)
        if decision == "owed" or (base != state and not agree(self.ours, state)):
            server.is_owed = True

    def take_play(self, server: Server, state: Side, *, again: bool) -> None:
        at = None if state.position_ms else state.changed_at
        is_known = at is not None and not self.note(server, at)
        if (
            not again
            and self.unwatched_at
            and state.changed_at
            and state.changed_at <= self.unwatched_at
        ):
            return
        if again and (is_known or at is None):
            if state.position_ms:
                self.change(replace(self.ours, position_ms=state.position_ms), server)
            return
        server.undated += at is None
        self.change(Side(watched=True, position_ms=state.position_ms, changed_at=at), server)

    def note(self, server: Server, at: datetime) -> bool:
        is_new = at not in self.plays and not server.undated
        if is_new:
            self.plays.add(at)
        return is_new

    def settle(self) -> int:
        for number in range(1, MOST_ROUNDS + 1):
            before = (self.pushes, self.ours, frozenset(self.plays))
            for server in self.servers:
                self.look(server)
            for server in self.servers:
                self.push(server)
            if before == (self.pushes, self.ours, frozenset(self.plays)):
                return number
        return MOST_ROUNDS + 1


PLACES = st.integers(0, SERVERS)
SECONDS = st.sampled_from([300_000, 600_000, 900_000])
ACTS = st.tuples(st.sampled_from(["watch", "stop", "unwatch"]), PLACES, SECONDS)
CARRIED = st.tuples(
    st.sampled_from(["look", "push", "lose"]), st.integers(0, SERVERS - 1), st.just(0)
)
HEARD = st.tuples(st.just("hear"), st.integers(0, 50), st.just(0))
LIVES = st.lists(ACTS | CARRIED | HEARD, max_size=40)
SKEWS = st.lists(st.integers(-9, 9), min_size=SERVERS, max_size=SERVERS)
many = settings(max_examples=400, deadline=None)


def live(house: House, life: list[tuple[str, int, int]]) -> None:
    for kind, where, position in life:
        if kind == "hear":
            house.hear(where)
        elif kind == "look":
            house.look(house.servers[where])
        elif kind in ("push", "lose"):
            house.push(house.servers[where], answers=kind == "push")
        else:
            house.do(kind, where, position)


@many
@given(LIVES, SKEWS)
def test_all_sides_end_equal(life, skews):
    house = House(skews)
    live(house, life)
    assert house.settle() <= MOST_ROUNDS
    assert all(agree(server.shows, house.ours) for server in house.servers)


@many
@given(LIVES, SKEWS)
def test_no_play_is_counted_that_was_not_played_nor_one_twice(life, skews):
    house = House(skews)
    live(house, life)
    house.settle()
    assert house.plays <= {at for kind, at in house.deeds if kind == "watch"}
    undated = sum(server.undated for server in house.servers)
    assert len(house.plays) + undated <= sum(kind == "watch" for kind, _ in house.deeds)


@many
@given(LIVES, SKEWS)
def test_an_echo_goes_no_further_than_the_first_hop(life, skews):
    """Whatever was pushed is told back, all of it and twice: nobody hears of it."""
    house = House(skews)
    live(house, life)
    for number in range(len(house.told)):
        house.hear(number)
    house.settle()
    before = (house.pushes, house.ours, set(house.plays))
    for number in [*range(len(house.told))] * 2:
        house.hear(number)
    for server in house.servers:
        house.push(server)
    assert (house.pushes, house.ours, house.plays) == before


@many
@given(LIVES, SKEWS)
def test_there_are_no_more_pushes_than_others_to_tell(life, skews):
    """And as many as were begun in vain."""
    house = House(skews)
    live(house, life)
    house.settle()
    lost = sum(kind == "lose" for kind, _, _ in life)
    assert house.pushes <= (SERVERS + 1) * len(house.deeds) + lost


@many
@given(LIVES)
def test_nothing_is_unwatched_unless_somebody_did_so_after_it_was_watched(life):
    house = House([0] * SERVERS)
    live(house, life)
    house.settle()
    watched = [at for kind, at in house.deeds if kind == "watch"]
    unwatched = [at for kind, at in house.deeds if kind == "unwatch"]
    assert house.ours.watched or not watched or (unwatched and max(unwatched) > max(watched))
