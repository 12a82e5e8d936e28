"""The one way into the outbox and through it: enqueue, claim, settle.

Statements here are single and conditional, so that any number of workers may run them at once. None
commits.
"""

import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    Text,
    and_,
    case,
    delete,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy import cast as cast_to

from mydia_web.clock import now
from mydia_web.db import db, execute_with_many, has_one_writer
from mydia_web.library.models import ContentKey
from mydia_web.queue.front import ScanStart
from mydia_web.queue.intents import Intent, check, first_values, upsert
from mydia_web.queue.models import (
    GOES_OUT_AFTER_FAILURE,
    NEEDS_YOU,
    ChangeType,
    QueuedChange,
    Status,
)
from mydia_web.queue.plays import fold_plays
from mydia_web.queue.rows import in_order, place_in_order
from mydia_web.queue.statements import IN_FLIGHT, MARK_MANY_SYNCED, MARK_SYNCED, claim
from mydia_web.queue.wakeup import notify
from mydia_web.sources.models import Source

#: How long a claimed row is its worker's. A worker that is silent for longer is taken for dead.
LEASE = timedelta(seconds=60)
#: Rows that a server's return makes due are changed in one transaction, in whose way others are.
MOST_RESUMED = 10_000
#: An error message is kept to this length: a server may answer with 10 MB.
MAX_ERROR = 1000


class PlaybackSyncRepository:
    """The queue of changes that servers must still be told."""

    def enqueue_change(self, intent: Intent, *, due_at: datetime | None = None) -> int:
        """Fold the intent into the row of its user, content and source; the row's id.

        Progress replaces the position and keeps a mark that is still owed; a mark replaces both.
        Progress never moves a row that is scheduled already, so that continuous playback cannot
        starve its own delivery.
        """
        return self.enqueue_changes([intent], due_at=due_at)[0]

    def enqueue_changes(
        self, intents: Sequence[Intent], *, due_at: datetime | None = None
    ) -> list[int]:
        """As `enqueue_change` for many, each of another key, in a few statements; the rows' ids in
        the same order.
        """
        for intent in intents:
            check(intent)
        fold_plays(intents)
        at = now()
        by_statement: dict[tuple[bool, bool], list[Intent]] = {}
        for intent in sorted(intents, key=place_in_order):
            is_mark = intent.change_type is not ChangeType.PROGRESS_UPDATE
            by_statement.setdefault((intent.episode_id is not None, is_mark), []).append(intent)
        ids: dict[tuple[int, int, bool, int], int] = {}
        for (of_episode, is_mark), some in by_statement.items():
            values = [first_values(intent, due_at or at, at) for intent in some]
            dialect, names = db.engine.dialect.name, tuple(values[0])
            statement = upsert(dialect, names, of_episode=of_episode, is_mark=is_mark)
            for row in execute_with_many(statement, values):
                ids[row.user_id, row.source_id, *_title(row)] = row.id
        if ids and has_one_writer():
            notify()  # PostgreSQL is told by the statement itself.
        return [ids[one.user_id, one.source_id, *_title(one)] for one in intents]

    def get_pending(
        self, limit: int = 100, *, source_id: int | None = None
    ) -> Sequence[QueuedChange]:
        """Rows that are due now, the longest due first."""
        # Source by source, as the index has them: all that are due at a dead one need not be
        # sorted.
        source_ids = (
            [source_id] if source_id is not None else db.session.scalars(select(Source.id)).all()
        )
        due = (
            select(QueuedChange)
            .where(QueuedChange.next_attempt_at <= now())
            .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
            .limit(limit)
        )
        found = [
            row
            for one in source_ids
            for row in db.session.scalars(due.where(QueuedChange.source_id == one))
        ]
        return sorted(found, key=lambda row: (row.next_attempt_at, row.id))[:limit]

    def get_failed_retryable(self, limit: int = 100) -> Sequence[QueuedChange]:
        """Failed rows that will be tried again by themselves and are due."""
        query = select(QueuedChange).where(
            text(GOES_OUT_AFTER_FAILURE), QueuedChange.next_attempt_at <= now()
        )
        return db.session.scalars(
            query.order_by(QueuedChange.next_attempt_at, QueuedChange.id).limit(limit)
        ).all()

    def mark_syncing(
        self,
        source_id: int,
        *,
        limit: int,
        lease: timedelta = LEASE,
        front: ScanStart | None = None,
    ) -> Sequence[QueuedChange]:
        """Claim up to `limit` due rows of a source, from `front` on, for as long as the lease."""
        at, token = now(), str(uuid.uuid4())
        asked = {"source": source_id, "most": limit, "at": at, "token": token, "until": at + lease}
        rows = db.session.scalars(
            claim(from_front=front is not None), asked | (front._asdict() if front else {})
        )
        return sorted(rows, key=lambda row: row.id)

    def mark_synced(self, row_id: int, token: str) -> bool:
        """The server took the claimed intent. A newer one keeps the row due. False: the claim was
        lost.
        """
        asked = {"row": row_id, "token": token, "at": now()}
        return db.session.connection().execute(MARK_SYNCED, asked).first() is not None

    def mark_many_synced(self, claims: Mapping[int, str]) -> set[int]:
        """As `mark_synced` for many, by row id → token; the ids of those whose claim was not lost."""
        if len(claims) == 1:
            return {row_id for row_id, token in claims.items() if self.mark_synced(row_id, token)}
        parameters = {"ids": list(claims), "claims": list(claims.items()), "at": now()}
        return set(db.session.connection().execute(MARK_MANY_SYNCED, parameters).scalars())

    def mark_failed(
        self,
        row_id: int,
        token: str,
        error: str,
        error_class: str,
        *,
        retry_at: datetime | None,
        may_have_arrived: bool = True,
        is_counted: bool = True,
    ) -> bool:
        """The server did not take the claimed intent; try again at `retry_at`, or wait for a person
        where it is None.

        A newer intent makes a row that would wait for a person due. False: the claim was lost. An
        attempt that is not counted leaves their number as it was before.
        """
        why = {
            "error_class": error_class,
            "error_message": error[:MAX_ERROR],
            **_unconfirmed(may_have_arrived),
            **({} if is_counted else _NOT_COUNTED),
        }
        if retry_at is not None:
            return self._settle(
                row_id, token, status=Status.FAILED.value, next_attempt_at=retry_at, **why
            )
        newer = QueuedChange.intent_seq > QueuedChange.claimed_seq
        return self._settle(
            row_id,
            token,
            status=case((newer, Status.PENDING.value), else_=Status.FAILED.value),
            next_attempt_at=case((newer, now()), else_=None),
            **why,
        )

    def settle_shown(self, user_id: int, source_id: int, key: ContentKey) -> None:
        """Note as delivered what is owed of this content and not in flight: the source shows it by
        itself.
        """
        waits = QueuedChange.status.in_([Status.PENDING, Status.FAILED])
        db.session.execute(
            update(QueuedChange)
            .where(
                QueuedChange.of_any([key]),
                QueuedChange.user_id == user_id,
                QueuedChange.source_id == source_id,
                QueuedChange.play_key == "",
                waits,
            )
            .values(
                status=Status.SYNCED.value,
                synced_seq=QueuedChange.intent_seq,
                next_attempt_at=None,
                attempt_count=0,
                unconfirmed="",
                error_class=None,
                error_message=None,
            )
            .execution_options(synchronize_session=False)
        )

    def release(
        self,
        row_id: int,
        token: str,
        *,
        error: str | None = None,
        error_class: str | None = None,
        due_at: datetime | None = None,
        may_have_arrived: bool = False,
    ) -> bool:
        """Give a claimed row back as if it had not been tried; due at once by default. False: the
        claim was lost.
        """
        return self._settle(
            row_id,
            token,
            status=Status.PENDING.value,
            next_attempt_at=due_at or now(),
            error_class=error_class,
            error_message=error[:MAX_ERROR] if error else None,
            **_NOT_COUNTED,
            **_unconfirmed(may_have_arrived),
        )

    def heal(self, row_id: int, intent_at: datetime) -> None:
        """After a push whose claim was lost: it may have overtaken a newer one, so what is wanted
        goes out again.

        It carried `intent_at`.
        """
        in_flight = QueuedChange.status == Status.SYNCING
        db.session.execute(
            update(QueuedChange)
            .where(QueuedChange.id == row_id)
            .values(
                intent_seq=QueuedChange.intent_seq + 1,
                unconfirmed=QueuedChange.unconfirmed + f"{intent_at.isoformat()},",
                status=case((in_flight, Status.SYNCING.value), else_=Status.PENDING.value),
                next_attempt_at=case((in_flight, None), else_=now()),
            )
            .execution_options(synchronize_session=False)
        )

    def rescue(self) -> int:
        """Make rows of dead workers due again; how many. One that somebody is just changing is left
        for next time.
        """
        dead = select(QueuedChange.id).where(QueuedChange.lease_until < now())
        ids = db.session.scalars(dead.with_for_update(skip_locked=True)).all()
        if not ids:
            return 0
        return _count(
            update(QueuedChange)
            .where(QueuedChange.id.in_(ids))
            .values(
                status=Status.PENDING.value,
                claim_token=None,
                lease_until=None,
                next_attempt_at=now(),
                **_unconfirmed(may_have_arrived=True),
            )
        )

    def hurry(self, source_ids: Sequence[int], *, limit: int | None = None) -> int:
        """Make what is held back by the undo window or waits after a failure due now; how many.

        With a limit only so many, the soonest due.
        """
        notify()
        at = now()
        waiting = and_(
            QueuedChange.status == Status.FAILED, QueuedChange.error_class == "transient"
        )
        which = [
            QueuedChange.source_id.in_(source_ids),
            QueuedChange.next_attempt_at > at,
            or_(QueuedChange.status == Status.PENDING, waiting),
        ]
        if limit is not None:
            soonest = select(QueuedChange.id).where(*which)
            soonest = soonest.order_by(QueuedChange.next_attempt_at, QueuedChange.id).limit(limit)
            which = [QueuedChange.id.in_(soonest), QueuedChange.next_attempt_at > at]
        # Not in the order of their keys: sorting all of them would read them twice.
        return _count(update(QueuedChange).where(*which).values(next_attempt_at=at))

    def resume_source(self, source_id: int, *, limit: int = MOST_RESUMED) -> int:
        """Make what waits after failures of its server due now, the soonest due first; how many."""
        waits = (QueuedChange.status == Status.FAILED, QueuedChange.error_class == "transient")
        return self._resume(QueuedChange.source_id == source_id, *waits, limit=limit)

    def resume_account(self, source_id: int, user_id: int, *, limit: int = MOST_RESUMED) -> int:
        """Make what waits for this account, or for its sign-in, due now; how many."""
        waits = (
            QueuedChange.status.in_([Status.PENDING, Status.FAILED]),
            QueuedChange.error_class.in_(["transient", "auth"]),
        )
        own = (QueuedChange.source_id == source_id, QueuedChange.user_id == user_id)
        return self._resume(*own, *waits, limit=limit)

    def _resume(self, *which: ColumnElement[bool], limit: int) -> int:
        notify()
        at = now()
        not_due = or_(QueuedChange.next_attempt_at.is_(None), QueuedChange.next_attempt_at > at)
        soonest = select(QueuedChange.id).where(*which, not_due)
        soonest = soonest.order_by(QueuedChange.next_attempt_at, QueuedChange.id).limit(limit)
        # Asked once more of each: somebody may be changing it at this moment.
        these = (QueuedChange.id.in_(soonest), *which, not_due)
        return _count(
            update(QueuedChange)
            .where(*these)
            .values(status=Status.PENDING.value, next_attempt_at=at, attempt_count=0)
        )

    def retry(self, *where: ColumnElement[bool]) -> int:
        """Make failed rows due now, with their attempts forgotten; how many."""
        return self._try_again(QueuedChange.status == Status.FAILED, *where)

    def retry_those(self, ids: Select[Any]) -> int:
        """As `retry`, those of the ids that need a person. Which they are is asked of the ids
        alone.
        """
        return self._try_again(text(NEEDS_YOU), QueuedChange.id.in_(ids))

    def _try_again(self, *where: Any) -> int:
        notify()
        again = {"status": Status.PENDING.value, "next_attempt_at": now(), "attempt_count": 0}
        return _count(update(QueuedChange).where(in_order(*where)).values(again))

    def cancel(self, *where: ColumnElement[bool]) -> int:
        """Drop rows that are owed and not in flight; how many."""
        is_waiting = QueuedChange.status.in_([Status.PENDING, Status.FAILED])
        return _count(delete(QueuedChange).where(in_order(is_waiting, *where)))

    def cancel_those(self, ids: Select[Any]) -> int:
        """As `cancel`, those of the ids that need a person."""
        return _count(
            delete(QueuedChange).where(in_order(text(NEEDS_YOU), QueuedChange.id.in_(ids)))
        )

    def prune(self, before: datetime) -> int:
        """Drop delivered rows last touched before then; how many."""
        is_over = (QueuedChange.status == Status.SYNCED, QueuedChange.updated_at < before)
        return _count(delete(QueuedChange).where(in_order(*is_over)))

    def next_due(self, source_id: int) -> datetime | None:
        """When the next row of a source is due; None: nothing is owed to it."""
        return db.session.scalar(
            select(func.min(QueuedChange.next_attempt_at)).where(
                QueuedChange.source_id == source_id
            )
        )

    def count_in_flight(self, source_id: int) -> int:
        """Claimed rows of a source whose lease lives, whoever claimed them."""
        # Over the index of leases on purpose: that of statuses holds all that were ever claimed,
        # until it is cleared.
        return db.session.connection().scalar(IN_FLIGHT, {"source": source_id, "at": now()}) or 0

    def _settle(self, row_id: int, token: str, **values: Any) -> bool:
        return bool(
            _count(
                update(QueuedChange)
                .where(QueuedChange.id == row_id, QueuedChange.claim_token == token)
                .values(claim_token=None, lease_until=None, **values)
            )
        )


#: As before the claim.
_NOT_COUNTED: dict[str, Any] = {
    "attempt_count": case((QueuedChange.attempt_count > 0, QueuedChange.attempt_count - 1), else_=0)
}


def _title(one: Any) -> tuple[bool, int]:
    """Return what tells the rows of a user and a source apart: an episode, or a film."""
    is_episode = one.episode_id is not None
    return is_episode, one.episode_id if is_episode else one.media_item_id


def _unconfirmed(may_have_arrived: bool) -> dict[str, Any]:
    if not may_have_arrived:
        return {}
    pushed = cast_to(QueuedChange.claimed_intent_at, Text)
    return {"unconfirmed": QueuedChange.unconfirmed + func.coalesce(pushed + ",", "")}


def _count(statement: Any) -> int:
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(cast("CursorResult[Any]", result).rowcount)
