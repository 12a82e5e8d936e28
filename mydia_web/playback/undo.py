"""Take a change set back: progress, plays, and what servers were or would have been told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, func, select, update
from sqlalchemy.orm import contains_eager

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Content, ContentKey, Episode, MediaItem
from mydia_web.playback.acts import Act, State, snapshot
from mydia_web.playback.models import Change, ChangeSet, Play, PlaybackProgress, PullChangeSet
from mydia_web.playback.progress import add_records, delete_records, put
from mydia_web.playback.records import locked_records
from mydia_web.playback.telling import current_state
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.rows import lock_rows
from mydia_web.queue.undo import take_back
from mydia_web.sources.accounts import PushTarget
from mydia_web.sources.audience import sources_to_tell_each


@dataclass(frozen=True, slots=True)
class Undone:
    """What an undo did. `kept` contents were changed again since, and stay as they are."""

    contents: tuple[Content, ...]
    kept: int


@dataclass(slots=True)
class _Step:
    """One content on its way back."""

    content: Content
    #: Its record, None where there is none.
    record: PlaybackProgress | None
    #: What it is to be again.
    state: State
    is_taken_back: bool = False


def undo(change_set_id: int, user_id: int | None = None) -> Undone:
    """Put every content of the change set back to what it was; a second call does nothing.

    What no server has heard of yet is dropped from the queue; the others are told. Raises
    `NotFound` where there is no such change set, or where it is not that of `user_id`.
    """
    change_set, changes = _read(change_set_id)
    if change_set is None or user_id not in (None, change_set.user_id):
        raise NotFound("There is nothing to undo here. It may be too long ago.")
    # What was only said, and changed nothing, is nothing to take back.
    changes = [(change, content) for change, content in changes if change.before or change.after]
    # Titles first, as everywhere: a pull that has locked one may be writing under the same change
    # set.
    records = locked_records(change_set.user_id, [content for _, content in changes])
    if not _begin(change_set_id):
        return Undone((), 0)
    steps = _steps(changes, records)
    taken_back = [step for step in steps if step.is_taken_back]
    if not taken_back:
        return Undone((), len(steps))
    with Act(change_set.user_id, "web") as act:
        _restore(act, taken_back)
        _forget_plays(change_set_id, [step.content for step in taken_back])
        _tell_back(act, change_set, taken_back)
        for step in taken_back:
            act.touched(step.content)
    return Undone(tuple(step.content for step in taken_back), len(steps) - len(taken_back))


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


def _read(change_set_id: int) -> tuple[ChangeSet | None, list[tuple[Change, Content]]]:
    """Return the change set, and its changes with their contents, the last first."""
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
    change_set = rows[0][0] if rows else None
    changes = [(change, film if episode is None else episode) for _, change, episode, film in rows]
    return change_set, [(change, content) for change, content in changes if change is not None]


def _begin(change_set_id: int) -> bool:
    """Note that the change set is undone. False: it was already."""
    is_new = (ChangeSet.id == change_set_id, ChangeSet.undone_at.is_(None))
    noted = update(ChangeSet).where(*is_new).values(undone_at=now())
    return db.session.scalar(noted.returning(ChangeSet.id)) is not None


def _steps(
    changes: Sequence[tuple[Change, Content]], records: Mapping[ContentKey, PlaybackProgress]
) -> list[_Step]:
    """Go back from change to change of every content, as long as each is what the one before left."""
    steps: dict[ContentKey, _Step] = {}
    for change, content in changes:
        key = content.key
        if key not in steps:
            record = records.get(key)
            steps[key] = _Step(content, record, snapshot(record))
        step = steps[key]
        if step.state == change.after:
            step.state = change.before
            step.is_taken_back = True
    return list(steps.values())


def _restore(act: Act, steps: Sequence[_Step]) -> None:
    delete_records(
        [step.record for step in steps if step.state is None and step.record is not None]
    )
    added = []
    for step in steps:
        if step.state is None:
            step.record = None
            continue
        if step.record is None:
            step.record = PlaybackProgress(user_id=act.user_id)
            added.append(step.record)
        _put_back(step.record, step.content, step.state)
    add_records(added)


def _put_back(record: PlaybackProgress, content: Content, state: dict[str, Any]) -> None:
    at = datetime.fromisoformat(state["last_watched_at"])
    put(record, content, state["position_seconds"], state["duration_seconds"], at)
    record.watched = state["watched"]
    dismissed_at = state["dismissed_at"]
    record.dismissed_at = datetime.fromisoformat(dismissed_at) if dismissed_at else None


def _forget_plays(change_set_id: int, contents: Sequence[Content]) -> None:
    keys = [content.key for content in contents]
    own = Play.change_set_id == change_set_id
    db.session.execute(delete(Play).where(own, Play.of_any(keys)))


def _tell_back(act: Act, change_set: ChangeSet, steps: Sequence[_Step]) -> None:
    """What no server has heard of is owed no more, and what was owed before it is again; the others
    are told.
    """
    recipients = sources_to_tell_each(act.user_id, [step.content for step in steps])
    told = [
        (step, source)
        for step in steps
        for source in recipients[step.content.key]
        if source.watched
    ]
    if not told:
        return
    keys = [step.content.key for step, _ in told]
    is_told = QueuedChange.source_id.in_({source.source_id for _, source in told})
    rows = lock_rows(QueuedChange.user_id == act.user_id, QueuedChange.of_any(keys), is_told)
    unheard = take_back(rows, change_set.id, change_set.created_at)
    settled = {_place(row) for row in rows if row.id in unheard and not row.play_key}
    intents = [
        _intent_back(act, step, source)
        for step, source in told
        if (step.content.key, source.source_id) not in settled
    ]
    PlaybackSyncRepository().enqueue_changes([intent for intent in intents if intent])


def _intent_back(act: Act, step: _Step, source: PushTarget) -> Intent | None:
    # What is undone was no play: it needs no row of its own.
    watched = bool(step.record and step.record.watched)
    source = source._replace(counts_plays=source.counts_plays and not watched)
    return current_state(act, step.content, source, step.record)


def _place(row: Row[Any]) -> tuple[ContentKey, int]:
    """Return the content and the source of a row."""
    return ContentKey.from_columns(row.media_item_id, row.episode_id), row.source_id
