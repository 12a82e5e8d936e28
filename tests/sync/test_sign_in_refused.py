"""A server that refuses a good sign-in for a while, from a mark to its delivery."""

import pytest
from sqlalchemy import func, select

from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import accounts_of, get_source
from tests.cast import add_copy, add_film
from tests.conftest import PASSWORD

MARKS = 30


@pytest.fixture
def attic(household, client, set_clock):
    """alice's Jellyfin, which must still be told of 30 films; no time passes by itself."""
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    attic = household.add("jellyfin", "Attic")
    attic.fake.now = set_clock.now
    return attic


@pytest.fixture
def owed(attic, alice):
    source = get_source(attic.source_id)
    targets = []
    for number in range(MARKS):
        film = add_film(f"Film {number}", 2000, minutes=90)
        [target] = attic.bench.add_movie(f"Film {number}", year=2000, minutes=90)
        add_copy(source, film, target.remote_id, target.path)
        mark_watched(alice.id, film)
        targets.append(target)
    db.session.commit()
    return targets


def watched(attic, owed) -> int:
    return sum(attic.bench.held(one).watched for one in owed)


def refused_at(attic):
    db.session.rollback()
    [account] = accounts_of(attic.source_id)
    db.session.refresh(account)
    return account.refused_at


def needing_a_person() -> int:
    query = select(func.count()).where(
        QueuedChange.status == "failed", QueuedChange.next_attempt_at.is_(None)
    )
    count = db.session.scalar(query) or 0
    db.session.rollback()
    return count


@pytest.fixture
def blocked(household, attic, owed, set_clock):
    """It has refused twice, and is believed; all 30 need a person."""
    with attic.bench.answering(401):
        household.drain()
        set_clock.pass_(seconds=6)
        household.drain()
        set_clock.pass_(seconds=6)
        household.drain()
    assert refused_at(attic) is not None
    assert needing_a_person() == MARKS
    return owed


def test_three_seconds_of_it_block_nothing_and_cost_no_attempt(household, attic, owed, set_clock):
    with attic.bench.answering(401):
        household.drain()
        set_clock.pass_(seconds=3)
        household.drain()
    assert (refused_at(attic), needing_a_person()) == (None, 0)
    assert db.session.scalar(select(func.max(QueuedChange.attempt_count))) == 0
    set_clock.pass_(seconds=3)
    household.drain()
    assert watched(attic, owed) == MARKS


def test_what_is_refused_again_some_seconds_later_waits_for_a_person_and_asks_no_more(
    household, attic, blocked, set_clock
):
    with attic.bench.answering(401):
        asked = len(attic.fake.requests)
        set_clock.pass_(hours=9)
        household.drain()
        assert len(attic.fake.requests) == asked


@pytest.mark.parametrize("way", ["row", "all", "now", "test", "command"])
def test_what_a_person_presses_really_asks_and_sends_all_once_it_is_taken(
    household, attic, blocked, client, runner, way
):
    press(attic, client, runner, way)
    household.drain()
    assert (watched(attic, blocked), refused_at(attic)) == (MARKS, None)


@pytest.mark.parametrize("way", ["row", "all", "now"])
def test_one_request_asks_for_all_where_it_is_still_refused(
    household, attic, blocked, client, runner, set_clock, way
):
    with attic.bench.answering(401):
        asked = len(attic.fake.requests)
        press(attic, client, runner, way)
        household.drain()
        assert len(attic.fake.requests) == asked + 1
        set_clock.pass_(seconds=6)
        household.drain()
        assert len(attic.fake.requests) == asked + 1
    assert needing_a_person() == MARKS


def press(attic, client, runner, way: str) -> None:
    row_id = db.session.scalar(select(func.min(QueuedChange.id)))
    db.session.rollback()
    addresses = {"row": f"/queue/{row_id}/retry", "all": "/queue/retry", "now": "/queue/run"}
    if way == "command":
        result = runner.invoke(args=["sources", "test", "Attic"])
        assert result.exit_code == 0, result.output
    else:
        address = addresses.get(way, f"/sources/{attic.source_id}/test")
        assert client.post(address).status_code == 303


def test_sync_queue_with_retry_failed_asks_and_delivers_all_in_one_run(attic, blocked, runner):
    result = runner.invoke(args=["sync-queue", "--retry-failed"])
    assert result.exit_code == 0, result.output
    assert (watched(attic, blocked), refused_at(attic)) == (MARKS, None)


def test_a_pull_that_is_taken_sends_what_waited_by_itself(household, attic, blocked):
    attic.pull()
    household.drain()
    assert (watched(attic, blocked), refused_at(attic)) == (MARKS, None)


@pytest.mark.parametrize("way", ["pull", "test"])
def test_a_refusal_is_noted_whichever_way_it_came(attic, client, set_clock, way):
    attic.fake.tokens.clear()
    for _ in range(2):
        if way == "test":
            client.post(f"/sources/{attic.source_id}/test")
        else:
            with pytest.raises(Exception, match="sign-in"):
                attic.pull()
        set_clock.pass_(seconds=6)
        db.session.rollback()
    assert refused_at(attic) is not None
