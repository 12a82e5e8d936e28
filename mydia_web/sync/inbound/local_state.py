"""What we hold of the titles that a source shows, and what it was told of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import false, func, select

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db, lock_titles
from mydia_web.library.models import Content, ContentKey
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import SourceItem, SourceItemState
from mydia_web.sync.inbound.merge import Side, agree


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """The latest that a source was told of a title, or has yet to be told."""

    #: When the person did it.
    at: datetime
    is_owed: bool
    #: It has a mark to set or to take away, and may have heard of one before without our knowing.
    of_mark: bool = False
    #: When the worker took it up that is pushing it just now; None: nobody is.
    taken_up_at: datetime | None = None
    #: Of the queued change, where the source did not have the title.
    missing_id: int | None = None

    @property
    def is_under_way(self) -> bool:
        return self.taken_up_at is not None

    def is_older_than(self, asked_at: datetime) -> bool:
        """Return whether a page that was asked for then may show it already, or may tell of
        something newer.
        """
        return self.at <= asked_at or (
            self.taken_up_at is not None and self.taken_up_at <= asked_at
        )


def progress_of(user_id: int, contents: Sequence[Content]) -> dict[ContentKey, PlaybackProgress]:
    keys = [content.key for content in contents]
    own = PlaybackProgress.user_id == user_id
    rows = db.session.scalars(select(PlaybackProgress).where(own, PlaybackProgress.of_any(keys)))
    return {row.content_key: row for row in rows}


def outbox_state(
    user_id: int, source_id: int, contents: Sequence[Content]
) -> dict[ContentKey, OutboxState]:
    """Of the contents that this source was ever told of."""
    keys = [content.key for content in contents]
    row = QueuedChange
    is_under_way = func.coalesce(row.lease_until > now(), false())
    columns = (
        row.id,
        row.status,
        row.error_class,
        row.intent_at,
        row.completed,
        row.last_attempt_at,
    )
    rows = db.session.execute(
        select(row.media_item_id, row.episode_id, *columns, is_under_way).where(
            row.user_id == user_id,
            row.source_id == source_id,
            row.play_key == "",
            row.of_any(keys),
        )
    )
    return {
        ContentKey.from_columns(film_id, episode_id): OutboxState(
            at=at,
            is_owed=status != Status.SYNCED,
            of_mark=completed is not None,
            taken_up_at=taken_up_at if is_under_way else None,
            missing_id=row_id if error_class == "unmatched" else None,
        )
        for film_id, episode_id, row_id, status, error_class, at, completed, taken_up_at, is_under_way in rows
    }


def lock_contents(user_id: int, contents: Iterable[Content]) -> None:
    """Lock the titles of these contents before anything is read of the user's."""
    lock_titles((user_id, content.title_id) for content in contents)


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


def differing_copies(
    user_id: int, account_id: int, source_id: int, contents: Sequence[Content]
) -> Sequence[Content]:
    """Return those of which the source holds several copies, where one was last seen to show
    another state than ours.

    What the source is owed anyway is left out: that goes to every copy.
    """
    keys = [content.key for content in contents]
    if not contents:
        return ()
    item, state = SourceItem, SourceItemState
    own_state = (state.source_item_id == item.id) & (state.source_account_id == account_id)
    rows = db.session.execute(
        select(item.media_item_id, item.episode_id, state.watched, state.position_ms)
        .outerjoin(state, own_state)
        .where(item.source_id == source_id, item.of_any(keys))
    )
    shown: dict[ContentKey, list[Side]] = {}
    for film_id, episode_id, watched, position_ms in rows:
        shown.setdefault(ContentKey.from_columns(film_id, episode_id), []).append(
            Side(bool(watched), position_ms or 0)
        )
    several = [one for one in contents if len(shown.get(one.key, ())) > 1]
    if not several:
        return ()
    db.session.flush()
    ours, outbox = progress_of(user_id, several), outbox_state(user_id, source_id, several)
    return [one for one in several if _differ(shown[one.key], ours, outbox, one.key)]


def _differ(
    shown: Sequence[Side],
    ours: Mapping[ContentKey, PlaybackProgress],
    outbox: Mapping[ContentKey, OutboxState],
    key: ContentKey,
) -> bool:
    if key in outbox and outbox[key].is_owed:
        return False
    own = side_of(ours.get(key)) or Side()
    return any(not agree(own, one) for one in shown)
