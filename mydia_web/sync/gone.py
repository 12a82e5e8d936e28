"""What a server lists no more: its copies are forgotten, and nothing is owed to them.

That they are not there says nothing of whether they were watched. A title that is listed again is a new copy.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import and_, delete, exists, or_, select

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import SourceItem

#: Of so many copies or more, more than half are not removed at once: a disk may be missing.
MANY = 20
_AT_ONCE = 500


def gone(source_id: int, listed: Collection[str], began_at: datetime) -> tuple[Sequence[int], bool]:
    """The copies known before `began_at` that a listing of everything did not show. And whether they are too many."""
    known = db.session.execute(
        select(SourceItem.id, SourceItem.remote_id).where(
            SourceItem.source_id == source_id, SourceItem.seen_at < began_at
        )
    ).all()
    missing = [item_id for item_id, remote_id in known if remote_id not in listed]
    return missing, len(known) >= MANY and 2 * len(missing) > len(known)


def forget(source_id: int, item_ids: Sequence[int]) -> None:
    for start in range(0, len(item_ids), _AT_ONCE):
        some = SourceItem.id.in_(item_ids[start : start + _AT_ONCE])
        db.session.execute(delete(SourceItem).where(some).execution_options(synchronize_session=False))
    db.session.expire_all()
    copy = or_(
        SourceItem.episode_id == QueuedChange.episode_id,
        and_(QueuedChange.episode_id.is_(None), SourceItem.media_item_id == QueuedChange.media_item_id),
    )
    has_copy = exists().where(SourceItem.source_id == source_id, copy)
    PlaybackSyncRepository().cancel(QueuedChange.source_id == source_id, ~has_copy)
