"""The outbox: what folds into what, who may claim, which acknowledgement counts."""

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import LEASE, MAX_ERROR
from tests.cast import add_server


def registers(row: QueuedChange) -> tuple[str, bool | None, int | None]:
    return (row.change_type, row.completed, row.position_ms)


def count_rows() -> int:
    return db.session.scalar(select(func.count()).select_from(QueuedChange)) or 0


# What folds into what


def test_a_thousand_positions_are_one_row_with_the_last(enqueue, row):
    for second in range(1000):
        enqueue("progress_update", position_ms=second * 1000)
    assert registers(row()) == ("progress_update", None, 999_000)
    assert row().intent_seq == 1000


@pytest.mark.parametrize(
    ("first", "second", "registers_after"),
    [
        (("progress_update", 5000), ("mark_watched", 0), ("mark_watched", True, 0)),
        (("progress_update", 5000), ("mark_unwatched", 0), ("mark_unwatched", False, 0)),
        (("mark_watched", 0), ("mark_unwatched", 0), ("mark_unwatched", False, 0)),
        (("mark_unwatched", 0), ("mark_watched", 0), ("mark_watched", True, 0)),
        (("mark_watched", 0), ("progress_update", 7000), ("mark_watched", True, 7000)),
        (("mark_unwatched", 0), ("progress_update", 7000), ("mark_unwatched", False, 7000)),
        (("progress_update", 5000), ("progress_update", 0), ("progress_update", None, 0)),
    ],
)
def test_a_newer_change_folds_into_the_one_still_owed(enqueue, row, first, second, registers_after):
    for change_type, position_ms in (first, second):
        enqueue(change_type, position_ms=position_ms)
    assert registers(row()) == registers_after


def test_a_position_after_a_delivered_mark_leaves_the_mark_alone(enqueue, queue, server, row):
    enqueue("mark_watched")
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_synced(claimed.id, claimed.claim_token)
    enqueue("progress_update", position_ms=7000)
    assert registers(row()) == ("progress_update", None, 7000)


def test_episodes_and_films_and_sources_have_rows_of_their_own(enqueue, pilot, alice):
    other = add_server("Plex", alice)
    enqueue()
    enqueue(episode=pilot)
    enqueue(source=other)
    assert count_rows() == 3


@pytest.mark.parametrize(
    ("change_type", "position_ms"), [("progress_update", None), ("progress_update", -1)]
)
def test_a_position_that_cannot_be_is_refused(enqueue, change_type, position_ms):
    with pytest.raises(InvalidValue):
        enqueue(change_type, position_ms=position_ms)
    assert count_rows() == 0


# When it is due


def test_positions_do_not_put_off_their_own_delivery(enqueue, row, set_clock):
    due_at = now() + timedelta(seconds=5)
    enqueue("progress_update", due_at=due_at)
    set_clock.pass_(seconds=4)
    enqueue("progress_update", due_at=now() + timedelta(seconds=5))
    assert row().next_attempt_at == due_at


def test_a_click_after_a_click_begins_the_undo_window_again(enqueue, row, set_clock):
    enqueue("mark_watched", due_at=now() + timedelta(seconds=10))
    set_clock.pass_(seconds=6)
    later = now() + timedelta(seconds=10)
    enqueue("mark_unwatched", due_at=later)
    assert row().next_attempt_at == later


def test_a_position_leaves_a_row_in_its_pause_and_a_mark_brings_it_forward(
    enqueue, queue, server, row
):
    enqueue("progress_update", position_ms=1000)
    [claimed] = queue.mark_syncing(server.id, limit=1)
    retry_at = now() + timedelta(minutes=8)
    queue.mark_failed(claimed.id, claimed.claim_token, "down", "transient", retry_at=retry_at)
    enqueue("progress_update", position_ms=2000)
    assert (row().status, row().next_attempt_at, row().position_ms) == ("failed", retry_at, 2000)
    enqueue("mark_watched")
    assert (row().status, row().next_attempt_at, row().attempt_count) == ("pending", now(), 0)


def test_a_new_change_revives_a_row_that_waited_for_a_person(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_failed(claimed.id, claimed.claim_token, "no such film", "unmatched", retry_at=None)
    enqueue("progress_update", position_ms=1000)
    assert (row().status, row().error_class) == ("pending", None)


def test_hurrying_ends_the_undo_window_and_pauses_after_an_outage_only(enqueue, queue, server, row):
    enqueue(due_at=now() + timedelta(seconds=10))
    assert queue.hurry([server.id]) == 1
    assert row().next_attempt_at == now()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_failed(
        claimed.id, claimed.claim_token, "a bug", "bug", retry_at=now() + timedelta(hours=1)
    )
    assert queue.hurry([server.id]) == 0


# Who may claim


def test_a_claim_takes_what_is_due_the_longest_first(enqueue, queue, server, pilot):
    film_row = enqueue(due_at=now() - timedelta(seconds=5))
    pilot_row = enqueue(due_at=now() - timedelta(seconds=9), episode=pilot)
    assert [one.id for one in queue.get_pending()] == [pilot_row, film_row]
    [first] = queue.mark_syncing(server.id, limit=1)
    assert (first.id, first.status, first.attempt_count) == (pilot_row, "syncing", 1)
    assert first.lease_until == now() + LEASE


def test_what_is_claimed_or_not_due_or_owed_to_another_is_not_claimed(
    enqueue, queue, server, pilot, alice
):
    other = add_server("Plex", alice)
    enqueue()
    enqueue(episode=pilot, due_at=now() + timedelta(seconds=1))
    enqueue(source=other)
    assert len(queue.mark_syncing(server.id, limit=10)) == 1
    assert queue.mark_syncing(server.id, limit=10) == []
    assert len(queue.mark_syncing(other.id, limit=10)) == 1


def test_a_dead_workers_row_is_rescued_when_its_lease_ends_and_not_before(
    enqueue, queue, server, row, set_clock
):
    enqueue()
    queue.mark_syncing(server.id, limit=1)
    set_clock.pass_(seconds=LEASE.total_seconds())
    assert queue.rescue() == 0
    set_clock.pass_(seconds=1)
    assert queue.count_in_flight(server.id) == 0
    assert queue.rescue() == 1
    assert (row().status, row().attempt_count) == ("pending", 1)


# Which acknowledgement counts


def test_delivered_is_synced_with_its_attempts_forgotten(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    assert queue.mark_synced(claimed.id, claimed.claim_token)
    assert (row().status, row().synced_seq, row().attempt_count) == ("synced", 1, 0)
    assert row().next_attempt_at is None


def test_a_change_made_meanwhile_keeps_the_row_owed(enqueue, queue, server, row):
    enqueue("mark_watched")
    [claimed] = queue.mark_syncing(server.id, limit=1)
    token = claimed.claim_token
    enqueue("mark_unwatched")
    assert row().status == "syncing"
    queue.mark_synced(claimed.id, token)
    assert (row().status, row().synced_seq, row().intent_seq, row().completed) == (
        "pending",
        1,
        2,
        False,
    )


def test_a_change_made_meanwhile_also_keeps_a_refused_row_owed(enqueue, queue, server, row):
    enqueue("mark_watched")
    [claimed] = queue.mark_syncing(server.id, limit=1)
    token = claimed.claim_token
    enqueue("mark_unwatched")
    queue.mark_failed(claimed.id, token, "refused", "invalid", retry_at=None)
    assert (row().status, row().next_attempt_at) == ("pending", now())


@pytest.mark.parametrize("acknowledge", ["mark_synced", "mark_failed", "release"])
def test_a_lost_claim_changes_nothing(enqueue, queue, server, row, set_clock, acknowledge):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    stale = claimed.claim_token
    set_clock.pass_(minutes=2)
    queue.rescue()
    [again] = queue.mark_syncing(server.id, limit=1)
    assert again.claim_token != stale
    calls = {
        "mark_synced": lambda: queue.mark_synced(claimed.id, stale),
        "mark_failed": lambda: queue.mark_failed(
            claimed.id, stale, "late", "transient", retry_at=now()
        ),
        "release": lambda: queue.release(claimed.id, stale),
    }
    assert not calls[acknowledge]()
    assert (row().status, row().error_message) == ("syncing", None)


def test_healing_sends_what_is_wanted_once_more(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_synced(claimed.id, claimed.claim_token)
    queue.heal(claimed.id, now())
    assert (row().status, row().intent_seq, row().next_attempt_at) == ("pending", 2, now())


def test_healing_a_row_in_flight_leaves_its_claim_and_its_newer_intent_makes_it_due(
    enqueue, queue, server, row
):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    token = claimed.claim_token
    queue.heal(claimed.id, now())
    assert (row().status, row().claim_token) == ("syncing", token)
    queue.mark_synced(claimed.id, token)
    assert row().status == "pending"


def test_a_released_row_is_due_again_as_if_it_had_not_been_tried(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.release(claimed.id, claimed.claim_token)
    assert (row().status, row().attempt_count, row().next_attempt_at) == ("pending", 0, now())


# What failed


def test_a_failed_row_that_waits_is_retryable_when_due(enqueue, queue, server, set_clock):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_failed(
        claimed.id, claimed.claim_token, "down", "transient", retry_at=now() + timedelta(seconds=15)
    )
    assert queue.get_failed_retryable() == []
    set_clock.pass_(seconds=15)
    assert [one.id for one in queue.get_failed_retryable()] == [claimed.id]


def test_an_endless_error_message_is_cut(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_failed(claimed.id, claimed.claim_token, "x" * 10_000_000, "invalid", retry_at=None)
    assert len(row().error_message) == MAX_ERROR


def test_retrying_makes_failed_rows_due_with_their_attempts_forgotten(enqueue, queue, server, row):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_failed(claimed.id, claimed.claim_token, "no such film", "unmatched", retry_at=None)
    assert queue.retry_sources([server.id]) == 1
    assert (row().status, row().attempt_count, row().next_attempt_at) == ("pending", 0, now())


def test_cancelling_spares_what_is_in_flight(enqueue, queue, server, pilot):
    in_flight = enqueue()
    queue.mark_syncing(server.id, limit=1)
    waiting = enqueue(episode=pilot)
    assert not queue.cancel_row(in_flight)
    assert queue.cancel_row(waiting)
    assert count_rows() == 1


def test_pruning_drops_old_delivered_rows_only(enqueue, queue, server, pilot, set_clock):
    enqueue()
    [claimed] = queue.mark_syncing(server.id, limit=1)
    queue.mark_synced(claimed.id, claimed.claim_token)
    enqueue(episode=pilot)
    set_clock.pass_(days=31)
    assert queue.prune(now() - timedelta(days=30)) == 1
    assert count_rows() == 1
