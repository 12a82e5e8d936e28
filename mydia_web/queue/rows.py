"""Which rows belong to a content, and the one order in which rows are locked."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, false, or_, select

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange

#: All who lock more than one row of the queue lock them in this order, so that none waits for another in a circle.
#: Films come first: they are written by a statement of their own.
_ORDER = (
    QueuedChange.episode_id.is_not(None),
    QueuedChange.source_id,
    QueuedChange.user_id,
    QueuedChange.media_item_id,
    QueuedChange.episode_id,
    QueuedChange.play_key,
)
_COLUMNS = tuple(QueuedChange.__table__.c)


def place_in_order(row: Any) -> tuple[bool, int, int, int, int, str]:
    """Return by what a row, or an intent, which has no play key, is sorted to stand in the order of locks."""
    play_key = getattr(row, "play_key", "")
    is_episode = row.episode_id is not None
    return is_episode, row.source_id, row.user_id, row.media_item_id, row.episode_id or 0, play_key


def lock_rows(*where: ColumnElement[bool]) -> Sequence[Row[Any]]:
    """Lock these rows in order, until the transaction ends, and return them as they are then."""
    query = select(*_COLUMNS).where(*where).order_by(*_ORDER)
    return db.session.execute(query.with_for_update()).all()


def of_contents(films: Collection[int], episodes: Collection[int]) -> ColumnElement[bool]:
    """Is the row of one of these? A kind of which there are none is left out, as in `library.content.is_one_of`."""
    is_film = and_(QueuedChange.media_item_id.in_(films), QueuedChange.episode_id.is_(None))
    is_episode = QueuedChange.episode_id.in_(episodes)
    return or_(false(), *(is_asked for is_asked, ids in ((is_film, films), (is_episode, episodes)) if ids))
