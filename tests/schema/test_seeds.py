"""The two seed documents, criterion by criterion: task-120.1 (progress) and task-464.01 (the sync
queue).
"""

import inspect as python
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Boolean, Double, Float, Inspector, Integer, String

from mydia_web import playback
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import (
    delete_progress,
    get_progress,
    list_user_progress,
    mark_watched,
    save_progress,
)
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from tests.cast import Cast, add_server
from tests.conftest import Clock
from tests.schema.household import Household

PROGRESS, QUEUE = "playback_progress", "playback_sync_queue"


def columns(inspector: Inspector, table: str) -> dict[str, object]:
    return {column["name"]: column for column in inspector.get_columns(table)}


def leading_columns(inspector: Inspector, table: str) -> set[str | None]:
    return {index["column_names"][0] for index in inspector.get_indexes(table)}


def parents(inspector: Inspector, table: str) -> dict[str, tuple[str, str]]:
    """The table that each foreign key of one column names, and what its deletion does."""
    return {
        key["constrained_columns"][0]: (key["referred_table"], key["options"]["ondelete"])
        for key in inspector.get_foreign_keys(table)
    }


# task-120.1, Create playback progress database schema


@pytest.mark.parametrize(
    ("name", "type_", "nullable"),
    [
        ("id", Integer, False),
        ("user_id", Integer, False),
        ("media_item_id", Integer, True),
        ("episode_id", Integer, True),
        ("position_seconds", Integer, False),
        ("duration_seconds", Integer, False),
        ("completion_percentage", (Float, Double), False),
        ("watched", Boolean, False),
        ("last_watched_at", object, False),
        ("inserted_at", object, False),
        ("updated_at", object, False),
    ],
)
def test_progress_has_the_column_of_the_seed(
    inspector: Inspector, name: str, type_: type, nullable: bool
) -> None:
    column = next(one for one in inspector.get_columns(PROGRESS) if one["name"] == name)
    assert isinstance(column["type"], type_)
    assert column["nullable"] is nullable


def test_progress_belongs_to_a_title_and_to_no_file(inspector: Inspector) -> None:
    """The seed's own design note: switching to another quality keeps the position."""
    assert "media_file_id" not in columns(inspector, PROGRESS)
    assert "media_files" not in inspector.get_table_names()


def test_progress_is_unwatched_by_default(household: Household) -> None:
    household.progress(media_item_id=household.film)
    assert household.values(PROGRESS, "watched") == [False]


def test_progress_goes_with_its_user_and_its_title(inspector: Inspector) -> None:
    assert parents(inspector, PROGRESS) == {
        "user_id": ("users", "CASCADE"),
        "media_item_id": ("media_items", "CASCADE"),
        "episode_id": ("episodes", "CASCADE"),
    }


@pytest.mark.parametrize("content", ["media_item_id", "episode_id"])
def test_one_progress_record_of_a_user_and_a_title_is_enforced(
    inspector: Inspector, content: str
) -> None:
    unique = [one["column_names"] for one in inspector.get_unique_constraints(PROGRESS)]
    assert ["user_id", content] in unique


@pytest.mark.parametrize("column", ["user_id", "media_item_id", "episode_id", "last_watched_at"])
def test_progress_has_the_index_of_the_seed(inspector: Inspector, column: str) -> None:
    assert column in leading_columns(inspector, PROGRESS)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("get_progress", ["user_id", "content"]),
        (
            "save_progress",
            ["user_id", "content", "position_seconds", "duration_seconds", "at", "origin"],
        ),
        ("list_user_progress", ["user_id", "watched", "limit", "order_by"]),
        ("mark_watched", ["user_id", "content", "at", "origin"]),
        ("delete_progress", ["user_id", "content"]),
    ],
)
def test_the_context_has_the_function_of_the_seed(function: str, parameters: list[str]) -> None:
    given = list(python.signature(getattr(playback, function)).parameters)
    assert [name for name in given if name in parameters] == parameters


def test_progress_is_made_and_then_brought_up_to_date(cast: Cast, set_clock: Clock) -> None:
    first = save_progress(cast.alice.id, cast.film, position_seconds=100, duration_seconds=1000)
    set_clock.pass_(minutes=1)
    second = save_progress(cast.alice.id, cast.film, position_seconds=160, duration_seconds=1000)
    assert (first.id, second.position_seconds) == (second.id, 160)
    assert second.last_watched_at == set_clock.now()


@pytest.mark.parametrize(("position", "percentage"), [(0, 0), (250, 25), (333, 33.3), (1000, 100)])
def test_the_percentage_is_computed(cast: Cast, position: int, percentage: float) -> None:
    save_progress(cast.alice.id, cast.film, position_seconds=position, duration_seconds=1000)
    db.session.commit()
    found = get_progress(cast.alice.id, cast.film)
    assert found is not None
    assert found.completion_percentage == pytest.approx(percentage)


@pytest.mark.parametrize(("position", "watched"), [(899, False), (900, True), (1000, True)])
def test_a_title_is_watched_from_ninety_percent(cast: Cast, position: int, watched: bool) -> None:
    save_progress(cast.alice.id, cast.film, position_seconds=position, duration_seconds=1000)
    db.session.commit()
    found = get_progress(cast.alice.id, cast.film)
    assert found is not None
    assert found.watched is watched


@pytest.mark.parametrize("kind", ["film", "episode"])
def test_progress_is_of_films_and_of_episodes(cast: Cast, kind: str) -> None:
    content: MediaItem | Episode = cast.film if kind == "film" else cast.episode(1, 1)
    assert get_progress(cast.alice.id, content) is None
    mark_watched(cast.alice.id, content)
    found = get_progress(cast.alice.id, content)
    assert found is not None
    assert found.watched
    assert get_progress(cast.bob.id, content) is None
    delete_progress(cast.alice.id, content)
    assert get_progress(cast.alice.id, content) is None


def test_all_progress_of_a_user_is_listed_last_watched_first(cast: Cast, set_clock: Clock) -> None:
    save_progress(cast.alice.id, cast.film, position_seconds=100, duration_seconds=1000)
    set_clock.pass_(minutes=1)
    mark_watched(cast.alice.id, cast.episode(1, 1))
    mark_watched(cast.bob.id, cast.film)
    found = list_user_progress(cast.alice.id)
    assert [one.episode_id for one in found] == [cast.episode(1, 1).id, None]
    assert [one.watched for one in list_user_progress(cast.alice.id, watched=False)] == [False]
    assert len(list_user_progress(cast.alice.id, limit=1)) == 1


# task-464.01, Add playback_sync_queue table to database schema


@pytest.mark.parametrize(
    ("name", "type_", "nullable"),
    [
        ("id", Integer, False),
        ("media_item_id", Integer, False),
        ("source_id", Integer, False),
        ("user_id", Integer, False),
        ("change_type", String, False),
        ("position_ms", Integer, True),
        ("completed", Boolean, True),
        ("created_at", object, False),
        ("last_attempt_at", object, True),
        ("attempt_count", Integer, False),
        ("error_message", String, True),
        ("status", String, False),
    ],
)
def test_the_queue_has_the_column_of_the_seed(
    inspector: Inspector, name: str, type_: type, nullable: bool
) -> None:
    column = next(one for one in inspector.get_columns(QUEUE) if one["name"] == name)
    assert isinstance(column["type"], type_)
    assert column["nullable"] is nullable


@pytest.mark.parametrize("change_type", ["progress_update", "mark_watched", "mark_unwatched"])
def test_the_queue_takes_the_change_type_of_the_seed(
    household: Household, change_type: str
) -> None:
    household.queued(change_type=change_type)
    assert household.values(QUEUE, "change_type") == [change_type]


def test_the_queue_knows_no_words_but_the_seeds() -> None:
    from_seed = {"progress_update", "mark_watched", "mark_unwatched"}
    assert {one.value for one in ChangeType} == from_seed


def test_a_change_is_pending_and_untried_by_default(household: Household) -> None:
    household.queued()
    assert household.values(QUEUE, "status") == ["pending"]
    assert household.values(QUEUE, "attempt_count") == [0]


def test_a_queued_change_belongs_to_a_title_a_source_and_a_user(inspector: Inspector) -> None:
    found = parents(inspector, QUEUE)
    assert found["media_item_id"] == ("media_items", "CASCADE")
    assert found["source_id"] == ("sources", "CASCADE")
    assert found["user_id"] == ("users", "CASCADE")


@pytest.mark.parametrize("column", ["media_item_id", "source_id", "status"])
def test_the_queue_has_the_index_of_the_seed(inspector: Inspector, column: str) -> None:
    assert column in leading_columns(inspector, QUEUE)


@pytest.mark.parametrize(
    "method",
    [
        "enqueue_change",
        "get_pending",
        "mark_syncing",
        "mark_synced",
        "mark_failed",
        "get_failed_retryable",
    ],
)
def test_the_repository_has_the_method_of_the_seed(method: str) -> None:
    assert callable(getattr(PlaybackSyncRepository(), method))


def test_a_change_goes_through_the_repository_from_enqueued_to_synced(
    cast: Cast, set_clock: Clock
) -> None:
    queue, source_id = PlaybackSyncRepository(), _enqueue(cast, set_clock.now())
    [pending] = queue.get_pending()
    [claimed] = queue.mark_syncing(source_id, limit=10)
    assert (claimed.id, claimed.status, claimed.attempt_count) == (pending.id, "syncing", 1)
    assert queue.get_pending() == []
    assert queue.mark_synced(claimed.id, claimed.claim_token or "")
    assert _row().status == "synced"


def test_a_failed_change_keeps_its_error_and_is_retryable_when_its_time_comes(
    cast: Cast, set_clock: Clock
) -> None:
    queue, source_id = PlaybackSyncRepository(), _enqueue(cast, set_clock.now())
    [claimed] = queue.mark_syncing(source_id, limit=10)
    retry_at = set_clock.now() + timedelta(minutes=1)
    token = claimed.claim_token or ""
    assert queue.mark_failed(claimed.id, token, "It is down.", "transient", retry_at=retry_at)
    assert (_row().status, _row().error_message) == ("failed", "It is down.")
    assert queue.get_failed_retryable() == []
    set_clock.pass_(minutes=1)
    assert [one.id for one in queue.get_failed_retryable()] == [claimed.id]


def _enqueue(cast: Cast, at: datetime) -> int:
    source = add_server("kodi", cast.alice)
    intent = Intent(
        user_id=cast.alice.id,
        source_id=source.id,
        content=cast.film.key,
        title_id=cast.film.id,
        change_type=ChangeType.MARK_WATCHED,
        position_ms=0,
        duration_ms=None,
        completed=True,
        at=at.astimezone(UTC),
        origin="web",
    )
    PlaybackSyncRepository().enqueue_change(intent)
    return source.id


def _row() -> QueuedChange:
    db.session.expire_all()
    return db.session.query(QueuedChange).one()
