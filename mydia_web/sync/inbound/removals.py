"""Titles that a complete reading does not list any more.

On a server that says nothing of whether they were watched: their copies are forgotten, and nothing
is owed to them. An account service lists what the person has watched or begun, so a title missing
there was unwatched.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta

from sqlalchemy import delete, func, or_, select

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.content import load
from mydia_web.playback.models import Change, ChangeSet
from mydia_web.queue.models import ChangeType
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import SourceItem, SourceItemState
from mydia_web.sync.inbound.matching import MatchedItem

#: From this many copies on, more than half are not removed at once: a disk may be missing.
MANY = 20
#: More titles unwatched at once than this number, and than this share of what was read, are hardly
#: one person's doing.
MANY_UNWATCHED = 20
MANY_OF_READ = 0.1
#: Nor is this number within the time below, in a small library where it is also this share of what
#: was watched there.
FEW_UNWATCHED = 3
FEW_OF_WATCHED = 0.25
LATELY = timedelta(hours=1)
#: What a service showed more recently may be missing only because its listing lags behind.
SETTLED_AFTER = timedelta(hours=1)
_BATCH = 500


def missing_copies(
    source_id: int, listed: Collection[str], began_at: datetime
) -> tuple[Sequence[int], bool]:
    """Return the ids of copies known before `began_at` that a complete listing left out.

    The second value tells whether they are too many to be forgotten without asking.
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
    """Forget these copies; cancel what is owed to titles without any left on the source."""
    for start in range(0, len(item_ids), _BATCH):
        batch = SourceItem.id.in_(item_ids[start : start + _BATCH])
        db.session.execute(
            delete(SourceItem).where(batch).execution_options(synchronize_session=False)
        )
    db.session.expire_all()
    PlaybackSyncRepository().cancel_without_copy(source_id)


def are_too_many(number: int, *, read: int, watched_there: int, just_taken: int) -> bool:
    """Return whether this number of removals must wait until a person confirms it.

    `just_taken`: removals taken over from the same source a short while ago. A listing may lose its
    marks bit by bit.
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
    """Return how many titles the source's pulls have unwatched a short while ago."""
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
) -> Iterator[Sequence[MatchedItem]]:
    """Yield, as unwatched, items of the account that had a state and are not in `listed`.

    A title that the service was told of, and never listed since, is left out: it is unknown why it
    is missing.
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
        batch = missing[start : start + _BATCH]
        copies = db.session.scalars(select(SourceItem).where(SourceItem.id.in_(batch))).all()
        yield [_as_unwatched(copy) for copy in copies]


def _as_unwatched(copy: SourceItem) -> MatchedItem:
    content = load(copy.content_key)
    unwatched = RemoteState(watched=False)
    item = RemoteItem(
        remote_id=copy.remote_id, kind=content.content_kind, title=content.title, state=unwatched
    )
    return MatchedItem(copy, item, content)
