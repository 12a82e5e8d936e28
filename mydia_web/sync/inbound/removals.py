"""What a complete reading did not list any more.

A server that lists a title no more says nothing of whether it was watched: its copies are
forgotten, and nothing is owed to them. An account service lists what the person has watched or
begun: there, a missing title was unwatched.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.models import Change, ChangeSet
from mydia_web.queue.models import ChangeType
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import SourceItem, SourceItemState

#: Of this many copies or more, more than half are not removed at once: a disk may be missing.
MANY = 20
#: So many titles that are unwatched at once, and that share of what was read, are hardly a person's
#: doing.
MANY_UNWATCHED, MANY_OF_READ = 20, 0.1
#: In a small library fewer are: so many within the time below, if they are that share of what was
#: watched there.
FEW_UNWATCHED, FEW_OF_WATCHED = 3, 0.25
LATELY = timedelta(hours=1)
#: What a service showed this shortly before may be missing only because its listing lags behind.
SETTLED_AFTER = timedelta(hours=1)
_BATCH = 500

UnlistedState = tuple[SourceItem, RemoteItem, Content]


def missing_copies(
    source_id: int, listed: Collection[str], began_at: datetime
) -> tuple[Sequence[int], bool]:
    """Return the copies known before `began_at` that a complete listing left out, and whether they
    are too many.
    """
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
        db.session.execute(
            delete(SourceItem).where(batch).execution_options(synchronize_session=False)
        )
    db.session.expire_all()
    PlaybackSyncRepository().cancel_without_copy(source_id)


def are_too_many(number: int, *, read: int, watched_there: int, just_taken: int) -> bool:
    """Return whether so many titles that a source shows as unwatched must wait for a person's word.

    `just_taken` were unwatched by the same source a short while ago: a listing may lose its marks
    bit by bit.
    """
    if number > max(MANY_UNWATCHED, MANY_OF_READ * read):
        return True
    lately = number + just_taken
    return lately >= FEW_UNWATCHED and lately >= FEW_OF_WATCHED * (watched_there + just_taken)


def watched_there(account_id: int) -> int:
    """Return how many items the source last showed the account as watched."""
    state = SourceItemState
    query = select(func.count()).where(state.source_account_id == account_id, state.watched)
    return db.session.scalar(query) or 0


def unwatched_lately(user_id: int, source_id: int) -> int:
    """Return how many titles the source's readings have unwatched a short while ago."""
    query = (
        select(func.count())
        .select_from(Change)
        .join(ChangeSet, ChangeSet.id == Change.change_set_id)
        .where(
            ChangeSet.user_id == user_id,
            ChangeSet.source_id == source_id,
            ChangeSet.origin == "pull",
            ChangeSet.created_at > now() - LATELY,
            ChangeSet.undone_at.is_(None),
            Change.change_type == ChangeType.MARK_UNWATCHED.value,
        )
    )
    return db.session.scalar(query) or 0


def unlisted_states(
    source_id: int, account_id: int, listed: Collection[str], began_at: datetime
) -> Iterator[Sequence[UnlistedState]]:
    """Yield, as unwatched, the account's items that had a state and are not among the remote ids
    `listed`.

    A title that the service was told of and never listed since is left out: nobody knows why it is
    missing.
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
    missing = [
        item_id for item_id, remote_id in db.session.execute(query) if remote_id not in listed
    ]
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
