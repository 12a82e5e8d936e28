"""The queue as people read it: a page of rows, one row, and what each source is owed.

Only reads, each led by an index and none longer than a page: the table may hold a million rows.
Everywhere `user_id` None means everyone's rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, ScalarSelect, Select, and_, column, func, select, table, true

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Episode, MediaItem
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.places import MAX_COUNT, Place, find_places
from mydia_web.queue.tabs import Filter, Tab, needs_you
from mydia_web.queue.wording import Sentence, sentence
from mydia_web.sources.models import Source

PAGE = 50

# A table of playback, which stands above: only whose news a change was is asked of it.
_change_sets = table("change_sets", column("id"), column("source_id"))


class Owed(NamedTuple):
    """What one source must still be told, each counted no further than was asked."""

    waiting: int = 0
    sending: int = 0
    needs_you: int = 0
    #: When the first of them goes out.
    next_attempt_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.waiting + self.sending + self.needs_you


@dataclass(frozen=True, slots=True)
class Row:
    """One queued change as people read it."""

    change: QueuedChange
    title: str
    season_number: int | None
    episode_number: int | None
    source_name: str
    user_name: str
    #: The name of the source whose news it was, if it was a source's.
    came_from: str | None

    @property
    def tab(self) -> Tab:
        if self.change.next_attempt_at is not None:
            return Tab.WAITING
        of_status = {Status.SYNCING: Tab.SENDING, Status.SYNCED: Tab.DONE}
        return of_status.get(Status(self.change.status), Tab.NEEDS_YOU)

    def sentence(self, zone: tzinfo) -> Sentence:
        """What it does, with days as they are in that time zone."""
        code = "" if self.season_number is None else f"S{self.season_number} E{self.episode_number}"
        done = self.tab is Tab.DONE
        return sentence(self.change, self.title, code, self.source_name, done=done, zone=zone)


class Page(NamedTuple):
    """Rows, the last touched first. It may be short of them, or empty, and yet have an older one."""

    rows: Sequence[Row]
    #: Below it the next page begins; None: this was the last.
    older: Place | None


def list_rows(tab: Tab, only: Filter, *, before: Place | None = None, limit: int = PAGE) -> Page:
    """The rows of a tab below `before`."""
    places = find_places(tab, only, before=before, limit=limit)
    query = _rows().where(QueuedChange.id.in_([place.row_id for place in places.found]))
    rows = {row[0].id: Row(*row) for row in db.session.execute(query)} if places.found else {}
    return Page([rows[place.row_id] for place in places.found if place.row_id in rows], places.end)


def find_row(row_id: int, user_id: int | None) -> Row:
    """Raises `NotFound`, also for somebody else's row."""
    found = db.session.execute(_rows().where(QueuedChange.id == row_id, _whose(user_id))).first()
    if found is None:
        raise NotFound(
            "There is no such change in the queue. It may have been skipped or replaced."
        )
    return Row(*found)


def owed_by_source(user_id: int | None, *, most: int = MAX_COUNT) -> dict[int, Owed]:
    """What each source must still be told, by its id, each counted no further than `most`."""
    here = (QueuedChange.source_id == Source.id, _whose(user_id))
    counts = [
        _count(most, *here, which)
        for which in (_is("pending"), _is("failed"), needs_you, _is("syncing"))
    ]
    next_one = select(func.min(QueuedChange.next_attempt_at)).where(
        QueuedChange.source_id == Source.id, QueuedChange.next_attempt_at.is_not(None)
    )
    rows = db.session.execute(
        select(Source.id, next_one.correlate(Source).scalar_subquery(), *counts)
    )
    return {source_id: _owed(most, due, *numbers) for source_id, due, *numbers in rows}


def _owed(
    most: int, due: datetime | None, pending: int, failed: int, needs_you: int, sending: int
) -> Owed:
    return Owed(min(most, pending + max(0, failed - needs_you)), sending, needs_you, due)


def _is(status: str) -> ColumnElement[bool]:
    return QueuedChange.status == status


def _whose(user_id: int | None) -> ColumnElement[bool]:
    return true() if user_id is None else QueuedChange.user_id == user_id


def _count(most: int, *where: Any) -> ScalarSelect[int]:
    some = select(QueuedChange.id).where(and_(*where)).limit(most).correlate(Source).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _rows() -> Select[Any]:
    """Outer joins, so that no planner begins with the few users or sources and then has to sort all
    their rows.
    """
    origin = Source.__table__.alias("origin")
    return (
        select(
            QueuedChange,
            MediaItem.title,
            Episode.season_number,
            Episode.episode_number,
            Source.name,
            User.name,
            origin.c.name,
        )
        .outerjoin(MediaItem, MediaItem.id == QueuedChange.media_item_id)
        .outerjoin(Source, Source.id == QueuedChange.source_id)
        .outerjoin(User, User.id == QueuedChange.user_id)
        .outerjoin(Episode, Episode.id == QueuedChange.episode_id)
        .outerjoin(_change_sets, _change_sets.c.id == QueuedChange.change_set_id)
        .outerjoin(origin, origin.c.id == _change_sets.c.source_id)
    )
