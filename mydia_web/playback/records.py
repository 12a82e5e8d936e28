"""Progress records: finding, locking and writing them, and what a position means."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm.attributes import flag_modified

from mydia_web import config
from mydia_web.db import db, insert_many, lock_titles
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.models import PlaybackProgress

#: The length assumed for a title that is marked watched while nobody knows its runtime.
DEFAULT_MOVIE_SECONDS = 2 * 60 * 60
DEFAULT_EPISODE_SECONDS = 45 * 60
#: A position below both of these is a false start, not something to continue.
_BEGUN_SECONDS = 60
_BEGUN_PERCENT = 5
#: Runtimes are rounded: a title may play on for this much of its own length.
_RUNS_OVER = 1.1

#: A progress record as JSON; None: there was no record.
Snapshot = dict[str, Any] | None


def get_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    own = PlaybackProgress.user_id == user_id
    return db.session.scalar(select(PlaybackProgress).where(own, PlaybackProgress.of(content)))


def locked_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    """Lock the title and return its record, so that no two writers start from the same one."""
    return locked_records(user_id, [content]).get(content.key)


def locked_records(user_id: int, contents: Sequence[Content]) -> dict[ContentKey, PlaybackProgress]:
    """Lock the titles of these contents, all at once, and return the user's records of them."""
    lock_titles((user_id, content.title_id) for content in contents)
    own = PlaybackProgress.user_id == user_id
    keys = [content.key for content in contents]
    query = select(PlaybackProgress).where(own, PlaybackProgress.of_any(keys))
    records = db.session.scalars(query.execution_options(populate_existing=True))
    return {record.content_key: record for record in records}


def show_progress(user_id: int, show_id: int) -> dict[int, PlaybackProgress]:
    """Return the user's records of a show's episodes, by episode id."""
    records = db.session.scalars(
        select(PlaybackProgress)
        .join(Episode, Episode.id == PlaybackProgress.episode_id)
        .where(Episode.media_item_id == show_id, PlaybackProgress.user_id == user_id)
    )
    return {record.episode_id: record for record in records if record.episode_id is not None}


def add_records(records: Sequence[PlaybackProgress]) -> None:
    """Store new records. Several are inserted by one statement and stay outside the session."""
    if len(records) == 1:
        db.session.add(records[0])
    elif records:
        insert_many(PlaybackProgress, [_columns_of(record) for record in records])


def _columns_of(record: PlaybackProgress) -> dict[str, Any]:
    columns = PlaybackProgress.__table__.c.keys()
    return {name: value for name, value in vars(record).items() if name in columns}


def delete_records(records: Sequence[PlaybackProgress]) -> None:
    """Delete these records by one statement."""
    if not records:
        return
    ids = [record.id for record in records]
    db.session.execute(
        delete(PlaybackProgress).where(PlaybackProgress.id.in_(ids)),
        execution_options={"synchronize_session": False},
    )
    for record in records:
        db.session.expunge(record)


def set_position(
    record: PlaybackProgress,
    content: Content,
    position_seconds: int,
    duration_seconds: int,
    at: datetime,
) -> None:
    """Set the position and everything that follows from it."""
    record.set_content(content)
    record.position_seconds = position_seconds
    record.duration_seconds = duration_seconds
    record.completion_percentage = round(100 * position_seconds / duration_seconds, 4)
    record.in_progress = is_begun(record)
    record.last_watched_at = at
    record.dismissed_at = None
    record.watched = bool(record.watched)
    if record.id is not None:
        # Records whose changed columns are the same are updated by one statement.
        for column in _POSITION_COLUMNS:
            flag_modified(record, column)


_POSITION_COLUMNS = (
    "position_seconds",
    "duration_seconds",
    "completion_percentage",
    "in_progress",
    "last_watched_at",
    "dismissed_at",
    "watched",
)


def snapshot(record: PlaybackProgress | None) -> Snapshot:
    """Return a record as JSON, from which `restore_snapshot` makes it again."""
    if record is None:
        return None
    dismissed_at = record.dismissed_at
    return {
        "position_seconds": record.position_seconds,
        "duration_seconds": record.duration_seconds,
        "watched": record.watched,
        "last_watched_at": record.last_watched_at.isoformat(),
        "dismissed_at": dismissed_at.isoformat() if dismissed_at else None,
    }


def restore_snapshot(record: PlaybackProgress, content: Content, saved: dict[str, Any]) -> None:
    """Make the record what it was when the snapshot was taken."""
    at = datetime.fromisoformat(saved["last_watched_at"])
    set_position(record, content, saved["position_seconds"], saved["duration_seconds"], at)
    record.watched = saved["watched"]
    if saved["dismissed_at"]:
        record.dismissed_at = datetime.fromisoformat(saved["dismissed_at"])


def watched_share(content: Content) -> float:
    """Return the share of the length from which the title counts as watched, 0 to 1."""
    return config.settings().watched_share(of_episode=isinstance(content, Episode))


def is_at_end(record: PlaybackProgress) -> bool:
    """Return whether the position is past the watched threshold."""
    share = config.settings().watched_share(of_episode=record.episode_id is not None)
    return record.completion_percentage >= share * 100


def is_position_begun(position_seconds: int, duration_seconds: int) -> bool:
    """Return whether the position is more than a false start."""
    if position_seconds >= _BEGUN_SECONDS:
        return True
    return 100 * position_seconds >= _BEGUN_PERCENT * duration_seconds


def is_begun(record: PlaybackProgress) -> bool:
    """Return whether the position is one to continue from: no false start, and not the end."""
    started = is_position_begun(record.position_seconds, record.duration_seconds)
    return started and not is_at_end(record)


def length_of(content: Content) -> int:
    """Return the length in seconds, or a default where nobody knows it."""
    if content.runtime_seconds:
        return content.runtime_seconds
    if isinstance(content, Episode):
        return DEFAULT_EPISODE_SECONDS
    return DEFAULT_MOVIE_SECONDS


def length_for(content: Content, position_seconds: int, reported_seconds: int | None = None) -> int:
    """Return the length in seconds against which a position is measured.

    `reported_seconds` is the length that a source reported. A position never finishes a title of
    unknown length, nor one whose known length ends well before the position.
    """
    known = reported_seconds or content.runtime_seconds
    if known and position_seconds <= known * _RUNS_OVER:
        return max(known, position_seconds + 1)
    below_the_end = int(position_seconds / watched_share(content)) + 1
    return max(length_of(content), below_the_end)
