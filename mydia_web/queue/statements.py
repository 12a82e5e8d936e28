"""The statements of every delivery, built once: that takes longer than to run them."""

from functools import cache
from typing import Any

from sqlalchemy import bindparam, case, func, select, tuple_, update

from mydia_web.db import UTCDateTime
from mydia_web.queue.front import is_from
from mydia_web.queue.models import QueuedChange, Status

_table = QueuedChange.__table__
_AT = bindparam("at", type_=UTCDateTime)
IN_FLIGHT = select(func.count().filter(_table.c.source_id == bindparam("source"))).where(
    _table.c.lease_until >= _AT
)


@cache
def claim(*, from_front: bool) -> Any:
    """Claims for `token` up to `most` due rows of `source`, from (`due_at`, `row_id`) on where
    asked; their rows.
    """
    from_there = (
        [is_from(bindparam("due_at", type_=UTCDateTime), bindparam("row_id"))] if from_front else []
    )
    pick = (
        select(QueuedChange.id)
        .where(
            QueuedChange.source_id == bindparam("source"),
            QueuedChange.next_attempt_at <= _AT,
            *from_there,
        )
        .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
        .limit(bindparam("most"))
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


_newest = _table.c.intent_seq == _table.c.claimed_seq
_settled = (
    update(_table)
    .values(
        synced_seq=_table.c.claimed_seq,
        status=case((_newest, Status.SYNCED.value), else_=Status.PENDING.value),
        next_attempt_at=case((_newest, None), else_=_AT),
        attempt_count=0,
        unconfirmed=case((_newest, ""), else_=_table.c.unconfirmed),
        claim_token=None,
        lease_until=None,
        error_class=None,
        error_message=None,
        updated_at=_AT,
    )
    .returning(_table.c.id)
)
#: The ids alone are what an index finds; but rows that were claimed together have one token, so
#: each must be found with its own.
MARK_MANY_SYNCED = _settled.where(
    _table.c.id.in_(bindparam("ids", expanding=True)),
    tuple_(_table.c.id, _table.c.claim_token).in_(bindparam("claims", expanding=True)),
)
#: A list of unknown length costs more than all the rest.
MARK_SYNCED = _settled.where(
    _table.c.id == bindparam("row"), _table.c.claim_token == bindparam("token")
)
