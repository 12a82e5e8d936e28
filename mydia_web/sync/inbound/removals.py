"""What a complete reading did not list any more.

A server that lists a title no more says nothing of whether it was watched: its copies are forgotten, and nothing is
owed to them. An account service lists what the person has watched or begun: there, a missing title was unwatched.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, exists, or_, select

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.db import db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import SourceItem, SourceItemState

#: Of this many copies or more, more than half are not removed at once: a disk may be missing.
MANY = 20
#: What a service showed this shortly before may be missing only because its listing lags behind.
SETTLED_AFTER = timedelta(hours=1)
_BATCH = 500

UnlistedState = tuple[SourceItem, RemoteItem, Content]


def missing_copies(source_id: int, listed: Collection[str], began_at: datetime) -> tuple[Sequence[int], bool]:
    """Return the copies known before `began_at` that a complete listing left out, and whether they are too many."""
    known = db.session.execute(
        select(SourceItem.id, SourceItem.remote_id).where(
            SourceItem.source_id == source_id, SourceItem.seen_at < began_at
        )
    ).all()
    missing = [item_id for item_id, remote_id in known if remote_id not in listed]
    are_too_many = len(known) >= MANY and 2 * len(missing) > len(known)
    return missing, are_too_many


def forget_copies(source_id: int, item_ids: Sequence[int]) -> None:
    """Forget these copies, and cancel what is owed to titles that have none left on the source."""
    for start in range(0, len(item_ids), _BATCH):
        batch = SourceItem.id.in_(item_ids[start : start + _BATCH])
        db.session.execute(delete(SourceItem).where(batch).execution_options(synchronize_session=False))
    db.session.expire_all()
    copy = or_(
        SourceItem.episode_id == QueuedChange.episode_id,
        and_(QueuedChange.episode_id.is_(None), SourceItem.media_item_id == QueuedChange.media_item_id),
    )
    has_copy = exists().where(SourceItem.source_id == source_id, copy)
    PlaybackSyncRepository().cancel(QueuedChange.source_id == source_id, ~has_copy)


def unlisted_states(
    source_id: int, account_id: int, listed: Collection[str], began_at: datetime
) -> Iterator[Sequence[UnlistedState]]:
    """Yield, as unwatched, the account's items that had a state and are not among the remote ids `listed`.

    A title that the service was told of and never listed since is left out: nobody knows why it is missing.
    """
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
    for start in range(0, len(missing), _BATCH):
        yield [_as_unwatched(row) for row in _rows(missing[start : start + _BATCH])]


def _rows(item_ids: Sequence[int]) -> Sequence[SourceItem]:
    return db.session.scalars(select(SourceItem).where(SourceItem.id.in_(item_ids))).all()


def _as_unwatched(row: SourceItem) -> UnlistedState:
    content: Content
    if row.episode_id is not None:
        content = db.session.get_one(Episode, row.episode_id)
    else:
        content = db.session.get_one(MediaItem, row.media_item_id)
    item = RemoteItem(row.remote_id, content.content_kind, content.title, state=RemoteState(False))
    return (row, item, content)
