"""Services that store every play: one that is still owed is not lost to the next, and none outlives
an unwatching.
"""

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.plays import unwatched_since
from mydia_web.sync.outbound.delivery import wanted

MONDAY = datetime(2026, 11, 16, 20, 30, tzinfo=UTC)
FRIDAY = datetime(2026, 11, 20, 21, 15, tzinfo=UTC)


@pytest.fixture
def watch(enqueue):
    """Mark Sintel watched on a service that counts plays."""
    return lambda at, **more: enqueue(at=at, counts_plays=True, **more)


def rows() -> dict[str, QueuedChange]:
    """By the key of their play."""
    query = select(QueuedChange).order_by(QueuedChange.id).execution_options(populate_existing=True)
    return {row.play_key: row for row in db.session.scalars(query)}


def test_a_film_seen_twice_during_an_outage_was_seen_twice(watch):
    watch(MONDAY)
    watch(FRIDAY)
    state, play = rows()[""], rows()["2026-11-16T20:30:00Z"]
    assert (state.watched_at, play.watched_at) == (FRIDAY, MONDAY)
    assert (wanted(state).is_past_play, wanted(play).is_past_play) == (False, True)
    assert wanted(play).watched_at == MONDAY


def test_a_play_is_owed_once_however_often_it_is_told(watch):
    for at in (MONDAY, FRIDAY, MONDAY, FRIDAY, FRIDAY):
        watch(at)
    assert set(rows()) == {"", "2026-11-16T20:30:00Z", "2026-11-20T21:15:00Z"}


def test_a_play_that_was_delivered_needs_no_row_of_its_own(watch, queue, server):
    row_id = watch(MONDAY)
    [claimed] = queue.mark_syncing(server.id, limit=1)
    assert queue.mark_synced(row_id, claimed.claim_token)
    watch(FRIDAY)
    assert set(rows()) == {""}


def test_a_play_in_flight_is_kept_until_its_delivery_is_known(watch, queue, server):
    watch(MONDAY)
    queue.mark_syncing(server.id, limit=1)
    watch(FRIDAY)
    assert set(rows()) == {"", "2026-11-16T20:30:00Z"}


def test_where_plays_are_not_counted_the_newer_mark_replaces_the_older(enqueue):
    enqueue(at=MONDAY)
    enqueue(at=FRIDAY)
    assert set(rows()) == {""}


def test_a_mark_without_a_date_is_no_event_of_its_own(watch):
    watch(UNKNOWN_TIME)
    watch(FRIDAY)
    assert set(rows()) == {""}


def test_progress_after_a_mark_keeps_the_time_of_the_play(watch, enqueue):
    watch(MONDAY)
    enqueue("progress_update", position_ms=60_000, at=FRIDAY, counts_plays=True)
    [row] = rows().values()
    assert (row.watched_at, row.intent_at) == (MONDAY, FRIDAY)
    assert wanted(row).watched_at == MONDAY


def test_unwatching_drops_the_plays_that_were_not_sent(watch, enqueue):
    watch(MONDAY)
    watch(FRIDAY)
    enqueue("mark_unwatched", counts_plays=True)
    [row] = rows().values()
    assert (row.play_key, row.completed, row.watched_at) == ("", False, None)


def test_a_play_on_its_way_while_the_title_is_unwatched_is_noticed(watch, enqueue, queue, server):
    watch(MONDAY)
    watch(FRIDAY)
    queue.mark_syncing(server.id, limit=2)
    play, state = rows()["2026-11-16T20:30:00Z"], rows()[""]
    assert unwatched_since(play.id) is None
    enqueue("mark_unwatched", counts_plays=True)
    assert unwatched_since(play.id) == state.id
    assert unwatched_since(state.id) is None


def test_a_play_of_one_user_is_not_that_of_another(watch, enqueue, bob):
    watch(MONDAY)
    enqueue("mark_unwatched", counts_plays=True, user=bob)
    assert {(row.user_id == bob.id, row.completed) for row in all_rows()} == {
        (False, True),
        (True, False),
    }


def all_rows() -> list[QueuedChange]:
    return list(db.session.scalars(select(QueuedChange)))
