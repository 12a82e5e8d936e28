"""The statements of claims and acknowledgements, and where the due rows of a source begin.

Statements that every delivery runs are built once: building one takes longer than running it.
"""

from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, cast

from sqlalchemy import BindParameter, ColumnElement, bindparam, case, func, select, tuple_, update
from sqlalchemy.orm import Mapped

from mydia_web.db import UTCDateTime, db
from mydia_web.queue.models import QueuedChange, Status

_queue = QueuedChange.__table__.c
_AT = bindparam("at", type_=UTCDateTime)


class ScanStart(NamedTuple):
    """The position of a row in the order of claims.

    PostgreSQL keeps claimed rows in the index of due rows while any snapshot may still see them: a
    backup, a forgotten console. A claim from the very beginning would walk past everything that was
    delivered meanwhile.
    """

    due_at: datetime
    row_id: int


def find_scan_start(source_id: int, after: ScanStart | None = None) -> ScanStart | None:
    """Return the position of the first scheduled row, from `after` on; None if there is none."""
    due_at = cast("Mapped[datetime]", QueuedChange.next_attempt_at)
    query = (
        select(due_at, QueuedChange.id)
        .where(QueuedChange.source_id == source_id, due_at.is_not(None))
        .order_by(due_at, QueuedChange.id)
        .limit(1)
    )
    if after is not None:
        query = query.where(_is_at_or_after(after.due_at, after.row_id))
    first = db.session.execute(query).first()
    if first is None:
        return None
    return ScanStart(*first)


def _is_at_or_after(
    due_at: datetime | BindParameter[Any], row_id: int | BindParameter[Any]
) -> ColumnElement[bool]:
    return tuple_(QueuedChange.next_attempt_at, QueuedChange.id) >= tuple_(due_at, row_id)


@cache
def claim(*, has_start: bool) -> Any:
    """Return the statement that claims up to `limit` due rows of `source` for `token`.

    With a start it claims from (`due_at`, `row_id`) on. It returns the claimed rows.
    """
    due = select(QueuedChange.id).where(
        QueuedChange.source_id == bindparam("source"), QueuedChange.next_attempt_at <= _AT
    )
    if has_start:
        start_at = bindparam("due_at", type_=UTCDateTime)
        due = due.where(_is_at_or_after(start_at, bindparam("row_id")))
    pick = (
        due.order_by(QueuedChange.next_attempt_at, QueuedChange.id)
        .limit(bindparam("limit"))
        .with_for_update(skip_locked=True)
        .cte("pick")
    )
    return (
        update(QueuedChange)
        .where(QueuedChange.id.in_(select(pick.c.id)))
        .values(
            status=Status.SYNCING,
            claim_token=bindparam("token"),
            claimed_seq=QueuedChange.intent_seq,
            claimed_intent_at=QueuedChange.intent_at,
            lease_until=bindparam("until", type_=UTCDateTime),
            next_attempt_at=None,
            last_attempt_at=_AT,
            attempt_count=QueuedChange.attempt_count + 1,
        )
        .returning(QueuedChange)
        .execution_options(synchronize_session=False, populate_existing=True)
    )


#: Counts over the index of leases: the one of statuses holds all rows that were ever claimed, until
#: it is vacuumed.
COUNT_IN_FLIGHT = select(func.count().filter(_queue.source_id == bindparam("source"))).where(
    _queue.lease_until >= _AT
)

_is_newest = _queue.intent_seq == _queue.claimed_seq
_mark_synced = (
    update(QueuedChange.__table__)
    .values(
        synced_seq=_queue.claimed_seq,
        status=case((_is_newest, Status.SYNCED.value), else_=Status.PENDING.value),
        next_attempt_at=case((_is_newest, None), else_=_AT),
        attempt_count=0,
        unconfirmed=case((_is_newest, ""), else_=_queue.unconfirmed),
        claim_token=None,
        lease_until=None,
        error_class=None,
        error_message=None,
        updated_at=_AT,
    )
    .returning(_queue.id)
)
#: Rows that were claimed together share one token, so each must be matched with its own. An index
#: needs the ids alone as well.
MARK_MANY_SYNCED = _mark_synced.where(
    _queue.id.in_(bindparam("ids", expanding=True)),
    tuple_(_queue.id, _queue.claim_token).in_(bindparam("claims", expanding=True)),
)
#: For a single row: a list of unknown length costs more than all the rest.
MARK_SYNCED = _mark_synced.where(
    _queue.id == bindparam("row"), _queue.claim_token == bindparam("token")
)
