"""The door to the outbox: which sources are told of a change, and what.

The queue rows are written in the transaction of the change.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from mydia_web import config
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey
from mydia_web.playback.change_sets import ChangeRecorder
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.records import get_progress
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.recipients import PushTarget, sources_to_tell, sources_to_tell_each

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChange:
    """What happened to a content, before it is said who is told."""

    change_type: ChangeType
    #: When the person did it.
    at: datetime
    #: The record whose position is to be sent; None: the beginning.
    position: PlaybackProgress | None = None
    #: Nobody knows when the title was finished.
    date_unknown: bool = False


_MARKS = {ChangeType.MARK_WATCHED: True, ChangeType.MARK_UNWATCHED: False}


def enqueue_for_sources(
    act: ChangeRecorder,
    contents: Sequence[Content],
    change_type: ChangeType,
    *,
    at: datetime,
    position: PlaybackProgress | None = None,
    date_unknown: bool = False,
) -> None:
    """Queue the same change of these contents for every source but the one that reported it.

    That one is told as well where it is still owed something older, which would otherwise arrive
    there after its own news. A mark resets the position unless `position` says what it becomes.
    """
    change = StateChange(
        change_type=change_type, at=at, position=position, date_unknown=date_unknown
    )
    recipients = _recipients(act, contents)
    intents = [
        intent_for(act, content, source, change)
        for content in contents
        for source in recipients[content.key]
        if _accepts(act, source, change_type)
    ]
    row_ids = PlaybackSyncRepository().enqueue_changes(
        intents, due_at=_due_at(act.origin, change_type)
    )
    for intent, row_id in zip(intents, row_ids, strict=True):
        _log_queued(act, row_id, intent.source_id, change_type)


def enqueue_current_state(act: ChangeRecorder, content: Content, source: PushTarget) -> int | None:
    """Queue the user's present state of the content for one source, as far as its switches allow.

    No play is queued. Return the id of the row; None where the source accepts nothing of this.
    """
    record = get_progress(act.user_id, content)
    intent = current_state(act, content, source._replace(counts_plays=False), record)
    if intent is None:
        return None
    return PlaybackSyncRepository().enqueue_change(intent)


def enqueue_difference(
    act: ChangeRecorder, content: Content, source_id: int, *, overrules: bool = False
) -> bool:
    """Queue the present state for one source that was found to show another one.

    That a title is unwatched, or that nothing is known of it, is only told where that `overrules`
    what the source reported: otherwise nobody may ever have known. Return whether it was queued.
    """
    record = get_progress(act.user_id, content)
    source = _target(act, content, source_id)
    if source is None:
        return False
    if not overrules:
        if record is None:
            return False
        if not record.watched:
            source = source._replace(watched=False)
    return enqueue_current_state(act, content, source) is not None


def current_state(
    act: ChangeRecorder, content: Content, source: PushTarget, record: PlaybackProgress | None
) -> Intent | None:
    """Return what tells a source of this record, or of its absence, as its switches allow."""
    at = record.last_watched_at if record else now()
    position = _resumable(record) if source.positions else None
    if source.watched:
        is_watched = record is not None and record.watched
        change_type = ChangeType.MARK_WATCHED if is_watched else ChangeType.MARK_UNWATCHED
    elif source.positions:
        change_type = ChangeType.PROGRESS_UPDATE
    else:
        return None
    change = StateChange(change_type=change_type, at=at, position=position)
    return intent_for(act, content, source, change)


def intent_for(
    act: ChangeRecorder, content: Content, source: PushTarget, change: StateChange
) -> Intent:
    """Return what one source shall be told of this change."""
    position = change.position
    return Intent(
        user_id=act.user_id,
        source_id=source.source_id,
        content=content.key,
        title_id=content.title_id,
        change_type=change.change_type,
        position_ms=position.position_seconds * 1000 if position else 0,
        duration_ms=position.duration_seconds * 1000 if position else None,
        completed=_MARKS.get(change.change_type),
        at=change.at,
        origin=act.origin,
        change_set_id=act.change_set_id,
        counts_plays=source.counts_plays,
        date_unknown=change.date_unknown,
    )


def _accepts(act: ChangeRecorder, source: PushTarget, change_type: ChangeType) -> bool:
    """Return whether a source is told of this kind of change.

    A service that stores plays can only forget all plays of a title at once. It does so for a
    person who acts here, but not because another server shows the title as unwatched.
    """
    is_reported = act.origin in ("pull", "webhook")
    forgets_plays = source.counts_plays and change_type is ChangeType.MARK_UNWATCHED
    if is_reported and forgets_plays:
        return False
    return source.accepts(change_type)


def _recipients(
    act: ChangeRecorder, contents: Sequence[Content]
) -> Mapping[ContentKey, Sequence[PushTarget]]:
    """Return the sources to tell about each of these."""
    recipients = {
        content.key: act.recipients[content.key]
        for content in contents
        if content.key in act.recipients
    }
    others = [content for content in contents if content.key not in recipients]
    if not others:
        return recipients
    found = sources_to_tell_each(act.user_id, others)
    if act.source_id is None:
        return recipients | found
    owed = _owed(act, others, act.source_id)
    for key, sources in found.items():
        recipients[key] = sources if key in owed else _without(act.source_id, sources)
    return recipients


def _without(source_id: int, sources: Sequence[PushTarget]) -> list[PushTarget]:
    return [source for source in sources if source.source_id != source_id]


def _owed(act: ChangeRecorder, contents: Sequence[Content], source_id: int) -> set[ContentKey]:
    """Return those of which the source is still owed something."""
    keys = [content.key for content in contents]
    query = select(QueuedChange.media_item_id, QueuedChange.episode_id).where(
        QueuedChange.of_any(keys),
        QueuedChange.user_id == act.user_id,
        QueuedChange.source_id == source_id,
        QueuedChange.play_key == "",
        QueuedChange.status != Status.SYNCED,
    )
    return {ContentKey.from_columns(*row) for row in db.session.execute(query)}


def _target(act: ChangeRecorder, content: Content, source_id: int) -> PushTarget | None:
    targets = sources_to_tell(act.user_id, content)
    return next((target for target in targets if target.source_id == source_id), None)


def _resumable(record: PlaybackProgress | None) -> PlaybackProgress | None:
    """Return the record if its position is one to continue from, not the end of a viewing."""
    if record is None:
        return None
    return record if record.in_progress or not record.watched else None


def _log_queued(act: ChangeRecorder, row_id: int, source_id: int, change_type: ChangeType) -> None:
    ids = {"change_set": act.change_set_id, "row": row_id, "source": source_id, "user": act.user_id}
    # A player saves a position every few seconds.
    level = logging.DEBUG if change_type is ChangeType.PROGRESS_UPDATE else logging.INFO
    log.log(level, "queued", extra=ids)


def _due_at(origin: str, change_type: ChangeType) -> datetime:
    settings = config.settings()
    if change_type is ChangeType.PROGRESS_UPDATE:
        return now() + timedelta(seconds=settings.progress_delay)
    # Only a person on a page has an Undo button to press.
    undo_seconds = settings.sync_delay if origin == "web" else 0
    return now() + timedelta(seconds=undo_seconds)
