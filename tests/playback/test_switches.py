"""What an admin has switched off for a source is told to it by nothing, whatever there is to
tell.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import func, select

from mydia_web.backends.values import RemoteState
from mydia_web.db import begin_write, db
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.acts import Act
from mydia_web.playback.models import ChangeSet
from mydia_web.playback.outbox import enqueue_difference
from mydia_web.playback.progress import adopt_remote_state
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.states import ShownState, keep_states
from mydia_web.sync.outbound.delivery import Outcome, prepare
from mydia_web.sync.outbound.settle import settle
from tests.cast import add_copy, add_server

STATES: dict[str, Callable[[int, Any], object]] = {
    "watched": lambda user_id, film: mark_watched(user_id, film),
    "begun": lambda user_id, film: save_progress(
        user_id, film, position_seconds=300, duration_seconds=900
    ),
    "watched and begun": lambda user_id, film: (
        mark_watched(user_id, film),
        save_progress(user_id, film, position_seconds=300, duration_seconds=900),
    ),
    "unwatched": lambda user_id, film: (mark_watched(user_id, film), mark_unwatched(user_id, film)),
}
CHANGES = {"mark": mark_watched, "unmark": mark_unwatched}


@pytest.fixture(params=[(False, True), (True, False), (False, False), (True, True)], ids=str)
def source(request: pytest.FixtureRequest, alice, film) -> Iterator[Any]:
    """A server that is told marks or not, and positions or not; nothing else was ever queued for
    it.
    """
    watched, positions = request.param
    server = add_server("There", alice)
    add_copy(server, film)
    server.tells_watched, server.tells_positions = watched, positions
    db.session.commit()
    yield server
    for row in db.session.query(QueuedChange).filter_by(source_id=server.id):
        if not watched:
            assert (row.change_type, row.completed) == ("progress_update", None)
        if not positions:
            assert not row.position_ms


@pytest.mark.parametrize("state", STATES)
def test_a_click_tells_what_is_on(source, alice, film, state):
    STATES[state](alice.id, film)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("state", STATES)
def test_an_undo_tells_what_is_on(source, alice, film, deliver, state, change):
    STATES[state](alice.id, film)
    deliver(source)
    CHANGES[change](alice.id, film)
    deliver(source)
    undo(db.session.scalar(select(func.max(ChangeSet.id))))


@pytest.mark.parametrize("state", STATES)
def test_a_source_that_is_apart_is_told_what_is_on(source, alice, film, state):
    STATES[state](alice.id, film)
    enqueue_difference(Act(alice.id, "pull"), film, source.id, overrules=True)
    enqueue_difference(Act(alice.id, "pull"), film, source.id)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize(
    "shown",
    [
        RemoteState(watched=True),
        RemoteState(watched=True, position_ms=500_000),
        RemoteState(watched=False),
    ],
)
def test_use_this_one_everywhere_tells_what_is_on(source, alice, film, state, shown):
    STATES[state](alice.id, film)
    other = add_server("Other", alice)
    copy = add_copy(other, film)
    keep_states(
        [ShownState(account_id=accounts_of(other.id)[0].id, source_item_id=copy.id, state=shown)]
    )
    adopt_remote_state(alice.id, film, copy.id)


@pytest.mark.parametrize("state", STATES)
def test_a_push_that_came_too_late_is_mended_by_what_is_on(source, alice, film, set_clock, state):
    """Its claim was lost: it may have overtaken a newer one, so that the whole state goes out
    again.
    """
    save_progress(alice.id, film, position_seconds=200, duration_seconds=900)
    db.session.commit()
    set_clock.pass_(minutes=1)
    begin_write()
    late = prepare(PlaybackSyncRepository().mark_syncing(source.id, limit=1))
    set_clock.pass_(minutes=5)
    PlaybackSyncRepository().rescue()
    STATES[state](alice.id, film)
    settle([Outcome(delivery=one, seconds=1.0) for one in late])


def test_an_act_changes_its_own_person(alice, bob, film):
    with Act(alice.id, "web") as act:
        act.save_progress(film, position_seconds=100, duration_seconds=900)
        act.mark_watched(film)
    assert get_progress(alice.id, film).watched
    assert get_progress(bob.id, film) is None
