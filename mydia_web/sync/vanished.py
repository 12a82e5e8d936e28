"""What an account service lists no more.

Its listing is what the person has watched or begun there: a title that was unwatched is not shown as unwatched, it is
missing. One that was told to the service and never listed since is not: nobody knows why.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import or_, select

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.db import db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.sources.models import SourceItem, SourceItemState

#: What the service showed so shortly before may be missing only because its listing lags behind.
SETTLED_AFTER = timedelta(hours=1)
_AT_ONCE = 500

Vanished = tuple[SourceItem, RemoteItem, Content]


def vanished(
    source_id: int, account_id: int, listed: Collection[str], began_at: datetime
) -> Iterator[Sequence[Vanished]]:
    """The account's items that had a state, and are not among the remote ids `listed` since `began_at`."""
    query = (
        select(SourceItem.id, SourceItem.remote_id)
        .join(SourceItemState, SourceItemState.source_item_id == SourceItem.id)
        .where(
            SourceItem.source_id == source_id,
            SourceItemState.source_account_id == account_id,
            SourceItemState.seen_at < began_at - SETTLED_AFTER,
            SourceItemState.is_listed,
            or_(SourceItemState.watched, SourceItemState.position_ms > 0),
        )
    )
    missing = [item_id for item_id, remote_id in db.session.execute(query) if remote_id not in listed]
    for start in range(0, len(missing), _AT_ONCE):
        yield [_unwatched(row) for row in _rows(missing[start : start + _AT_ONCE])]


def _rows(item_ids: Sequence[int]) -> Sequence[SourceItem]:
    return db.session.scalars(select(SourceItem).where(SourceItem.id.in_(item_ids))).all()


def _unwatched(row: SourceItem) -> Vanished:
    content: Content
    if row.episode_id is not None:
        content = db.session.get_one(Episode, row.episode_id)
    else:
        content = db.session.get_one(MediaItem, row.media_item_id)
    return (
        row,
        RemoteItem(row.remote_id, content.content_kind, content.title, state=RemoteState(False)),
        content,
    )
