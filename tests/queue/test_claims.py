"""Where the due rows of a source begin, and that nothing before that is forgotten."""

from datetime import datetime, timedelta

import pytest

from mydia_web.clock import now
from mydia_web.queue.claims import ScanStart, find_scan_start
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType
from mydia_web.sync.outbound.claiming import Claims
from tests.cast import add_film, add_server


@pytest.fixture
def owe(alice, server, queue):
    """Rows of as many films, due so many seconds ago; their ids."""

    def owe_now(*seconds_ago: int) -> list[int]:
        return [
            _owe_one(alice.id, server.id, now() - timedelta(seconds=seconds))
            for seconds in seconds_ago
        ]

    def _owe_one(user_id: int, source_id: int, due_at: datetime) -> int:
        film = add_film("Film")
        watched = Intent(
            user_id=user_id,
            source_id=source_id,
            content=film.key,
            title_id=film.id,
            change_type=ChangeType.MARK_WATCHED,
            position_ms=0,
            duration_ms=None,
            completed=True,
            at=due_at,
            origin="web",
        )
        return queue.enqueue_change(watched, due_at=due_at)

    return owe_now


def test_the_front_is_the_first_scheduled_row(owe, server):
    first, *_ = owe(30, 20, 10)
    assert find_scan_start(server.id) == ScanStart(now() - timedelta(seconds=30), first)


def test_a_source_that_is_owed_nothing_has_no_front(server, alice, owe):
    owe(30)
    assert find_scan_start(add_server("Other", alice).id) is None


def test_the_front_moves_on_with_what_was_claimed(owe, queue, server):
    _, second, _ = owe(30, 20, 10)
    before = find_scan_start(server.id)
    queue.mark_syncing(server.id, limit=1)
    assert find_scan_start(server.id, before) == ScanStart(now() - timedelta(seconds=20), second)


def test_a_claim_from_the_front_leaves_what_stands_before_it(owe, queue, server):
    _, second, third = owe(30, 20, 10)
    front = ScanStart(now() - timedelta(seconds=20), second)
    assert [row.id for row in queue.mark_syncing(server.id, limit=9, start=front)] == [
        second,
        third,
    ]


def test_of_rows_that_are_due_together_the_ids_tell_the_front(owe, queue, server):
    first, second = owe(30, 30)
    front = ScanStart(now() - timedelta(seconds=30), second)
    assert [row.id for row in queue.mark_syncing(server.id, limit=9, start=front)] == [second]
    assert [row.id for row in queue.mark_syncing(server.id, limit=9)] == [first]


def test_a_row_that_came_before_the_front_goes_out_in_the_same_drain(owe, server, monkeypatch):
    monkeypatch.setattr("mydia_web.sync.outbound.claiming._FIND_EVERY", 0)
    claims = Claims()
    later = owe(20, 10)
    claims.find_starts([server.id])
    [earlier] = owe(30)
    assert [row.id for row in claims.take(server.id, 2)] == later
    assert [row.id for row in claims.take(server.id, 2)] == [earlier]


def test_a_claim_that_comes_up_short_is_filled_from_the_beginning(owe, server, monkeypatch):
    monkeypatch.setattr("mydia_web.sync.outbound.claiming._FIND_EVERY", 0)
    claims = Claims()
    later = owe(20, 10)
    claims.find_starts([server.id])
    [earlier] = owe(30)
    assert {row.id for row in claims.take(server.id, 9)} == {earlier, *later}


def test_rows_of_a_dead_worker_are_rescued_by_the_first_claim_of_a_drain(
    owe, queue, server, set_clock
):
    owe(30)
    queue.mark_syncing(server.id, limit=1)
    set_clock.pass_(minutes=2)
    claims = Claims()
    claims.rescue()
    assert len(claims.take(server.id, 9)) == 1


def test_now_and_then_the_front_is_looked_for_from_the_very_beginning(owe, server, monkeypatch):
    monkeypatch.setattr("mydia_web.sync.outbound.claiming._FIND_EVERY", 0)
    claims = Claims()
    owe(20, 10)
    claims.find_starts([server.id])
    [earlier] = owe(30)
    monkeypatch.setattr("mydia_web.sync.outbound.claiming._BEGIN_ANEW_EVERY", -1)
    claims.find_starts([server.id])
    assert [row.id for row in claims.take(server.id, 1)] == [earlier]
