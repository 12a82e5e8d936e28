"""What we hold of the titles that a source shows, and what it was told of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, or_, select

from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.library.content import is_one_of
from mydia_web.library.models import Content, Episode
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sync.inbound.merge import Side

#: (media item id, None) of a film, (None, episode id) of an episode.
Key = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class OutboxState:
    """The latest that a source was told of a title, or has yet to be told."""

    #: When the person did it.
    at: datetime
    is_owed: bool
    #: It has a mark to set or to take away, and may have heard of one before without our knowing.
    of_mark: bool = False
    #: Of the queued change, where the source did not have the title.
    missing_id: int | None = None


def progress_of(user_id: int, contents: Sequence[Content]) -> dict[Key, PlaybackProgress]:
    films, episodes = _ids(contents)
    rows = db.session.scalars(
        select(PlaybackProgress).where(
            PlaybackProgress.user_id == user_id,
            is_one_of(PlaybackProgress, films, episodes),
        )
    )
    return {(row.media_item_id, row.episode_id): row for row in rows}


def outbox_state(user_id: int, source_id: int, contents: Sequence[Content]) -> dict[Key, OutboxState]:
    """Of the contents that this source was ever told of."""
    films, episodes = _ids(contents)
    row = QueuedChange
    columns = (row.id, row.status, row.error_class, row.intent_at, row.completed)
    rows = db.session.execute(
        select(row.media_item_id, row.episode_id, *columns).where(
            row.user_id == user_id,
            row.source_id == source_id,
            row.play_key == "",
            or_(
                row.episode_id.in_(episodes) if episodes else false(),
                row.media_item_id.in_(films) & row.episode_id.is_(None) if films else false(),
            ),
        )
    )
    return {
        (film_id, None) if episode_id is None else (None, episode_id): OutboxState(
            at, status != Status.SYNCED, completed is not None, row_id if error_class == "unmatched" else None
        )
        for film_id, episode_id, row_id, status, error_class, at, completed in rows
    }


def side_of(progress: PlaybackProgress | None, told: OutboxState | None = None) -> Side | None:
    """Our side. What is not there was taken away when the source had to be told of it last."""
    if progress is None:
        return Side(changed_at=told.at) if told and told.is_owed else None
    at = progress.last_watched_at
    return Side(
        progress.watched,
        progress.position_seconds * 1000 if progress.in_progress else 0,
        at if at > UNKNOWN_TIME else None,
    )


def _ids(contents: Sequence[Content]) -> tuple[list[int], list[int]]:
    films = [one.id for one in contents if not isinstance(one, Episode)]
    return films, [one.id for one in contents if isinstance(one, Episode)]
