"""StateApplier a change back: what we show, and what servers hear of it."""

from datetime import timedelta, timezone

import pytest
from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.continue_watching import dismiss
from mydia_web.playback.models import ChangeSet, Play, PlaybackProgress
from mydia_web.queue.intents import SCHEDULE_COLUMNS, STATE_COLUMNS
from mydia_web.queue.models import ChangeType
from mydia_web.queue.repository import PlaybackSyncRepository
from tests.cast import add_copy, add_server


def newest() -> int:
    return db.session.scalar(select(func.max(ChangeSet.id)))


def count(table: type) -> int:
    return db.session.scalar(select(func.count()).select_from(table))


def test_within_the_window_no_server_ever_hears(alice, film, server, queue):
    mark_watched(alice.id, film)
    assert len(queue()) == 1
    assert undo(newest(), alice.id).contents == (film,)
    assert queue() == []
    assert get_progress(alice.id, film) is None
    assert count(Play) == 0


def test_what_a_server_has_taken_is_taken_back_there(alice, film, server, queue, deliver):
    mark_watched(alice.id, film)
    deliver(server)
    undo(newest())
    [row] = queue()
    assert (row.status, row.change_type, row.completed) == (
        "pending",
        ChangeType.MARK_UNWATCHED,
        False,
    )


def test_a_server_is_told_the_position_that_comes_back(alice, film, server, queue, deliver):
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    mark_watched(alice.id, film)
    deliver(server)
    undo(newest())
    [row] = queue()
    assert (row.completed, row.position_ms) == (False, 300_000)
    assert get_progress(alice.id, film).in_progress


def test_a_server_is_not_told_to_resume_at_the_end(alice, film, server, queue, deliver):
    save_progress(alice.id, film, position_seconds=890, duration_seconds=900)
    deliver(server)
    mark_unwatched(alice.id, film)
    deliver(server)
    undo(newest())
    [row] = queue()
    assert (row.completed, row.position_ms) == (True, 0)


def test_a_mark_on_its_way_is_taken_back(alice, film, server, queue):
    repository = PlaybackSyncRepository()
    mark_watched(alice.id, film)
    [push] = repository.mark_syncing(server.id, limit=1)
    token = push.claim_token
    undo(newest())
    assert repository.mark_synced(push.id, token)
    [row] = queue()
    assert (row.status, row.completed) == ("pending", False)


def test_a_mark_that_may_have_arrived_is_taken_back_whatever_was_retried(
    alice, film, server, queue, set_clock
):
    repository = PlaybackSyncRepository()
    mark_watched(alice.id, film)
    set_clock.pass_(minutes=1)
    [push] = repository.mark_syncing(server.id, limit=1)
    repository.mark_failed(push.id, push.claim_token, "No answer.", "transient", retry_at=now())
    repository.retry_row(push.id)
    undo(newest())
    [row] = queue()
    assert (row.status, row.completed) == ("pending", False)


def owed(queue) -> list[tuple]:
    names = (*STATE_COLUMNS, *SCHEDULE_COLUMNS)
    return [tuple(getattr(row, name) for name in names) for row in queue()]


def stop_at(alice, film, seconds) -> None:
    save_progress(alice.id, film, position_seconds=seconds, duration_seconds=900)
    db.session.commit()


def fail(server, *, may_have_arrived=False) -> None:
    """Try to deliver, to a server that is down."""
    repository = PlaybackSyncRepository()
    for row in repository.mark_syncing(server.id, limit=10):
        again_at = now() + timedelta(minutes=5)
        repository.mark_failed(
            row.id,
            row.claim_token,
            "down",
            "transient",
            retry_at=again_at,
            may_have_arrived=may_have_arrived,
        )
    db.session.commit()


@pytest.mark.parametrize("change", [mark_watched, mark_unwatched])
@pytest.mark.parametrize("is_rewatch", [True, False])
@pytest.mark.parametrize("is_tried", [True, False])
@pytest.mark.parametrize("kind", ["kodi", "trakt"])
def test_what_was_owed_before_is_owed_again_as_it_was(
    alice, film, queue, set_clock, deliver, change, is_rewatch, is_tried, kind
):
    server = add_server("There", alice, kind=kind)
    add_copy(server, film)
    if is_rewatch:
        mark_watched(alice.id, film)
        deliver(server)
        set_clock.pass_(hours=3)
    stop_at(alice, film, 300)
    set_clock.pass_(minutes=1)
    if is_tried:
        fail(server)
        set_clock.pass_(seconds=1)
    before = owed(queue)
    change(alice.id, film)
    db.session.commit()
    set_clock.pass_(seconds=5)
    undo(newest())
    assert owed(queue) == before


def test_an_owed_play_is_owed_once_again(alice, film, queue, set_clock):
    """A service that stores plays is owed one, and the next mark gives that a row of its own."""
    add_copy(add_server("Trakt", alice, kind="trakt"), film)
    mark_watched(alice.id, film)
    set_clock.pass_(hours=3)
    before = owed(queue)
    mark_watched(alice.id, film, again=True)
    assert len(queue()) == 2
    undo(newest())
    assert owed(queue) == before


@pytest.mark.parametrize("may_have_arrived", [True, False])
def test_a_server_that_cannot_have_heard_of_a_mark_is_not_told_to_take_it_away(
    alice, film, server, queue, set_clock, may_have_arrived
):
    """Also after the time in which nothing goes out: a server that is down takes nothing."""
    stop_at(alice, film, 300)
    set_clock.pass_(minutes=1)
    mark_watched(alice.id, film)
    set_clock.pass_(minutes=1)
    fail(server, may_have_arrived=may_have_arrived)
    set_clock.pass_(minutes=1)
    undo(newest())
    [row] = queue()
    kind = ChangeType.MARK_UNWATCHED if may_have_arrived else ChangeType.PROGRESS_UPDATE
    assert (row.change_type, row.position_ms) == (kind, 300_000)


def test_what_is_on_its_way_stays_on_its_way(alice, film, server, queue, set_clock):
    """The position that was sent before the click arrives, and nothing else is owed."""
    stop_at(alice, film, 300)
    set_clock.pass_(minutes=1)
    [push] = PlaybackSyncRepository().mark_syncing(server.id, limit=1)
    token = push.claim_token
    before = owed(queue)
    set_clock.pass_(seconds=1)
    mark_watched(alice.id, film)
    undo(newest())
    assert owed(queue) == before
    assert PlaybackSyncRepository().mark_synced(push.id, token)
    [row] = queue()
    assert row.status == "synced"


def test_what_arrives_between_a_click_and_its_undo_is_not_owed_again(
    alice, film, server, queue, set_clock
):
    stop_at(alice, film, 300)
    set_clock.pass_(minutes=1)
    [push] = PlaybackSyncRepository().mark_syncing(server.id, limit=1)
    set_clock.pass_(seconds=1)
    mark_watched(alice.id, film)
    assert PlaybackSyncRepository().mark_synced(push.id, push.claim_token)
    undo(newest())
    assert queue() == []


def test_what_was_changed_again_since_is_kept(alice, film):
    mark_watched(alice.id, film)
    mark = newest()
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    undone = undo(mark)
    assert (undone.contents, undone.kept) == ((), 1)
    assert get_progress(alice.id, film).position_seconds == 300
    assert count(Play) == 1


def test_changes_are_taken_back_one_by_one(alice, film):
    mark_watched(alice.id, film)
    mark = newest()
    mark_unwatched(alice.id, film)
    undo(newest())
    assert get_progress(alice.id, film).watched
    undo(mark)
    assert get_progress(alice.id, film) is None


def test_a_second_undo_does_nothing(alice, film, server, queue):
    mark_watched(alice.id, film)
    mark = newest()
    undo(mark)
    mark_watched(alice.id, film)
    again = undo(mark)
    assert (again.contents, again.kept) == ((), 0)
    assert get_progress(alice.id, film).watched
    assert len(queue()) == 1


def test_a_change_set_of_another_user_is_not_found(alice, bob, film):
    mark_watched(alice.id, film)
    with pytest.raises(NotFound):
        undo(newest(), bob.id)
    assert get_progress(alice.id, film).watched


def test_a_change_set_that_is_not_there_is_not_found(alice):
    with pytest.raises(NotFound):
        undo(12345, alice.id)


def test_a_season_is_taken_back_at_once(alice, cast, show, server, queue):
    mark_watched(alice.id, cast.episode(1, 2))
    with Act(alice.id, "web") as act:
        act.mark_show_watched(show, season=1)
    assert len(undo(act.change_set_id).contents) == 2
    assert get_progress(alice.id, cast.episode(1, 1)) is None
    assert get_progress(alice.id, cast.episode(1, 2)).watched
    assert [row.episode_id for row in queue()] == [cast.episode(1, 2).id]
    assert count(Play) == 1


def test_of_a_season_only_what_was_changed_since_is_kept(alice, cast, show):
    with Act(alice.id, "web") as act:
        act.mark_show_watched(show, season=1)
    save_progress(alice.id, cast.episode(1, 3), position_seconds=600, duration_seconds=1500)
    undone = undo(act.change_set_id)
    assert (len(undone.contents), undone.kept) == (2, 1)
    assert get_progress(alice.id, cast.episode(1, 3)).watched


def test_only_the_play_of_the_change_is_taken_back(alice, film, set_clock):
    mark_watched(alice.id, film)
    first = db.session.scalar(select(Play.id))
    set_clock.pass_(days=1)
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    save_progress(alice.id, film, position_seconds=890, duration_seconds=900)
    undo(newest())
    assert db.session.scalars(select(Play.id)).all() == [first]
    progress = get_progress(alice.id, film)
    assert (progress.watched, progress.position_seconds, progress.in_progress) == (True, 300, True)


def test_unmarking_taken_back_brings_the_record_back_as_it_was(alice, film):
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    dismiss(alice.id, film)
    at = get_progress(alice.id, film).last_watched_at
    mark_unwatched(alice.id, film)
    undo(newest())
    progress = get_progress(alice.id, film)
    assert (progress.position_seconds, progress.last_watched_at) == (300, at)
    assert progress.dismissed_at is not None


def test_a_time_given_in_another_zone_does_not_look_like_a_later_change(alice, film):
    mark_watched(alice.id, film, at=now().astimezone(timezone(timedelta(hours=2))))
    db.session.commit()
    assert undo(newest()).contents == (film,)
    assert count(PlaybackProgress) == 0


def test_news_of_a_server_taken_back_are_told_to_that_server(alice, film, server, queue):
    with Act(alice.id, "pull", source_id=server.id) as act:
        act.mark_watched(film)
    assert queue() == []
    undo(act.change_set_id)
    [row] = queue()
    assert (row.source_id, row.completed) == (server.id, False)
