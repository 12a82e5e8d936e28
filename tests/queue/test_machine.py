"""Whatever people, servers and workers do, and whatever breaks: what is wanted arrives, once and
last.
"""

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import delete, func, select

from mydia_web.db import db
from mydia_web.playback import mark_watched, undo
from mydia_web.playback.models import ChangeSet
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.sources.models import Source
from mydia_web.sync.outbound import connections
from mydia_web.sync.outbound.delivery import wanted
from tests.cast import Cast, add_copy, add_server
from tests.conftest import Clock
from tests.playback.model import Registers, Shown
from tests.queue.machine import Claim, Household, Servers, _rows_of, apply, transaction

# An everyday run tries the same examples each time; `HYPOTHESIS_PROFILE=long pytest` goes looking
# for new ones.
IS_LONG = os.environ.get("HYPOTHESIS_PROFILE") == "long"
PROFILE = settings(
    max_examples=int(os.environ.get("EXAMPLES", 1000)) if IS_LONG else 15,
    stateful_step_count=50 if IS_LONG else 30,
    deadline=None,
    derandomize=not IS_LONG,
    print_blob=IS_LONG,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def household(cast: Cast, set_clock: Clock, monkeypatch: pytest.MonkeyPatch) -> type[Household]:
    contents = (cast.film, cast.episode(1, 1), cast.episode(1, 2))
    sources = [add_server(name, cast.alice, cast.bob) for name in ("Living room", "Bedroom")]
    for source in sources:
        for content in contents:
            add_copy(source, content)
    db.session.commit()
    Household.clock, Household.servers, Household.contents = set_clock, Servers(), contents
    Household.user_ids = (cast.alice.id, cast.bob.id)
    Household.source_ids = (sources[0].id, sources[1].id)
    monkeypatch.setattr(connections, "open_account", Household.servers.open)
    return Household


def test_whatever_happens_every_server_ends_with_what_is_wanted(household):
    run_state_machine_as_test(household, settings=PROFILE)


# What the machine must be able to find, told by hand


@pytest.fixture
def by_hand(household):
    machine = household()
    yield machine
    machine.teardown()


def _claim(machine) -> Claim:
    [claim] = machine._claim(machine.source_ids[0], 1)
    return claim


def _deliver(machine, claim: Claim, answer: str = "taken") -> None:
    machine._push(claim, answer, 600.0)
    machine._settle([claim])


def _lose_lease(machine) -> None:
    machine.clock.pass_(seconds=61)
    machine._rescue()


def _does(machine, change: str | int) -> None:
    with transaction():
        apply(change, machine.user_ids[0], machine.contents[0])
    machine.clock.pass_(seconds=1)


@pytest.mark.parametrize("answer", ["taken", "reply lost"])
def test_a_late_push_that_overtook_a_newer_one_is_put_right(by_hand, answer):
    _does(by_hand, "watched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _does(by_hand, "unwatched")
    _deliver(by_hand, _claim(by_hand))
    _deliver(by_hand, late, answer)


def test_a_late_push_does_not_cost_the_mark_that_a_position_followed(by_hand):
    _does(by_hand, 300)
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _does(by_hand, "watched")
    _deliver(by_hand, _claim(by_hand))
    _does(by_hand, 500)
    _deliver(by_hand, _claim(by_hand))
    _deliver(by_hand, late)


def test_a_late_mark_does_not_outlive_the_one_that_a_position_followed(by_hand):
    _does(by_hand, "watched")
    _deliver(by_hand, _claim(by_hand))
    _does(by_hand, "unwatched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _does(by_hand, "watched")
    _deliver(by_hand, _claim(by_hand))
    _does(by_hand, 500)
    _deliver(by_hand, _claim(by_hand))
    _deliver(by_hand, late)


def test_a_late_push_does_not_undo_what_the_server_said_since(by_hand):
    _does(by_hand, "watched")
    _deliver(by_hand, _claim(by_hand))
    _does(by_hand, "unwatched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _deliver(by_hand, _claim(by_hand))
    place = (by_hand.user_ids[0], "movie", by_hand.contents[0].id, by_hand.source_ids[0])
    with transaction():
        by_hand._shows_a_mark(place, by_hand.contents[0], True)
    _deliver(by_hand, late)


def test_a_late_push_is_put_right_though_its_row_was_dropped_by_an_undo(by_hand):
    _does(by_hand, "watched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _does(by_hand, "unwatched")
    _deliver(by_hand, _claim(by_hand))
    by_hand.clock.pass_(seconds=1)
    _does(by_hand, "watched")
    with transaction():
        undo(db.session.scalar(select(func.max(ChangeSet.id))))
    _deliver(by_hand, late)


def _claim_again_beside_another(machine) -> tuple[Claim, Claim]:
    """The row whose lease has ended, and one more, under one token."""
    with transaction():
        mark_watched(machine.user_ids[0], machine.contents[1])
    again, other = machine._claim(machine.source_ids[0], 2)
    return again, other


def test_a_late_push_does_not_acknowledge_the_claim_that_followed_it(by_hand):
    _does(by_hand, "watched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    again, other = _claim_again_beside_another(by_hand)
    for claim in (late, other):
        by_hand._push(claim, "taken", 0)
    by_hand._settle([late, other])
    assert by_hand._is_live(again, _rows_of(QueuedChange))


@pytest.mark.parametrize("answer", ["taken", "down"])
@pytest.mark.parametrize("late_first", [True, False])
def test_a_late_push_is_put_right_though_its_row_was_pushed_again_by_the_same_worker(
    by_hand, answer, late_first
):
    _does(by_hand, "watched")
    late = _claim(by_hand)
    _lose_lease(by_hand)
    _does(by_hand, "unwatched")
    again = _claim(by_hand)
    by_hand._push(again, answer, 0)
    by_hand._push(late, "taken", 0)
    by_hand._settle([late, again] if late_first else [again, late])
    row = _rows_of(QueuedChange)[late.delivery.row_id]
    assert (row["claim_token"], row["status"]) in [(None, "pending"), (None, "failed")]
    assert row["intent_seq"] > again.seq


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_success_from_before_does_not_end_the_silence_a_server_asked_for(by_hand, in_one_batch):
    _does(by_hand, "watched")
    with transaction():
        mark_watched(by_hand.user_ids[0], by_hand.contents[1])
    first, second = by_hand._claim(by_hand.source_ids[0], 2)
    by_hand._push(first, "rate_limited", 600.0)
    by_hand._push(second, "taken", 0)
    for batch in [[first, second]] if in_one_batch else [[first], [second]]:
        by_hand._settle(batch)
    assert by_hand._claim(by_hand.source_ids[0], 1) == []


def test_failures_from_before_do_not_shorten_the_silence_a_server_asked_for(by_hand):
    _does(by_hand, "watched")
    with transaction():
        mark_watched(by_hand.user_ids[0], by_hand.contents[1])
        db.session.get_one(Source, by_hand.source_ids[0]).failure_count = 4
    first, second = by_hand._claim(by_hand.source_ids[0], 2)
    _deliver(by_hand, first, "rate_limited")
    _deliver(by_hand, second, "down")
    by_hand.clock.pass_(seconds=60)
    assert by_hand._claim(by_hand.source_ids[0], 1) == []


# A folded row asks for the same as its changes one by one

CHANGE = st.tuples(
    st.sampled_from(ChangeType), st.integers(0, 900).map(lambda second: second * 1000)
)


@settings(PROFILE, max_examples=1000 if IS_LONG else 100)
@given(
    changes=st.lists(CHANGE, min_size=1, max_size=8),
    first=st.builds(Shown, st.booleans(), st.integers(0, 900_000)),
    delivered_after=st.none() | st.integers(0, 7),
)
def test_pushing_the_folded_row_is_pushing_each_change_in_order(
    enqueue, queue, server, row, changes, first, delivered_after
):
    one_by_one = folded = first
    for number, (change_type, position) in enumerate(changes):
        is_mark = change_type is not ChangeType.PROGRESS_UPDATE
        completed = {"mark_watched": True, "mark_unwatched": False}.get(change_type)
        position_ms = 0 if is_mark else position
        enqueue(change_type, position_ms=position_ms)
        one_by_one = one_by_one.after(Registers(completed, position_ms))
        if number == delivered_after:
            [claimed] = queue.mark_syncing(server.id, limit=1)
            folded = _pushed(folded, claimed)
            queue.mark_synced(claimed.id, claimed.claim_token)
    if row().status != "synced":
        folded = _pushed(folded, row())
    db.session.execute(delete(QueuedChange))
    assert folded == one_by_one


def _pushed(shown: Shown, row: QueuedChange) -> Shown:
    asked = wanted(row)
    return shown.after(Registers(asked.watched, asked.position_ms))


def test_a_row_whose_claim_was_crashed_away_is_pushed_again_and_ends_synced(by_hand):
    _does(by_hand, "watched")
    by_hand._push(_claim(by_hand), "taken", 0)
    by_hand.claims.clear()
    _lose_lease(by_hand)
    _deliver(by_hand, _claim(by_hand))
    assert by_hand.servers.pushes == 2
