"""The one door to the outbox: enqueue, claim, settle, retry and cancel changes.

Every statement here is conditional by itself, so that any number of workers may run them at once.
Nothing here commits.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Text,
    and_,
    case,
    delete,
    exists,
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
from mydia_web.queue.board import Filter, Tab, select_ids
from mydia_web.queue.claims import (
    COUNT_IN_FLIGHT,
    MARK_MANY_SYNCED,
    MARK_SYNCED,
    ScanStart,
    claim,
)
from mydia_web.queue.intents import Intent, check, first_values, upsert
from mydia_web.queue.models import GOES_OUT_AFTER_FAILURE, NEEDS_YOU, QueuedChange, Status
from mydia_web.queue.plays import fold_plays
from mydia_web.queue.rows import RowKey, in_lock_order, row_key
from mydia_web.queue.wakeup import notify
from mydia_web.sources.models import Source, SourceItem

#: How long a claimed row belongs to its worker. One that is silent for longer is taken for dead.
LEASE = timedelta(seconds=60)
#: Rows that become due together when a server is back. Others wait for that transaction.
MAX_RESUMED = 10_000
#: An error message is cut to this length: a server may answer with 10 MB.
MAX_ERROR = 1000

_IS_OWED = QueuedChange.status.in_([Status.PENDING, Status.FAILED])
_WAITS_AFTER_FAILURE = and_(
    QueuedChange.status == Status.FAILED, QueuedChange.error_class == "transient"
)
#: The attempt count as it was before the claim.
_UNCOUNTED = case((QueuedChange.attempt_count > 0, QueuedChange.attempt_count - 1), else_=0)


class PlaybackSyncRepository:
    """The queue of changes that servers have yet to receive."""

    def enqueue_change(self, intent: Intent, *, due_at: datetime | None = None) -> int:
        """Fold the intent into the row of its user, content and source; return the row's id.

        Progress replaces the position and keeps a mark that is still owed; a mark replaces both.
        Progress never moves a row that is scheduled already, so that continuous playback cannot
        starve its own delivery.
        """
        return self.enqueue_changes([intent], due_at=due_at)[0]

    def enqueue_changes(
        self, intents: Sequence[Intent], *, due_at: datetime | None = None
    ) -> list[int]:
        """Enqueue many changes, each of another key, in a few statements.

        Return the ids of their rows in the same order.
        """
        for intent in intents:
            check(intent)
        fold_plays(intents)
        at = now()
        by_statement: dict[tuple[bool, bool], list[dict[str, Any]]] = {}
        for intent in sorted(intents, key=lambda intent: intent.lock_position):
            kind = (intent.content.kind == "episode", intent.is_mark)
            by_statement.setdefault(kind, []).append(first_values(intent, due_at or at, at))
        dialect = db.engine.dialect.name
        ids: dict[RowKey, int] = {}
        for (of_episode, is_mark), values in by_statement.items():
            names = tuple(values[0])
            statement = upsert(dialect, names, of_episode=of_episode, is_mark=is_mark)
            for row in execute_with_many(statement, values):
                ids[row_key(row)] = row.id
        if ids and has_one_writer():
            notify()  # On PostgreSQL the statement itself does it.
        return [ids[intent.row_key] for intent in intents]

    def get_pending(
        self, limit: int = 100, *, source_id: int | None = None
    ) -> Sequence[QueuedChange]:
        """Return rows that are due now, the longest due first."""
        # Source by source, as the index has them: all that are due at a dead one need not be
        # sorted.
        source_ids: Sequence[int] = [source_id] if source_id is not None else _all_source_ids()
        due = (
            select(QueuedChange)
            .where(QueuedChange.next_attempt_at <= now())
            .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
            .limit(limit)
        )
        rows: list[QueuedChange] = []
        for each_id in source_ids:
            rows += db.session.scalars(due.where(QueuedChange.source_id == each_id))
        return sorted(rows, key=lambda row: (row.next_attempt_at, row.id))[:limit]

    def get_failed_retryable(self, limit: int = 100) -> Sequence[QueuedChange]:
        """Return failed rows that are due again by themselves."""
        query = (
            select(QueuedChange)
            .where(text(GOES_OUT_AFTER_FAILURE), QueuedChange.next_attempt_at <= now())
            .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
            .limit(limit)
        )
        return db.session.scalars(query).all()

    # Claims

    def mark_syncing(
        self,
        source_id: int,
        *,
        limit: int,
        lease: timedelta = LEASE,
        start: ScanStart | None = None,
    ) -> Sequence[QueuedChange]:
        """Claim up to `limit` due rows of a source, from `start` on, for the time of the lease."""
        at = now()
        parameters = {
            "source": source_id,
            "limit": limit,
            "at": at,
            "token": str(uuid.uuid4()),
            "until": at + lease,
        }
        if start is not None:
            parameters |= start._asdict()
        rows = db.session.scalars(claim(has_start=start is not None), parameters)
        return sorted(rows, key=lambda row: row.id)

    def mark_synced(self, row_id: int, token: str) -> bool:
        """Note that the server took the claimed intent. A newer one keeps the row due.

        False: the claim was lost.
        """
        parameters = {"row": row_id, "token": token, "at": now()}
        return db.session.connection().execute(MARK_SYNCED, parameters).first() is not None

    def mark_many_synced(self, claims: Mapping[int, str]) -> set[int]:
        """Mark rows as synced, by row id → token; return the ids of those whose claim held."""
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
    ) -> bool:
        """Note that the server did not take the claimed intent.

        It is tried again at `retry_at`; where that is None, a person must help, unless a newer
        intent has come: then the row is due at once. False: the claim was lost.
        """
        status: Any = Status.FAILED.value
        next_attempt_at: Any = retry_at
        if retry_at is None:
            has_newer = QueuedChange.intent_seq > QueuedChange.claimed_seq
            status = case((has_newer, Status.PENDING.value), else_=Status.FAILED.value)
            next_attempt_at = case((has_newer, now()), else_=None)
        return _settle(
            row_id,
            token,
            status=status,
            next_attempt_at=next_attempt_at,
            error_class=error_class,
            error_message=error[:MAX_ERROR],
            **_unconfirmed(may_have_arrived),
        )

    def mark_in_doubt(
        self, row_id: int, token: str, error: str, *, retry_at: datetime, may_have_arrived: bool
    ) -> bool:
        """Let the row wait until its sign-in is tried again; the attempt does not count.

        False: the claim was lost.
        """
        return _settle(
            row_id,
            token,
            status=Status.FAILED.value,
            next_attempt_at=retry_at,
            attempt_count=_UNCOUNTED,
            error_class="transient",
            error_message=error[:MAX_ERROR],
            **_unconfirmed(may_have_arrived),
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
        """Give a claimed row back as if it had not been tried; due at once by default.

        False: the claim was lost.
        """
        return _settle(
            row_id,
            token,
            status=Status.PENDING.value,
            next_attempt_at=due_at or now(),
            attempt_count=_UNCOUNTED,
            error_class=error_class,
            error_message=error[:MAX_ERROR] if error else None,
            **_unconfirmed(may_have_arrived),
        )

    def heal(self, row_id: int, intent_at: datetime) -> None:
        """Send what is wanted again, after a push of `intent_at` whose claim was lost.

        That push may have overtaken a newer one.
        """
        in_flight = QueuedChange.status == Status.SYNCING
        statement = (
            update(QueuedChange)
            .where(QueuedChange.id == row_id)
            .values(
                intent_seq=QueuedChange.intent_seq + 1,
                unconfirmed=QueuedChange.unconfirmed + f"{intent_at.isoformat()},",
                status=case((in_flight, Status.SYNCING.value), else_=Status.PENDING.value),
                next_attempt_at=case((in_flight, None), else_=now()),
            )
        )
        _count(statement)

    def rescue(self) -> int:
        """Make rows of dead workers due again; return how many. Locked ones are left for later."""
        is_dead = QueuedChange.lease_until < now()
        query = select(QueuedChange.id).where(is_dead).with_for_update(skip_locked=True)
        ids = db.session.scalars(query).all()
        if not ids:
            return 0
        values = {
            "status": Status.PENDING.value,
            "claim_token": None,
            "lease_until": None,
            "next_attempt_at": now(),
            **_unconfirmed(may_have_arrived=True),
        }
        return _count(update(QueuedChange).where(QueuedChange.id.in_(ids)).values(values))

    def count_in_flight(self, source_id: int) -> int:
        """Count the rows of a source with a live lease, of all workers."""
        parameters = {"source": source_id, "at": now()}
        return db.session.connection().scalar(COUNT_IN_FLIGHT, parameters) or 0

    def next_due(self, source_id: int) -> datetime | None:
        """Return when the next row of a source is due; None if nothing is scheduled."""
        first = func.min(QueuedChange.next_attempt_at)
        return db.session.scalar(select(first).where(QueuedChange.source_id == source_id))

    # Make rows due

    def hurry(self, source_ids: Sequence[int], *, limit: int | None = None) -> int:
        """Make rows due now that wait for the undo window or after a failure; return how many.

        With a limit only that many, the soonest due.
        """
        notify()
        at = now()
        is_later = QueuedChange.next_attempt_at > at
        conditions: list[ColumnElement[bool]] = [
            QueuedChange.source_id.in_(source_ids),
            is_later,
            or_(QueuedChange.status == Status.PENDING, _WAITS_AFTER_FAILURE),
        ]
        if limit is not None:
            soonest = _soonest(conditions, limit)
            conditions = [QueuedChange.id.in_(soonest), is_later]
        # Not in the order of locks: sorting the rows would read all of them twice.
        return _count(update(QueuedChange).where(*conditions).values(next_attempt_at=at))

    def resume_source(self, source_id: int, *, limit: int = MAX_RESUMED) -> int:
        """Make rows due that wait after failures of their server, the soonest first.

        Return how many.
        """
        return _resume([QueuedChange.source_id == source_id, _WAITS_AFTER_FAILURE], limit)

    def resume_account(self, source_id: int, user_id: int, *, limit: int = MAX_RESUMED) -> int:
        """Make rows due that wait for this account or for its sign-in; return how many."""
        conditions = [
            QueuedChange.source_id == source_id,
            QueuedChange.user_id == user_id,
            _IS_OWED,
            QueuedChange.error_class.in_(["transient", "auth"]),
        ]
        return _resume(conditions, limit)

    def retry_row(self, row_id: int) -> bool:
        """Make a failed row due now and forget its attempts. False: it has not failed."""
        return _retry_failed(QueuedChange.id == row_id) > 0

    def retry_rows(self, row_ids: Collection[int]) -> int:
        """Make failed rows due now; return how many."""
        return _retry_failed(QueuedChange.id.in_(row_ids))

    def retry_sources(self, source_ids: Collection[int]) -> int:
        """Make all failed rows of these sources due now; return how many."""
        return _retry_failed(QueuedChange.source_id.in_(source_ids))

    def retry_unmatched(self, source_id: int, contents: Iterable[ContentKey]) -> int:
        """Make rows due that failed because the source lacked these titles; return how many."""
        is_unmatched = QueuedChange.error_class == "unmatched"
        of_source = QueuedChange.source_id == source_id
        return _retry_failed(QueuedChange.of_any(contents), of_source, is_unmatched)

    def retry_needing_you(self, only: Filter, *, limit: int) -> int:
        """Make up to `limit` rows due that need a person and match the filter; return how many."""
        ids = select_ids(Tab.NEEDS_YOU, only, limit)
        return _retry(text(NEEDS_YOU), QueuedChange.id.in_(ids))

    # Drop rows

    def cancel_row(self, row_id: int) -> bool:
        """Drop a row. False: it is in flight or delivered."""
        return _cancel(QueuedChange.id == row_id) > 0

    def cancel_without_copy(self, source_id: int) -> int:
        """Drop what a source is owed of titles it has no copy of; return how many."""
        is_film = and_(
            QueuedChange.episode_id.is_(None),
            SourceItem.media_item_id == QueuedChange.media_item_id,
        )
        is_copy = or_(SourceItem.episode_id == QueuedChange.episode_id, is_film)
        has_copy = exists().where(SourceItem.source_id == source_id, is_copy)
        return _cancel(QueuedChange.source_id == source_id, ~has_copy)

    def cancel_needing_you(self, only: Filter, *, limit: int) -> int:
        """Drop up to `limit` rows that need a person and match the filter; return how many."""
        ids = select_ids(Tab.NEEDS_YOU, only, limit)
        return _delete(text(NEEDS_YOU), QueuedChange.id.in_(ids))

    def settle_shown(self, user_id: int, source_id: int, key: ContentKey) -> None:
        """Mark what is owed of this content and not in flight as delivered: the source shows it."""
        statement = (
            update(QueuedChange)
            .where(
                QueuedChange.of_any([key]),
                QueuedChange.user_id == user_id,
                QueuedChange.source_id == source_id,
                QueuedChange.play_key == "",
                _IS_OWED,
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
        )
        _count(statement)

    def prune(self, before: datetime) -> int:
        """Drop delivered rows last changed before then; return how many."""
        return _delete(QueuedChange.status == Status.SYNCED, QueuedChange.updated_at < before)


def _all_source_ids() -> Sequence[int]:
    return db.session.scalars(select(Source.id)).all()


def _settle(row_id: int, token: str, **values: Any) -> bool:
    """End a claim. False: it was lost."""
    statement = (
        update(QueuedChange)
        .where(QueuedChange.id == row_id, QueuedChange.claim_token == token)
        .values(claim_token=None, lease_until=None, **values)
    )
    return _count(statement) > 0


def _unconfirmed(may_have_arrived: bool) -> dict[str, Any]:
    """Return the column that keeps the claimed intent as one that may have arrived."""
    if not may_have_arrived:
        return {}
    claimed = cast_to(QueuedChange.claimed_intent_at, Text)
    return {"unconfirmed": QueuedChange.unconfirmed + func.coalesce(claimed + ",", "")}


def _resume(conditions: Sequence[ColumnElement[bool]], limit: int) -> int:
    notify()
    at = now()
    is_not_due = or_(QueuedChange.next_attempt_at.is_(None), QueuedChange.next_attempt_at > at)
    soonest = _soonest([*conditions, is_not_due], limit)
    # The conditions once more: somebody may be changing a row at this moment.
    statement = update(QueuedChange).where(QueuedChange.id.in_(soonest), *conditions, is_not_due)
    return _count(
        statement.values(status=Status.PENDING.value, next_attempt_at=at, attempt_count=0)
    )


def _soonest(conditions: Sequence[ColumnElement[bool]], limit: int) -> Any:
    query = select(QueuedChange.id).where(*conditions)
    return query.order_by(QueuedChange.next_attempt_at, QueuedChange.id).limit(limit)


def _retry_failed(*where: ColumnElement[bool]) -> int:
    return _retry(QueuedChange.status == Status.FAILED, *where)


def _retry(*where: Any) -> int:
    notify()
    values = {"status": Status.PENDING.value, "next_attempt_at": now(), "attempt_count": 0}
    return _count(update(QueuedChange).where(in_lock_order(*where)).values(values))


def _cancel(*where: Any) -> int:
    return _delete(_IS_OWED, *where)


def _delete(*where: Any) -> int:
    return _count(delete(QueuedChange).where(in_lock_order(*where)))


def _count(statement: Any) -> int:
    """Run a statement and return the number of rows it changed."""
    result = db.session.execute(statement.execution_options(synchronize_session=False))
    return int(cast("CursorResult[Any]", result).rowcount)
