"""The queue as people read it: tabs and filters, pages of rows, counts, and the words of a row.

The table may hold a million rows. Every read here is led by an index and stops early, except
`count_by_source`, which counts all rows. `user_id` None always means everyone's rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from enum import StrEnum
from itertools import chain
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    ScalarSelect,
    Select,
    and_,
    column,
    func,
    literal,
    select,
    table,
    text,
    true,
    tuple_,
    union_all,
)

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Episode, MediaItem
from mydia_web.queue.models import GOES_OUT_AFTER_FAILURE, NEEDS_YOU, QueuedChange, Status
from mydia_web.sources.models import Source

#: Rows on one page.
PAGE = 50
#: Counting stops here: "999+".
MAX_COUNT = 1000
#: Rows looked through for a filter that no index covers.
MAX_SCANNED = 1000

# A table of playback, which is a layer above: only the source of a change is read from it.
_change_sets = table("change_sets", column("id"), column("source_id"))


class Tab(StrEnum):
    #: Goes out by itself.
    WAITING = "waiting"
    SENDING = "sending"
    DONE = "done"
    #: Only a person can help.
    NEEDS_YOU = "needs-you"


class Kind(StrEnum):
    """What a change does, in the words of the page."""

    WATCHED = "watched"
    UNWATCHED = "unwatched"
    POSITION = "position"
    #: A play that a service counts.
    PLAY = "play"


_IS_PAST_PLAY = QueuedChange.play_key != ""
_IS_OF_KIND: dict[Kind, ColumnElement[bool]] = {
    Kind.WATCHED: and_(QueuedChange.completed.is_(True), ~_IS_PAST_PLAY),
    Kind.UNWATCHED: QueuedChange.completed.is_(False),
    Kind.POSITION: QueuedChange.completed.is_(None),
    Kind.PLAY: _IS_PAST_PLAY,
}


@dataclass(frozen=True, slots=True)
class Filter:
    """The changes to show; None means all."""

    user_id: int | None = None
    source_id: int | None = None
    kind: Kind | None = None

    @property
    def of_user(self) -> ColumnElement[bool]:
        return _is_of_user(self.user_id)

    @property
    def of_source(self) -> ColumnElement[bool]:
        if self.source_id is None:
            return true()
        return QueuedChange.source_id == self.source_id

    @property
    def matches(self) -> ColumnElement[bool]:
        """The condition on source and kind, which follows the one on the user."""
        if self.kind is None:
            return self.of_source
        return and_(self.of_source, _IS_OF_KIND[self.kind])


@dataclass(frozen=True, slots=True)
class _Branch:
    """A tab, or a part of one, that an index holds by the time of its last change."""

    where: ColumnElement[bool]
    #: The order of the index that holds it by source; empty where there is none.
    source_order: tuple[Any, ...] = ()


# Not written with `status = 'failed'`, which would lead the planner to the index of all failed
# rows: among a million that wait for a person, the ten that go out by themselves could then only be
# found by reading them all.
_needs_you: Any = text(NEEDS_YOU)
_goes_out_after_failure: Any = text(GOES_OUT_AFTER_FAILURE)


def _has_status(status: Status) -> _Branch:
    return _Branch(QueuedChange.status == status.value, (QueuedChange.user_id,))


_BRANCHES: dict[Tab, tuple[_Branch, ...]] = {
    Tab.WAITING: (_has_status(Status.PENDING), _Branch(_goes_out_after_failure)),
    Tab.SENDING: (_has_status(Status.SYNCING),),
    Tab.DONE: (_has_status(Status.SYNCED),),
    Tab.NEEDS_YOU: (_Branch(_needs_you, (QueuedChange.next_attempt_at, QueuedChange.user_id)),),
}
_TAB_OF_STATUS = {Status.SYNCING: Tab.SENDING, Status.SYNCED: Tab.DONE}


class Sentence(NamedTuple):
    """What a row does, in parts that a page sets apart: Mark *Low Tide* S3 E7 watched on Kodi."""

    verb: str
    title: str
    code: str
    rest: str

    def __str__(self) -> str:
        return " ".join(filter(None, self))


class Row(NamedTuple):
    """One queued change with the names that people know it by."""

    change: QueuedChange
    title: str
    season_number: int | None
    episode_number: int | None
    source_name: str
    user_name: str
    #: The name of the source that reported the change; None for a person's own.
    came_from: str | None

    @property
    def tab(self) -> Tab:
        if self.change.next_attempt_at is not None:
            return Tab.WAITING
        return _TAB_OF_STATUS.get(Status(self.change.status), Tab.NEEDS_YOU)

    def sentence(self, zone: tzinfo) -> Sentence:
        """Return what the change does on the source, or has done there, with days in this zone."""
        change = self.change
        ending = "ed" if self.tab is Tab.DONE else ""
        if change.play_key and change.watched_at:
            verb = f"Add{ending} the play of {_day(change.watched_at, zone)} to"
            return Sentence(verb, self.title, self._code, f"on {self.source_name}")
        position = "to the beginning"
        if change.position_ms:
            position = f"to {_clock_time(change.position_ms)}"
        if change.completed is None:
            return Sentence("Set", self.title, self._code, f"{position} on {self.source_name}")
        rest = "watched" if change.completed else "unwatched"
        if change.position_ms:
            rest += f" and set it {position}"
        return Sentence(f"Mark{ending}", self.title, self._code, f"{rest} on {self.source_name}")

    @property
    def _code(self) -> str:
        if self.season_number is None:
            return ""
        return f"S{self.season_number} E{self.episode_number}"


def _clock_time(milliseconds: int) -> str:
    """Return 12:34, or 1:02:03 from an hour on."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def _day(at: datetime, zone: tzinfo) -> str:
    """Return 3 March, or 3 March 2024 in another year."""
    day = at.astimezone(zone)
    today = now().astimezone(zone)
    if day.year == today.year:
        return f"{day.day} {day:%B}"
    return f"{day.day} {day:%B %Y}"


# Pages of rows

_NEWEST_FIRST = (QueuedChange.updated_at.desc(), QueuedChange.id.desc())


class Cursor(NamedTuple):
    """The position of a row in its tab. The next page begins below the cursor of the last one."""

    updated_at: datetime
    row_id: int


class Page(NamedTuple):
    """Rows, the last changed first. A page may be short or empty although an older one follows."""

    rows: Sequence[Row]
    #: The next page begins below it; None: this was the last.
    older: Cursor | None


class _Slice(NamedTuple):
    """Cursors of matching rows, newest first."""

    cursors: Sequence[Cursor]
    #: The slice is complete down to here; None: down to the oldest row.
    end: Cursor | None


def list_rows(tab: Tab, only: Filter, *, before: Cursor | None = None, limit: int = PAGE) -> Page:
    """Return the rows of a tab below `before`."""
    cursors, end = _find_cursors(tab, only, before, limit)
    if not cursors:
        return Page([], end)
    row_ids = [cursor.row_id for cursor in cursors]
    found = db.session.execute(_select_rows().where(QueuedChange.id.in_(row_ids)))
    rows = {row[0].id: Row(*row) for row in found}
    return Page([rows[row_id] for row_id in row_ids if row_id in rows], end)


def find_row(row_id: int, user_id: int | None) -> Row:
    """Return one row. Raises `NotFound`, also for another user's row."""
    query = _select_rows().where(QueuedChange.id == row_id, _is_of_user(user_id))
    row = db.session.execute(query).first()
    if row is None:
        raise NotFound(
            "There is no such change in the queue. It may have been skipped or replaced."
        )
    return Row(*row)


def select_ids(tab: Tab, only: Filter, limit: int) -> Select[Any]:
    """Return a query for ids of a tab with one branch, found among its first `limit` rows."""
    (branch,) = _BRANCHES[tab]
    scanned = _scan(branch, only, QueuedChange.id, only.matches.label("matches"))
    scanned_rows = scanned.limit(limit).subquery()
    return select(scanned_rows.c.id).where(scanned_rows.c.matches)


def _find_cursors(tab: Tab, only: Filter, before: Cursor | None, limit: int) -> _Slice:
    """Return the cursors of a page: `limit` of them, or fewer where more take too long to find."""
    slices = [_read_branch(branch, only, before, limit + 1) for branch in _BRANCHES[tab]]
    # Below the end of one branch, the rows of the others are not all there are.
    end = max((part.end for part in slices if part.end is not None), default=None)
    cursors = sorted(chain.from_iterable(part.cursors for part in slices), reverse=True)
    if end is not None:
        cursors = [cursor for cursor in cursors if cursor >= end]
    if len(cursors) > limit:
        return _Slice(cursors[:limit], cursors[limit - 1])
    return _Slice(cursors, end)


def _read_branch(branch: _Branch, only: Filter, before: Cursor | None, limit: int) -> _Slice:
    cursors = None
    if only.source_id is not None and branch.source_order:
        cursors = _read_source(branch, only)
    if cursors is None:
        return _read_down(branch, only, before, limit)
    if before is not None:
        cursors = [cursor for cursor in cursors if cursor < before]
    newest = sorted(cursors, reverse=True)[:limit]
    if len(newest) == limit:
        return _Slice(newest, newest[-1])
    return _Slice(newest, None)


def _read_source(branch: _Branch, only: Filter) -> list[Cursor] | None:
    """Return all cursors of the source, unsorted; None if they are too many to sort."""
    query = _scan(branch, only, QueuedChange.updated_at, QueuedChange.id, only.matches)
    rows = db.session.execute(query.limit(MAX_SCANNED)).all()
    if len(rows) == MAX_SCANNED:
        return None
    return [Cursor(updated_at, row_id) for updated_at, row_id, matches in rows if matches]


def _read_down(branch: _Branch, only: Filter, before: Cursor | None, limit: int) -> _Slice:
    """Read from `before` downwards in the order of the page, no more rows than allowed."""
    max_rows = MAX_SCANNED
    if only.kind is None and only.source_id is None:
        max_rows = limit
    query = select(QueuedChange.updated_at, QueuedChange.id, only.matches)
    query = query.where(branch.where, only.of_user).order_by(*_NEWEST_FIRST).limit(max_rows)
    if before:
        query = query.where(tuple_(QueuedChange.updated_at, QueuedChange.id) < before)
    rows = db.session.execute(query).all()
    matching = [Cursor(updated_at, row_id) for updated_at, row_id, matches in rows if matches]
    cursors = matching[:limit]
    if len(cursors) == limit:
        return _Slice(cursors, cursors[-1])
    if len(rows) < max_rows:
        return _Slice(cursors, None)
    updated_at, row_id, _ = rows[-1]
    return _Slice(cursors, Cursor(updated_at, row_id))


def _scan(branch: _Branch, only: Filter, *columns: Any) -> Select[Any]:
    """Select the rows of a branch, by source if the filter names one and an index has that order.

    Otherwise they come in the order of the page.
    """
    query = select(*columns).select_from(QueuedChange).where(branch.where, only.of_user)
    if only.source_id is not None and branch.source_order:
        return query.where(only.of_source).order_by(*branch.source_order)
    return query.order_by(*_NEWEST_FIRST)


def _select_rows() -> Select[Any]:
    # Outer joins, so that no planner begins with the few users or sources and then has to sort all
    # their rows.
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


def _is_of_user(user_id: int | None) -> ColumnElement[bool]:
    if user_id is None:
        return true()
    return QueuedChange.user_id == user_id


# Counts


class Count(NamedTuple):
    """A number of rows; the least there are unless it is exact."""

    number: int
    is_exact: bool = True

    def __str__(self) -> str:
        if self.is_exact:
            return f"{self.number:,}"
        return f"{self.number:,}+"


class Owed(NamedTuple):
    """The changes that one source has yet to receive, each kind counted up to a limit."""

    waiting: int = 0
    sending: int = 0
    needs_you: int = 0
    #: When the first of them goes out.
    next_attempt_at: datetime | None = None

    @property
    def total(self) -> int:
        return self.waiting + self.sending + self.needs_you


class SourceCounts(NamedTuple):
    """The changes of one source, counted exactly."""

    source: Source
    #: Goes out by itself.
    waiting: int
    sending: int
    #: Only a person can help.
    needs_you: int
    synced: int
    #: When the first scheduled row is or was due; None: nothing is scheduled.
    next_attempt_at: datetime | None

    @property
    def owed(self) -> int:
        return self.waiting + self.sending


def count_tabs(only: Filter) -> dict[Tab, Count]:
    """Count the rows of each tab up to `MAX_COUNT`."""
    parts = [(tab, branch) for tab in Tab for branch in _BRANCHES[tab]]
    queries = [_count_branch(index, branch, only) for index, (_, branch) in enumerate(parts)]
    counts = dict.fromkeys(Tab, Count(0))
    for index, matching, scanned, limit in db.session.execute(union_all(*queries)):
        tab = parts[index][0]
        number = counts[tab].number + matching
        is_complete = counts[tab].is_exact and scanned < limit
        counts[tab] = Count(min(number, MAX_COUNT - 1), is_complete and number < MAX_COUNT)
    return counts


def _count_branch(index: int, branch: _Branch, only: Filter) -> Any:
    limit = MAX_SCANNED
    is_indexed = only.source_id is None or bool(branch.source_order)
    if only.kind is None and is_indexed:
        limit = MAX_COUNT
    scanned = _scan(branch, only, only.matches.label("matches")).limit(limit).subquery()
    matching = func.count().filter(scanned.c.matches)
    return select(literal(index), matching, func.count(), literal(limit)).select_from(scanned)


def owed_by_source(user_id: int | None, *, limit: int = MAX_COUNT) -> dict[int, Owed]:
    """Count what each source is owed, by its id, each kind up to `limit`."""
    is_owed = (QueuedChange.source_id == Source.id, _is_of_user(user_id))
    next_attempt_at = select(func.min(QueuedChange.next_attempt_at)).where(
        QueuedChange.source_id == Source.id, QueuedChange.next_attempt_at.is_not(None)
    )
    query = select(
        Source.id,
        next_attempt_at.correlate(Source).scalar_subquery(),
        _count_up_to(limit, *is_owed, QueuedChange.status == Status.PENDING.value),
        _count_up_to(limit, *is_owed, QueuedChange.status == Status.FAILED.value),
        _count_up_to(limit, *is_owed, _needs_you),
        _count_up_to(limit, *is_owed, QueuedChange.status == Status.SYNCING.value),
    )
    owed: dict[int, Owed] = {}
    for source_id, next_at, pending, failed, needs_you, sending in db.session.execute(query):
        waiting = min(limit, pending + max(0, failed - needs_you))
        owed[source_id] = Owed(waiting, sending, needs_you, next_at)
    return owed


def _count_up_to(limit: int, *where: Any) -> ScalarSelect[int]:
    rows = select(QueuedChange.id).where(*where).limit(limit).correlate(Source).subquery()
    return select(func.count()).select_from(rows).scalar_subquery()


def count_by_source(source_ids: Sequence[int] | None = None) -> list[SourceCounts]:
    """Count every row of these sources, or of all, by name: for scrapes and commands, not pages."""
    is_scheduled = QueuedChange.next_attempt_at.is_not(None)
    query = (
        select(
            Source,
            func.count().filter(is_scheduled),
            func.count().filter(QueuedChange.status == Status.SYNCING),
            func.count().filter(QueuedChange.status == Status.FAILED, ~is_scheduled),
            func.count().filter(QueuedChange.status == Status.SYNCED),
            func.min(QueuedChange.next_attempt_at),
        )
        .outerjoin(QueuedChange, QueuedChange.source_id == Source.id)
        .group_by(Source.id)
        .order_by(Source.name)
    )
    if source_ids is not None:
        query = query.where(Source.id.in_(source_ids))
    return [SourceCounts(*row) for row in db.session.execute(query)]
