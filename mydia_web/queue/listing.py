"""The queue as people read it: its tabs, a page of rows, one row, and what each source is owed.

Only reads, each led by an index and none longer than a page: the table may hold a million rows. Everywhere
`user_id` None means everyone's rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    column,
    func,
    select,
    table,
    text,
    true,
    tuple_,
)

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Episode, MediaItem
from mydia_web.queue.models import GOES_OUT_AFTER_FAILURE, NEEDS_YOU, QueuedChange, Status
from mydia_web.queue.wording import Sentence, sentence
from mydia_web.sources.models import Source

PAGE = 50
#: Counting stops here: "999+".
MAX_COUNT = 1000

# Not written with `status = 'failed'`, which would lead the planner to the index of all failed rows: of a
# million that wait for a person, the ten that go out by themselves could only be found by reading them all.
_GOES_OUT_AFTER_FAILURE = text(GOES_OUT_AFTER_FAILURE)
_NEEDS_YOU = text(NEEDS_YOU)
# A table of playback, which stands above: only whose news a change was is asked of it.
_change_sets = table("change_sets", column("id"), column("source_id"))


class Tab(StrEnum):
    #: Goes out by itself.
    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    #: Only a person can help.
    NEEDS_YOU = "needs-you"


class Place(NamedTuple):
    """Where a page of rows ends: the next one begins below it."""

    updated_at: datetime
    row_id: int


class Owed(NamedTuple):
    """What one source must still be told, each counted no further than `MAX_COUNT`."""

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

    @property
    def place(self) -> Place:
        return Place(self.change.updated_at, self.change.id)

    @property
    def sentence(self) -> Sentence:
        code = "" if self.season_number is None else f"S{self.season_number} E{self.episode_number}"
        return sentence(self.change, self.title, code, self.source_name, done=self.tab is Tab.DONE)


def count_tabs(user_id: int | None) -> dict[Tab, int]:
    """How many rows each tab has, counted no further than `MAX_COUNT`."""
    branches = [(tab, where) for tab in Tab for where in _branches(tab)]
    numbers = db.session.execute(select(*(_count(_whose(user_id), where) for _, where in branches))).one()
    counts = dict.fromkeys(Tab, 0)
    for (tab, _), number in zip(branches, numbers, strict=True):
        counts[tab] = min(MAX_COUNT, counts[tab] + number)
    return counts


def list_rows(
    tab: Tab, user_id: int | None, *, before: Place | None = None, limit: int = PAGE
) -> Sequence[Row]:
    """The rows of a tab below `before`, the last touched first."""
    found: list[Row] = []
    for where in _branches(tab):
        query = _rows(user_id).where(where)
        if before:
            query = query.where(tuple_(QueuedChange.updated_at, QueuedChange.id) < before)
        query = query.order_by(QueuedChange.updated_at.desc(), QueuedChange.id.desc()).limit(limit)
        found += [Row(*row) for row in db.session.execute(query)]
    return sorted(found, key=lambda row: row.place, reverse=True)[:limit]


def find_row(row_id: int, user_id: int | None) -> Row:
    """Raises `NotFound`, also for somebody else's row."""
    found = db.session.execute(_rows(user_id).where(QueuedChange.id == row_id)).first()
    if found is None:
        raise NotFound("There is no such change in the queue. It may have been skipped or replaced.")
    return Row(*found)


def owed_by_source(user_id: int | None) -> dict[int, Owed]:
    """What each source must still be told, by its id."""
    here = (QueuedChange.source_id == Source.id, _whose(user_id))
    counts = [
        _count(*here, _is("pending")),
        _count(*here, _is("failed")),
        _count(*here, _NEEDS_YOU),
        _count(*here, _is("syncing")),
    ]
    next_one = select(func.min(QueuedChange.next_attempt_at)).where(
        QueuedChange.source_id == Source.id, QueuedChange.next_attempt_at.is_not(None)
    )
    rows = db.session.execute(select(Source.id, next_one.correlate(Source).scalar_subquery(), *counts))
    return {source_id: _owed(due, *numbers) for source_id, due, *numbers in rows}


def _owed(due: datetime | None, pending: int, failed: int, needs_you: int, sending: int) -> Owed:
    waiting = min(MAX_COUNT, pending + max(0, failed - needs_you))
    return Owed(waiting, sending, needs_you, due)


def _branches(tab: Tab) -> list[ColumnElement[bool]]:
    """What belongs to a tab, in parts that one index each can hand out in their order."""
    parts: dict[Tab, list[Any]] = {
        Tab.WAITING: [_is("pending"), _GOES_OUT_AFTER_FAILURE],
        Tab.SENDING: [_is("syncing")],
        Tab.DONE: [_is("synced")],
        Tab.NEEDS_YOU: [_NEEDS_YOU],
    }
    return parts[tab]


def _is(status: str) -> ColumnElement[bool]:
    return QueuedChange.status == status


def _whose(user_id: int | None) -> ColumnElement[bool]:
    return true() if user_id is None else QueuedChange.user_id == user_id


def _count(*where: Any) -> ScalarSelect[int]:
    some = select(QueuedChange.id).where(and_(*where)).limit(MAX_COUNT).correlate(Source).subquery()
    return select(func.count()).select_from(some).scalar_subquery()


def _rows(user_id: int | None) -> Select[Any]:
    """Outer joins, so that no planner begins with the few users or sources and then has to sort all their rows."""
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
        .where(_whose(user_id))
    )
