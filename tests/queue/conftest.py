"""alice's Kodi holds Sintel and the first episode; a repository; a short way to enqueue."""

from collections.abc import Callable
from datetime import datetime

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_server
from tests.conftest import Clock


@pytest.fixture
def queue(set_clock: Clock, session: object) -> PlaybackSyncRepository:
    return PlaybackSyncRepository()


@pytest.fixture
def server(alice: User, film: MediaItem, pilot: Episode) -> Source:
    source = add_server("Kodi", alice)
    add_copy(source, film)
    add_copy(source, pilot)
    return source


@pytest.fixture
def enqueue(
    queue: PlaybackSyncRepository, server: Source, alice: User, film: MediaItem
) -> Callable[..., int]:
    """Enqueue a change of Sintel for alice's Kodi; the id of its row."""

    def enqueue_now(
        change_type: str = "mark_watched",
        *,
        position_ms: int | None = 0,
        due_at: datetime | None = None,
        episode: Episode | None = None,
        source: Source = server,
        counts_plays: bool = False,
        user: User = alice,
        at: datetime | None = None,
    ) -> int:
        kind = ChangeType(change_type)
        completed = {ChangeType.MARK_WATCHED: True, ChangeType.MARK_UNWATCHED: False}.get(kind)
        content = episode or film
        intent = Intent(
            user_id=user.id,
            source_id=source.id,
            content=content.key,
            title_id=content.title_id,
            change_type=kind,
            position_ms=position_ms,
            duration_ms=900_000,
            completed=completed,
            at=at or now(),
            origin="web",
            counts_plays=counts_plays,
        )
        return queue.enqueue_change(intent, due_at=due_at)

    return enqueue_now


@pytest.fixture
def row(session: object) -> Callable[[], QueuedChange]:
    """The one row of the queue, as the database has it."""

    def read() -> QueuedChange:
        return db.session.scalars(
            select(QueuedChange).execution_options(populate_existing=True)
        ).one()

    return read
