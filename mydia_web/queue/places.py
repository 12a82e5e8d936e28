"""Where in the queue the rows are that a filter asks for, found without reading through the table.

An index leads every look. It knows the tab, and either the user and the order of the page, or the
source without that order; what a filter asks beyond it is looked for among `LOOKED_THROUGH` rows at
most.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Select, func, literal, select, tuple_, union_all

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.tabs import Branch, Filter, Tab, branches

#: Counting stops here: "999+".
MAX_COUNT = 1000
LOOKED_THROUGH = 1000

_NEWEST_FIRST = (QueuedChange.updated_at.desc(), QueuedChange.id.desc())


class Place(NamedTuple):
    """The place of a row in its tab, and so where a page of rows ends: the next one begins below
    it.
    """

    updated_at: datetime
    row_id: int


class Count(NamedTuple):
    """How many there are; at least so many unless it is exact."""

    number: int
    is_exact: bool = True

    def __str__(self) -> str:
        return f"{self.number:,}" if self.is_exact else f"{self.number:,}+"


class Places(NamedTuple):
    """What was found, newest first."""

    found: Sequence[Place]
    #: It is complete down to there; None: to the bottom.
    end: Place | None


def count_tabs(only: Filter) -> dict[Tab, Count]:
    """How many rows each tab has, counted no further than `MAX_COUNT`."""
    parts = [(tab, branch) for tab in Tab for branch in branches(tab)]
    counts = dict.fromkeys(Tab, Count(0))
    query = union_all(*(_count(number, branch, only) for number, (_, branch) in enumerate(parts)))
    for number, fitting, looked_at, limit in db.session.execute(query):
        tab = parts[number][0]
        total, is_exact = counts[tab].number + fitting, counts[tab].is_exact and looked_at < limit
        counts[tab] = Count(min(total, MAX_COUNT - 1), is_exact and total < MAX_COUNT)
    return counts


def find_places(tab: Tab, only: Filter, *, before: Place | None, limit: int) -> Places:
    """The places of a page: `limit` of them, or fewer where that would take a longer look."""
    looks = [_look(branch, only, before, limit + 1) for branch in branches(tab)]
    # Below the place where one look ended, what the others found is not all there is.
    end = max((look.end for look in looks if look.end), default=None)
    found = sorted((place for look in looks for place in look.found), reverse=True)
    complete = [place for place in found if end is None or place >= end]
    return Places(complete[:limit], complete[limit - 1] if len(complete) > limit else end)


def some_ids(tab: Tab, only: Filter, limit: int) -> Select[Any]:
    """The ids of the rows of a tab of one branch, found among so many of them."""
    (branch,) = branches(tab)
    looked_at = _led(branch, only, QueuedChange.id, only.fits.label("fits")).limit(limit).subquery()
    return select(looked_at.c.id).where(looked_at.c.fits)


def _count(number: int, branch: Branch, only: Filter) -> Any:
    is_known = only.kind is None and (only.source_id is None or branch.by_source)
    limit = MAX_COUNT if is_known else LOOKED_THROUGH
    looked_at = _led(branch, only, only.fits.label("fits")).limit(limit).subquery()
    fitting = func.count().filter(looked_at.c.fits)
    return select(literal(number), fitting, func.count(), literal(limit)).select_from(looked_at)


def _led(branch: Branch, only: Filter, *columns: Any) -> Select[Any]:
    """In the order of the index by source where one is asked for and there is such an index, else
    of the page.
    """
    query = select(*columns).select_from(QueuedChange).where(branch.where, only.of_user)
    if only.source_id is not None and branch.by_source:
        return query.where(only.of_source).order_by(*branch.by_source)
    return query.order_by(*_NEWEST_FIRST)


def _look(branch: Branch, only: Filter, before: Place | None, most: int) -> Places:
    few = _few_of_source(branch, only) if only.source_id is not None and branch.by_source else None
    if few is None:
        return _look_down(branch, only, before, most)
    found = sorted((place for place in few if before is None or place < before), reverse=True)[
        :most
    ]
    return Places(found, found[-1] if len(found) == most else None)


def _few_of_source(branch: Branch, only: Filter) -> list[Place] | None:
    """All that the source has, in no order; None: too many to put them in order."""
    query = _led(branch, only, QueuedChange.updated_at, QueuedChange.id, only.fits).limit(
        LOOKED_THROUGH
    )
    looked_at = db.session.execute(query).all()
    if len(looked_at) == LOOKED_THROUGH:
        return None
    return [Place(at, row_id) for at, row_id, fits in looked_at if fits]


def _look_down(branch: Branch, only: Filter, before: Place | None, most: int) -> Places:
    """From `before` downwards in the order of the page, no further than we may."""
    limit = most if only.kind is None and only.source_id is None else LOOKED_THROUGH
    query = select(QueuedChange.updated_at, QueuedChange.id, only.fits).where(
        branch.where, only.of_user
    )
    if before:
        query = query.where(tuple_(QueuedChange.updated_at, QueuedChange.id) < before)
    looked_at = db.session.execute(query.order_by(*_NEWEST_FIRST).limit(limit)).all()
    found = [Place(at, row_id) for at, row_id, fits in looked_at if fits][:most]
    if len(found) == most:
        return Places(found, found[-1])
    return Places(found, Place(*looked_at[-1][:2]) if len(looked_at) == limit else None)
