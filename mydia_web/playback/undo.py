"""StateApplier a change set back: progress, plays, and what servers were or would have been told."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, or_, select

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.content import find_content
from mydia_web.library.models import Content
from mydia_web.playback.acts import Act, snapshot
from mydia_web.playback.models import Change, ChangeSet, Play, PlaybackProgress, PullChangeSet
from mydia_web.playback.progress import put
from mydia_web.playback.records import get_progress, locked_progress
from mydia_web.playback.telling import intent_for, to_continue
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import Told, sources_to_tell


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. `kept` contents were changed again since, and stay as they are."""

    contents: tuple[Content, ...]
    kept: int


def undo(change_set_id: int, user_id: int | None = None) -> Undone:
    """Put every content of the change set back to what it was; a second call does nothing.

    What no server has heard of yet is dropped from the queue; the others are told. Raises `NotFound` where there is
    no such change set, or where it is not that of `user_id`.
    """
    change_set = db.session.get(ChangeSet, change_set_id, with_for_update=True)
    if change_set is None or user_id not in (None, change_set.user_id):
        raise NotFound("There is nothing to undo here. It may be too long ago.")
    if change_set.undone_at is not None:
        return Undone((), 0)
    change_set.undone_at = now()
    changes = db.session.scalars(
        select(Change).where(Change.change_set_id == change_set_id).order_by(Change.id.desc())
    ).all()
    with Act(change_set.user_id, "web") as act:
        contents = [content for change in changes if (content := _take_back(act, change))]
    return Undone(tuple(contents), len(changes) - len(contents))


def change_sets_of_pulls(source_id: int, user_id: int) -> dict[int, int]:
    """What the pulls of a source brought the user and is not undone: pull id → change set id."""
    rows = db.session.execute(
        select(PullChangeSet.pull_id, ChangeSet.id)
        .join(ChangeSet, ChangeSet.id == PullChangeSet.change_set_id)
        .where(
            ChangeSet.user_id == user_id,
            ChangeSet.source_id == source_id,
            ChangeSet.undone_at.is_(None),
        )
        .order_by(ChangeSet.id.desc())
        .limit(20)
    )
    return {row.pull_id: row.id for row in rows}


def _take_back(act: Act, change: Change) -> Content | None:
    content = _content_of(change)
    progress = locked_progress(act.user_id, content)
    if snapshot(progress) != change.after:
        return None
    _restore(act.user_id, content, progress, change.before)
    db.session.execute(delete(Play).where(Play.change_set_id == change.change_set_id, *_of(Play, content)))
    for source in sources_to_tell(act.user_id, content):
        if source.watched and not _drop_unheard(change.change_set_id, source.source_id, content):
            _tell_back(act, content, source, change.before)
    act.touched(content)
    return content


def _content_of(change: Change) -> Content:
    if change.episode_id is not None:
        return find_content("episode", change.episode_id)
    assert change.media_item_id is not None
    return find_content("movie", change.media_item_id)


def _restore(
    user_id: int, content: Content, progress: PlaybackProgress | None, before: dict[str, Any] | None
) -> None:
    if before is None:
        if progress is not None:
            db.session.delete(progress)
            db.session.flush()
        return
    progress = progress or PlaybackProgress(user_id=user_id)
    at = datetime.fromisoformat(before["last_watched_at"])
    put(progress, content, before["position_seconds"], before["duration_seconds"], at)
    progress.watched = before["watched"]
    progress.dismissed_at = datetime.fromisoformat(before["dismissed_at"]) if before["dismissed_at"] else None
    db.session.flush()


def _drop_unheard(change_set_id: int, source_id: int, content: Content) -> bool:
    """Drop the source's row if this change set alone made it owed and nobody has begun to send it."""
    made_at = select(ChangeSet.created_at).where(ChangeSet.id == change_set_id).scalar_subquery()
    # Not `attempt_count`: a person who presses Retry sets it to 0, and what failed may have arrived all the same.
    untried = or_(QueuedChange.last_attempt_at.is_(None), QueuedChange.last_attempt_at < made_at)
    return bool(
        PlaybackSyncRepository().cancel(
            QueuedChange.change_set_id == change_set_id,
            QueuedChange.source_id == source_id,
            QueuedChange.play_key == "",
            *_of(QueuedChange, content),
            QueuedChange.status == Status.PENDING,
            untried,
            QueuedChange.intent_seq == QueuedChange.synced_seq + 1,
        )
    )


def _tell_back(act: Act, content: Content, source: Told, before: dict[str, Any] | None) -> None:
    watched = bool(before and before["watched"])
    change_type = ChangeType.MARK_WATCHED if watched else ChangeType.MARK_UNWATCHED
    progress = get_progress(act.user_id, content)
    at = progress.last_watched_at if progress else now()
    # What is undone was no play: it needs no row of its own.
    source = source._replace(counts_plays=not watched)
    intent = intent_for(act, content, source, change_type, to_continue(progress), at=at)
    PlaybackSyncRepository().enqueue_change(intent)


def _of(table: Any, content: Content) -> tuple[Any, ...]:
    if content.content_kind == "episode":
        return (table.episode_id == content.id,)
    return (table.media_item_id == content.id, table.episode_id.is_(None))
