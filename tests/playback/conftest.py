"""Servers that hold everything."""

from collections.abc import Callable, Sequence

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import MediaItem
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_server
from tests.conftest import Clock


@pytest.fixture
def server(alice: User, film: MediaItem, show: MediaItem) -> Source:
    """alice's Kodi, which holds Sintel and every episode of Harbour Lights."""
    source = add_server("Living room", alice)
    for content in (film, *list_episodes(show.id)):
        add_copy(source, content)
    return source


@pytest.fixture
def queue() -> Callable[[], Sequence[QueuedChange]]:
    """The rows of the queue as the database has them."""
    query = select(QueuedChange).order_by(QueuedChange.id).execution_options(populate_existing=True)
    return lambda: db.session.scalars(query).all()


@pytest.fixture
def deliver(set_clock: Clock) -> Callable[[Source], int]:
    """Lets a server take everything it is owed; how many rows that was."""

    def deliver_now(source: Source) -> int:
        set_clock.pass_(minutes=1)
        repository = PlaybackSyncRepository()
        rows = repository.mark_syncing(source.id, limit=1000)
        return sum(repository.mark_synced(row.id, row.claim_token or "") for row in rows)

    return deliver_now
