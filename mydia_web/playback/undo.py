"""Undo a change set: its progress, its plays, and what sources were or would have been told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import contains_eager

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Content, ContentKey, Episode, MediaItem
from mydia_web.playback.change_sets import ChangeRecorder
from mydia_web.playback.models import Change, ChangeSet, Play, PlaybackProgress, PullChangeSet
from mydia_web.playback.outbox import current_state
from mydia_web.playback.records import (
    Snapshot,
    add_records,
    delete_records,
    locked_records,
    restore_snapshot,
    snapshot,
)
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.rows import lock_rows
from mydia_web.queue.undo import take_back
from mydia_web.sources.recipients import PushTarget, sources_to_tell_each


@dataclass(frozen=True, slots=True)
class Undone:
    """The result of an undo."""

    contents: tuple[Content, ...]
    #: The number of contents that changed again since, and stay as they are.
    kept: int


@dataclass(slots=True, kw_only=True)
class _Step:
    """One content on its way back."""

    content: Content
    record: PlaybackProgress | None
    #: What the record becomes again.
    target: Snapshot
    is_taken_back: bool = False


def undo(change_set_id: int, user_id: int | None = None) -> Undone:
    """Restore what every content was before the change set; a second call does nothing.

    What no server has heard of is dropped from the queue, the others are told. Raise `NotFound`
    for a change set that does not exist, or that is not the user's.
    """
    change_set, changes = _read(change_set_id)
    if change_set is None or user_id not in (None, change_set.user_id):
        raise NotFound("There is nothing to undo here. It may be too long ago.")
    # Titles are locked first, as everywhere: a pull that holds one may be writing to this very
    # change set.
    records = locked_records(change_set.user_id, [content for _, content in changes])
    if not _begin(change_set_id):
        return Undone((), 0)
    steps = _steps(changes, records)
    taken_back = [step for step in steps if step.is_taken_back]
    if not taken_back:
        return Undone((), len(steps))
    contents = tuple(step.content for step in taken_back)
    with ChangeRecorder(change_set.user_id, "web") as act:
        _restore(act, taken_back)
        _delete_plays(change_set_id, contents)
        _tell_sources(act, change_set, taken_back)
        for content in contents:
            act.mark_changed(content)
    return Undone(contents, len(steps) - len(taken_back))


def change_sets_of_pulls(source_id: int, user_id: int) -> dict[int, int]:
    """Return the last change sets that pulls of a source made for the user, by pull id.

    Those that were undone are left out.
    """
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


def _read(change_set_id: int) -> tuple[ChangeSet | None, list[tuple[Change, Content]]]:
    """Return the change set, and its changes with their contents, the last change first."""
    title_id = func.coalesce(Change.media_item_id, Episode.media_item_id)
    rows: Sequence[Any] = db.session.execute(
        select(ChangeSet, Change, Episode, MediaItem)
        .outerjoin(Change, Change.change_set_id == ChangeSet.id)
        .outerjoin(Episode, Episode.id == Change.episode_id)
        .outerjoin(MediaItem, MediaItem.id == title_id)
        .where(ChangeSet.id == change_set_id)
        .order_by(Change.id.desc())
        .options(contains_eager(Episode.show))
    ).all()
    if not rows:
        return None, []
    # A change without a before and an after only notes what a person said: see `note_unmarked`.
    changes = [
        (change, episode or film)
        for _, change, episode, film in rows
        if change is not None and (change.before or change.after)
    ]
    return rows[0][0], changes


def _begin(change_set_id: int) -> bool:
    """Note that the change set is undone; return False where it was already."""
    is_new = (ChangeSet.id == change_set_id, ChangeSet.undone_at.is_(None))
    noted = update(ChangeSet).where(*is_new).values(undone_at=now())
    return db.session.scalar(noted.returning(ChangeSet.id)) is not None


def _steps(
    changes: Sequence[tuple[Change, Content]], records: Mapping[ContentKey, PlaybackProgress]
) -> list[_Step]:
    """Go back through each content's changes while each still is what the one before it left."""
    steps: dict[ContentKey, _Step] = {}
    for change, content in changes:
        if content.key not in steps:
            record = records.get(content.key)
            steps[content.key] = _Step(content=content, record=record, target=snapshot(record))
        step = steps[content.key]
        if step.target == change.after:
            step.target = change.before
            step.is_taken_back = True
    return list(steps.values())


def _restore(act: ChangeRecorder, steps: Sequence[_Step]) -> None:
    deleted: list[PlaybackProgress] = []
    added: list[PlaybackProgress] = []
    for step in steps:
        if step.target is None:
            if step.record is not None:
                deleted.append(step.record)
            step.record = None
            continue
        if step.record is None:
            step.record = PlaybackProgress(user_id=act.user_id)
            added.append(step.record)
        restore_snapshot(step.record, step.content, step.target)
    delete_records(deleted)
    add_records(added)


def _delete_plays(change_set_id: int, contents: Sequence[Content]) -> None:
    keys = [content.key for content in contents]
    own = Play.change_set_id == change_set_id
    db.session.execute(delete(Play).where(own, Play.of_any(keys)))


def _tell_sources(act: ChangeRecorder, change_set: ChangeSet, steps: Sequence[_Step]) -> None:
    """Restore the queue where nobody was told yet, and tell the others the present state.

    What was owed before the change set is owed again.
    """
    recipients = sources_to_tell_each(act.user_id, [step.content for step in steps])
    pairs = [
        (step, source)
        for step in steps
        for source in recipients[step.content.key]
        if source.watched
    ]
    if not pairs:
        return
    untold = _take_back(act.user_id, change_set, pairs)
    intents: list[Intent] = []
    for step, source in pairs:
        if (step.content.key, source.source_id) not in untold:
            intent = _intent(act, step, source)
            if intent is not None:
                intents.append(intent)
    PlaybackSyncRepository().enqueue_changes(intents)


def _take_back(
    user_id: int, change_set: ChangeSet, pairs: Sequence[tuple[_Step, PushTarget]]
) -> set[tuple[ContentKey, int]]:
    """Restore the queue rows that nobody was told of; return their contents and source ids."""
    rows = lock_rows(
        QueuedChange.user_id == user_id,
        QueuedChange.of_any({step.content.key for step, _ in pairs}),
        QueuedChange.source_id.in_({source.source_id for _, source in pairs}),
    )
    row_ids = take_back(rows, change_set.id, change_set.created_at)
    return {
        (ContentKey.from_columns(row.media_item_id, row.episode_id), row.source_id)
        for row in rows
        if row.id in row_ids and not row.play_key
    }


def _intent(act: ChangeRecorder, step: _Step, source: PushTarget) -> Intent | None:
    if step.record and step.record.watched:
        # What is restored is no new play, so it needs no queue row of its own.
        source = source._replace(counts_plays=False)
    return current_state(act, step.content, source, step.record)
