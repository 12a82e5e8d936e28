"""Before a push writes it looks for news, but takes nothing for news that may be its own."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends.precondition import RemoteChanged, check_unchanged
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_watched, save_progress
from mydia_web.queue.repository import LEASE, PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.states import ShownState, keep_states
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome, RemoteNews, prepare
from mydia_web.sync.outbound.settle import settle
from tests.cast import add_copy, add_server

SHOWN = RemoteState(watched=False, position_ms=60_000)


@pytest.fixture
def claim(alice: User, film: MediaItem) -> Callable[[], Delivery]:
    """Claims what is owed to a server of which it is known what it shows."""
    server: Source = add_server("Living room", alice)
    copy = add_copy(server, film)
    account = db.session.scalar(select(SourceAccount).where(SourceAccount.source_id == server.id))
    assert account
    keep_states([ShownState(account_id=account.id, source_item_id=copy.id, state=SHOWN)])
    db.session.commit()

    def claimed() -> Delivery:
        begin_write()
        [delivery] = prepare(PlaybackSyncRepository().mark_syncing(server.id, limit=1))
        db.session.commit()
        return delivery

    return claimed


def target(delivery: Delivery) -> Target:
    [(_, target)] = delivery.targets
    return target


def unconfirmed(delivery: Delivery) -> Sequence[datetime]:
    return target(delivery).unconfirmed


def mark(alice: User, film: MediaItem) -> datetime:
    """When it was marked."""
    begin_write()
    mark_watched(alice.id, film)
    db.session.commit()
    return now()


def test_the_first_try_expects_what_was_last_shown(claim, alice, film):
    mark(alice, film)
    assert (target(delivery := claim()).shown, unconfirmed(delivery)) == (SHOWN, ())


def test_several_changes_that_never_went_out_are_a_first_try_too(claim, alice, film):
    mark(alice, film)
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    db.session.commit()
    assert unconfirmed(claim()) == ()


def test_what_may_have_arrived_is_known_by_its_date_whatever_was_changed_since(
    claim, alice, film, set_clock
):
    at = mark(alice, film)
    first = claim()
    set_clock.pass_(minutes=1)
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    PlaybackSyncRepository().mark_failed(first.row_id, first.claim_token, "", "bug", retry_at=now())
    db.session.commit()
    assert unconfirmed(claim()) == (at,)


def test_what_a_dead_worker_had_claimed_may_have_arrived(claim, alice, film, set_clock):
    at = mark(alice, film)
    claim()
    set_clock.pass_(seconds=LEASE.total_seconds() + 1)
    assert PlaybackSyncRepository().rescue() == 1
    db.session.commit()
    assert unconfirmed(claim()) == (at,)


def test_what_was_not_written_has_not_arrived(claim, alice, film):
    mark(alice, film)
    first = claim()
    PlaybackSyncRepository().mark_failed(
        first.row_id, first.claim_token, "", "transient", retry_at=now(), may_have_arrived=False
    )
    db.session.commit()
    second = claim()
    PlaybackSyncRepository().release(second.row_id, second.claim_token)
    db.session.commit()
    assert unconfirmed(claim()) == ()


def test_once_the_server_has_taken_it_nothing_is_unconfirmed(claim, alice, film, set_clock):
    mark(alice, film)
    first = claim()
    PlaybackSyncRepository().mark_failed(first.row_id, first.claim_token, "", "bug", retry_at=now())
    db.session.commit()
    second = claim()
    PlaybackSyncRepository().mark_synced(second.row_id, second.claim_token)
    db.session.commit()
    set_clock.pass_(minutes=1)
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    db.session.commit()
    assert unconfirmed(claim()) == ()


def test_a_late_answer_of_a_lost_claim_is_remembered_with_its_date(claim, alice, film, set_clock):
    at = mark(alice, film)
    first = claim()
    PlaybackSyncRepository().mark_synced(first.row_id, first.claim_token)
    PlaybackSyncRepository().heal(first.row_id, at)
    db.session.commit()
    assert unconfirmed(claim()) == (at,)


def test_what_a_push_saw_before_another_one_wrote_is_no_news(claim, alice, film, set_clock):
    """Its worker was held up for long, its claim was lost, and the server has taken what is wanted
    since.
    """
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    db.session.commit()
    late, seen_at = claim(), now()
    set_clock.pass_(seconds=LEASE.total_seconds() + 1)
    PlaybackSyncRepository().rescue()
    db.session.commit()
    pushed = claim()
    [(item_id, _)] = pushed.targets
    state = RemoteState(watched=False, position_ms=300_000)
    settle([Outcome(delivery=pushed, states=((item_id, state),), asked_at=now())])
    db.session.commit()
    set_clock.pass_(seconds=5)
    found = Failure(
        failure_class="overtaken",
        message="It was changed there.",
        news=RemoteNews(item_id, RemoteState(watched=False, position_ms=200_000), None),
    )
    settle([Outcome(delivery=late, failure=found, asked_at=seen_at)])
    db.session.commit()
    progress = get_progress(alice.id, film)
    assert progress
    assert progress.position_seconds == 300


FILM = Target(remote_id="1", kind="movie", shown=SHOWN)
POSITION = Wanted(change_type="progress_update", at=now(), position_ms=300_000)
MARK = Wanted(change_type="mark_watched", at=now())
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("wanted", "found", "is_news"),
    [
        (MARK, SHOWN, False),
        (MARK, RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=now()), False),
        (
            MARK,
            RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=now() + HOUR),
            True,
        ),
        # Nobody knows whose it is.
        (MARK, RemoteState(watched=False, position_ms=0), False),
        (
            POSITION,
            RemoteState(watched=False, position_ms=300_000, play_count=0, last_played_at=now()),
            False,
        ),
        (
            POSITION,
            RemoteState(
                watched=False, position_ms=500_000, play_count=0, last_played_at=now() + HOUR
            ),
            True,
        ),
        # Of a mark that is not owed any more the server has told that it took it.
        (POSITION, RemoteState(watched=True, position_ms=0, play_count=1), True),
    ],
)
def test_after_a_push_that_may_have_arrived_its_state_is_no_news(wanted, found, is_news):
    pushed = replace(FILM, unconfirmed=(wanted.at,))
    if is_news:
        with pytest.raises(RemoteChanged):
            check_unchanged(pushed, wanted, found)
    else:
        check_unchanged(pushed, wanted, found)


def test_where_the_server_dates_what_it_takes_a_date_tells_nothing():
    check_unchanged(
        replace(FILM, unconfirmed=(MARK.at,)),
        MARK,
        RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=MARK.at + HOUR),
        accepts_watched_at=False,
    )
