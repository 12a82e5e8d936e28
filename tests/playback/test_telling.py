"""Which servers hear of a change, and what."""

from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.acts import Act
from mydia_web.queue.repository import PlaybackSyncRepository
from tests.cast import add_copy, add_server


def news(alice, server) -> Act:
    return Act(alice.id, "pull", source_id=server.id)


def test_a_server_is_not_told_its_own_news_but_the_others_are(alice, film, server, queue):
    other = add_server("Bedroom", alice)
    add_copy(other, film)
    with news(alice, server) as act:
        act.mark_watched(film)
    assert [row.source_id for row in queue()] == [other.id]


def test_what_a_server_was_still_owed_does_not_undo_its_later_news(alice, film, server, queue):
    mark_watched(alice.id, film)
    mark_unwatched(alice.id, film)
    with news(alice, server) as act:
        act.mark_watched(film)
    [row] = queue()
    assert (row.status, row.completed) == ("pending", True)


def test_what_is_on_its_way_to_a_server_is_followed_by_its_later_news(alice, film, server, queue):
    repository = PlaybackSyncRepository()
    mark_watched(alice.id, film)
    [push] = repository.mark_syncing(server.id, limit=1)
    token = push.claim_token
    with news(alice, server) as act:
        act.mark_unwatched(film)
    repository.mark_synced(push.id, token)
    [row] = queue()
    assert (row.status, row.completed) == ("pending", False)


def test_what_a_server_has_taken_is_not_told_again_with_its_news(
    alice, film, server, queue, deliver
):
    mark_watched(alice.id, film)
    deliver(server)
    with news(alice, server) as act:
        act.mark_unwatched(film)
    [row] = queue()
    assert row.status == "synced"


def test_a_false_start_and_a_leap_to_the_end_leave_no_position_on_a_server(
    alice, film, server, queue
):
    mark_watched(alice.id, film)
    save_progress(alice.id, film, position_seconds=10, duration_seconds=900)
    save_progress(alice.id, film, position_seconds=890, duration_seconds=900)
    [row] = queue()
    assert (row.completed, row.position_ms) == (True, 0)
    assert not get_progress(alice.id, film).in_progress


def test_only_users_with_an_account_are_told_of(alice, bob, film, server, queue):
    mark_watched(bob.id, film)
    assert queue() == []


def test_a_server_that_is_switched_off_is_owed_nothing(alice, film, server, queue):
    server.enabled = False
    mark_watched(alice.id, film)
    assert queue() == []
