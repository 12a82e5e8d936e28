"""Before a push writes it looks for news, but takes nothing for news that may be its own."""

from collections.abc import Callable

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends.base import RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_watched, save_progress
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.states import ShownState, keep_states
from mydia_web.sync.delivery import Delivery, prepare
from tests.cast import add_copy, add_server

SHOWN = RemoteState(False, 60_000)


@pytest.fixture
def claim(alice: User, film: MediaItem) -> Callable[[], Delivery]:
    """Claims what is owed to a server of which it is known what it shows."""
    server: Source = add_server("Living room", alice)
    copy = add_copy(server, film)
    account = db.session.scalar(select(SourceAccount).where(SourceAccount.source_id == server.id))
    assert account
    keep_states([ShownState(account.id, copy.id, SHOWN)])
    db.session.commit()

    def claimed() -> Delivery:
        begin_write()
        [delivery] = prepare(PlaybackSyncRepository().mark_syncing(server.id, limit=1))
        db.session.commit()
        return delivery

    return claimed


def shown(delivery: Delivery) -> RemoteState | None:
    [(_, target)] = delivery.targets
    return target.shown


def test_the_first_try_of_a_single_change_looks(claim, alice, film):
    mark_watched(alice.id, film)
    db.session.commit()
    assert shown(claim()) == SHOWN


def test_after_a_try_that_may_have_arrived_a_newer_change_does_not(claim, alice, film):
    mark_watched(alice.id, film)
    db.session.commit()
    first = claim()
    begin_write()
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    PlaybackSyncRepository().mark_failed(first.row_id, first.claim_token, "", "bug", retry_at=now())
    db.session.commit()
    assert shown(claim()) is None
