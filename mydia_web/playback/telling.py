"""Who must hear of a change: a queue row for every source that holds the content, in the change's
transaction.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from mydia_web import config
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.acts import Act
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.records import get_progress
from mydia_web.queue.intents import Intent
from mydia_web.queue.models import ChangeType, QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import PushTarget, sources_to_tell
from mydia_web.sources.audience import sources_to_tell_each

log = logging.getLogger(__name__)


def enqueue_for_sources(
    act: Act,
    contents: Sequence[Content],
    change_type: ChangeType,
    *,
    at: datetime,
    position: PlaybackProgress | None = None,
    date_unknown: bool = False,
) -> None:
    """Queue the same change of these contents for every source but the one it came from.

    That one is told too where it is still owed something older, which would else reach it after its
    own news: whoever takes those over settles what it shows already. A mark without `position`
    resets the position; with one, of a single content, it carries that.
    """
    recipients = _recipients(act, contents)
    intents = [
        intent_for(act, content, source, change_type, position, at=at)
        for content in contents
        for source in recipients[content.key]
        if source.accepts(change_type) and not _would_lose_plays(act, source, change_type)
    ]
    if date_unknown:
        intents = [replace(intent, date_unknown=True) for intent in intents]
    row_ids = PlaybackSyncRepository().enqueue_changes(
        intents, due_at=_due_at(act.origin, change_type)
    )
    for intent, row_id in zip(intents, row_ids, strict=True):
        _log_queued(act, row_id, intent.source_id, change_type)


def _would_lose_plays(act: Act, source: PushTarget, change_type: ChangeType) -> bool:
    """A service that stores plays can only forget them all: it does so for a person here, not for
    another server.
    """
    is_news = act.origin in ("pull", "webhook")
    return is_news and source.counts_plays and change_type is ChangeType.MARK_UNWATCHED


def _recipients(act: Act, contents: Sequence[Content]) -> Mapping[ContentKey, Sequence[PushTarget]]:
    """Return who is told of a change to each of these."""
    foreseen = {one.key: act.recipients.get(one.key) for one in contents}
    recipients = {key: sources for key, sources in foreseen.items() if sources is not None}
    others = [content for content in contents if content.key not in recipients]
    if not others:
        return recipients
    found = sources_to_tell_each(act.user_id, others)
    if act.source_id is None:
        return recipients | found
    owed = _owed(act, others, act.source_id)
    for key, sources in found.items():
        recipients[key] = [one for one in sources if one.source_id != act.source_id or key in owed]
    return recipients


def _owed(act: Act, contents: Sequence[Content], source_id: int) -> set[ContentKey]:
    """Return those of which the source is still owed something."""
    keys = [content.key for content in contents]
    query = select(QueuedChange.media_item_id, QueuedChange.episode_id).where(
        QueuedChange.of_any(keys),
        QueuedChange.user_id == act.user_id,
        QueuedChange.source_id == source_id,
        QueuedChange.play_key == "",
        QueuedChange.status != Status.SYNCED,
    )
    rows = db.session.execute(query)
    return {ContentKey.from_columns(*row) for row in rows}


def tell_source(act: Act, content: Content, source_id: int, *, is_news_there: bool = False) -> bool:
    """Queue the user's present state of the content for one source, which was found to differ.
    False: there is none.

    That there is no mark, or no record, is told only against news of the source that were not taken
    over: else it may be that nobody knew.
    """
    progress, source = get_progress(act.user_id, content), _told(act, content, source_id)
    if source is None or (progress is None and not is_news_there):
        return False
    if progress is not None and not progress.watched and not is_news_there:
        source = source._replace(watched=False)
    return enqueue_current_state(act, content, source, progress) is not None


def enqueue_current_state(
    act: Act, content: Content, source: PushTarget, progress: PlaybackProgress | None
) -> int | None:
    """Queue what stands here, the record or that there is none, for one source; the id of the row.

    It is told what its switches let it hear, and no play. None: it hears nothing of this.
    """
    intent = current_state(act, content, source._replace(counts_plays=False), progress)
    return PlaybackSyncRepository().enqueue_change(intent) if intent else None


def current_state(
    act: Act, content: Content, source: PushTarget, progress: PlaybackProgress | None
) -> Intent | None:
    """Return what tells the source of this record, or that there is none, as far as its switches
    let it hear.
    """
    at = progress.last_watched_at if progress else now()
    position = to_continue(progress) if source.positions else None
    if source.watched:
        is_watched = progress is not None and progress.watched
        mark = ChangeType.MARK_WATCHED if is_watched else ChangeType.MARK_UNWATCHED
        return intent_for(act, content, source, mark, position, at=at)
    if source.positions:
        return intent_for(act, content, source, ChangeType.PROGRESS_UPDATE, position, at=at)
    return None


def _told(act: Act, content: Content, source_id: int) -> PushTarget | None:
    return next(
        (one for one in sources_to_tell(act.user_id, content) if one.source_id == source_id), None
    )


def to_continue(progress: PlaybackProgress | None) -> PlaybackProgress | None:
    """The record if its position is one to continue from, not the end of what was watched."""
    return progress if progress and (progress.in_progress or not progress.watched) else None


def intent_for(
    act: Act,
    content: Content,
    source: PushTarget,
    change_type: ChangeType,
    progress: PlaybackProgress | None,
    *,
    at: datetime,
) -> Intent:
    """What one source shall be told of this change."""
    completed = {ChangeType.MARK_WATCHED: True, ChangeType.MARK_UNWATCHED: False}.get(change_type)
    return Intent(
        user_id=act.user_id,
        source_id=source.source_id,
        media_item_id=content.title_id,
        episode_id=content.id if isinstance(content, Episode) else None,
        change_type=change_type,
        position_ms=progress.position_seconds * 1000 if progress else 0,
        duration_ms=progress.duration_seconds * 1000 if progress else None,
        completed=completed,
        at=at,
        origin=act.origin,
        change_set_id=act.change_set_id,
        counts_plays=source.counts_plays,
    )


def _log_queued(act: Act, row_id: int, source_id: int, change_type: ChangeType) -> None:
    ids = {"change_set": act.change_set_id, "row": row_id, "source": source_id, "user": act.user_id}
    # A player saves a position every few seconds.
    level = logging.DEBUG if change_type is ChangeType.PROGRESS_UPDATE else logging.INFO
    log.log(level, "queued", extra=ids)


def _due_at(origin: str, change_type: ChangeType) -> datetime:
    settings = config.settings()
    if change_type is ChangeType.PROGRESS_UPDATE:
        return now() + timedelta(seconds=settings.progress_delay)
    # Only a person at a page has an Undo to press.
    return now() + timedelta(seconds=settings.sync_delay if origin == "web" else 0)
