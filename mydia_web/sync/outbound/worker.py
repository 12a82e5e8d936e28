"""Delivering: claims what is due, has it pushed by threads, settles each row by what became of it.

One thread speaks to the database, the others to the servers, and no transaction is open while a
server is waited for.
"""

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Event
from types import TracebackType
from typing import Self

from sqlalchemy import select
from sqlalchemy.exc import DBAPIError

from mydia_web.clock import now
from mydia_web.db import begin_write, db, retry_on_conflict, set_lock_timeout
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.health import is_paused
from mydia_web.sources.models import Source
from mydia_web.sources.registry import backend_class, kinds_that_take_pushes
from mydia_web.sync.outbound import metrics
from mydia_web.sync.outbound.admission import admit
from mydia_web.sync.outbound.claiming import Claims
from mydia_web.sync.outbound.clocks import note_clocks
from mydia_web.sync.outbound.connections import Connections
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome, prepare
from mydia_web.sync.outbound.lanes import Lane
from mydia_web.sync.outbound.quarantine import UNREADABLE, UNWRITABLE, set_aside_unreadable
from mydia_web.sync.outbound.settle import settle
from mydia_web.sync.outbound.summary import Summary

log = logging.getLogger(__name__)

MAX_THREADS = 64
#: A push that might outlast its lease is not begun: another worker would push the same row beside
#: it.
LONGEST_PUSH = timedelta(seconds=40)
#: How long finished pushes are gathered to be settled in one transaction, while the connections
#: have work.
GATHER_SECONDS = 0.02
#: How long nothing is begun for a server that just failed, within a drain; it may be taken for down
#: for longer.
_REST = 1.0
#: How often a drain looks whether it shall stop while nothing comes back.
_LOOK_EVERY = 0.5
#: How often what came back is tried to be written down while clicks are in the way.
_MOST_TRIES = 50


@dataclass(frozen=True, slots=True)
class _Until:
    """When a drain stops claiming."""

    stop: Event | None
    time: float | None

    def is_over(self) -> bool:
        return bool(self.stop and self.stop.is_set()) or (
            self.time is not None and time.monotonic() > self.time
        )


class Worker:
    """Delivers the queue. Needs an application context in the thread that uses it."""

    def __init__(
        self,
        *,
        source_ids: Sequence[int] | None = None,
        on_settled: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._only = source_ids
        self._on_settled = on_settled
        self._queue = PlaybackSyncRepository()
        self._connections = Connections()
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="push")
        self._lanes: dict[int, Lane] = {}
        self._claims = Claims()
        #: By source: when a lane that was given up for its server's sake may begin again.
        self._resting: dict[int, float] = {}
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        #: Rows that are claimed and neither settled nor given back.
        self._open = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for lane in self._lanes.values():
            lane.give_up()
        self._pool.shutdown(wait=True)
        self._connections.close()

    def drain(
        self,
        *,
        limit: int | None = None,
        max_seconds: float | None = None,
        stop: Event | None = None,
        probe: bool = False,
    ) -> Summary:
        """Deliver what is due until nothing is, `limit` rows were claimed, time is up, or `stop` is
        set.

        `probe` is a person asking now: servers taken for down are tried once more before their
        time. What is in flight is finished in any case; what was claimed and not begun is given
        back.
        """
        summary, left = Summary(), limit
        until = _Until(stop, time.monotonic() + max_seconds if max_seconds is not None else None)
        self._lanes.clear()
        self._resting.clear()
        self._claims = Claims()
        while True:
            if not probe:
                self._resume_lanes()
            if until.is_over():
                for lane in self._lanes.values():
                    lane.give_up()
            elif left != 0 and (
                not self._lanes or any(lane.wants_more for lane in self._lanes.values())
            ):
                claimed = self._claim(left, probe=probe)
                left = None if left is None else left - claimed
            not_begun = [one for lane in self._lanes.values() for one in lane.take_back()]
            self._give_back(not_begun)
            if not self._open:
                if not_begun:
                    continue  # they may be due still
                note_clocks(self._connections.clock_skews())
                return summary
            for outcome in self._settle(self._finished()):
                summary.add(self._lanes[outcome.delivery.source_id].source_name, outcome)

    def _resume_lanes(self) -> None:
        """In a drain that others keep going for long, a server that is back must not wait for its
        end.
        """
        at = time.monotonic()
        for source_id in [one for one, until in self._resting.items() if until <= at]:
            del self._resting[source_id]
            self._lanes[source_id].resume()

    def forget_connections(self) -> None:
        """Between two drains: open the clients anew, with addresses and passwords as they are by
        then.
        """
        self._connections.close()

    @metrics.claim_seconds.time()
    def _claim(self, left: int | None, *, probe: bool) -> int:
        try:
            return self._claim_due(left, probe=probe)
        except UNREADABLE:
            db.session.rollback()
            if not set_aside_unreadable():
                raise
        return self._claim_due(left, probe=probe)

    def _claim_due(self, left: int | None, *, probe: bool) -> int:
        begin_write()
        self._claims.rescue()
        claimed: list[tuple[Lane, list[Delivery]]] = []
        number = 0
        sources = self._sources()
        self._claims.find_fronts([source.id for source in sources])
        for source in sources:
            lane = self._lane(source)
            room = self._room(source, lane, probe=probe) if lane.wants_more else 0
            if left is not None:
                room = min(room, left - number)
            if room > 0:
                deliveries = admit(source.id, prepare(self._claims.take(source.id, room)))
                claimed.append((lane, deliveries))
                number += len(deliveries)
        backends = {
            (one.source_id, one.user_id): self._connections.get(one.source_id, one.user_id)
            for _, deliveries in claimed
            for one in deliveries
        }
        db.session.commit()
        self._open += number
        for lane, deliveries in claimed:
            lane.load(
                [(one, backends[one.source_id, one.user_id]) for one in deliveries], self._pool
            )
        return number

    def _sources(self) -> Sequence[Source]:
        # With many workers each takes other sources first, and waits for none.
        query = select(Source).where(Source.enabled, Source.kind.in_(kinds_that_take_pushes()))
        if self._only is not None:
            query = query.where(Source.id.in_(self._only))
        # Their keys are left free: whoever queues a change for one neither waits for us nor hides
        # it from us.
        return db.session.scalars(
            query.order_by(Source.id).with_for_update(skip_locked=True, key_share=True)
        ).all()

    def _lane(self, source: Source) -> Lane:
        if source.id not in self._lanes:
            traits = backend_class(source.kind).traits
            self._lanes[source.id] = Lane(
                source.name,
                source.concurrency or traits.concurrency,
                batch_size=traits.batch_size,
                reads_at_once=traits.reads_at_once,
                on_outcome=self._outcomes.put,
                is_too_late=lambda delivery: delivery.lease_until < now() + LONGEST_PUSH,
            )
        return self._lanes[source.id]

    def _room(self, source: Source, lane: Lane, *, probe: bool) -> int:
        """How many rows of the source may be claimed now."""
        if source.pause_reason == "operator":
            return 0
        is_down = source.pause_reason == "down"
        if is_paused(source) and not (is_down and probe):
            return 0
        return max(0, (1 if is_down else lane.capacity) - self._queue.count_in_flight(source.id))

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        if deliveries:
            _write_down(lambda: self._release(deliveries))
            self._open -= len(deliveries)

    def _release(self, deliveries: Sequence[Delivery]) -> None:
        for delivery in deliveries:
            self._queue.release(delivery.row_id, delivery.claim_token)

    def _finished(self) -> list[Outcome]:
        """What came back: as soon as anything does, with what follows it closely while there is
        more to do.
        """
        try:
            outcomes = [self._outcomes.get(timeout=_LOOK_EVERY)]
        except Empty:
            return []
        until = time.monotonic() + GATHER_SECONDS
        while True:
            busy = any(lane.has_waiting for lane in self._lanes.values())
            left = until - time.monotonic() if busy else 0
            try:
                outcomes.append(
                    self._outcomes.get(timeout=left) if left > 0 else self._outcomes.get_nowait()
                )
            except Empty:
                return outcomes

    def _settle(self, outcomes: list[Outcome]) -> list[Outcome]:
        if not outcomes:
            return []
        outcomes = _settle_together(outcomes)
        self._open -= len(outcomes)
        for outcome in outcomes:
            if outcome.failure is not None:
                self._after(outcome.delivery, outcome.failure)
            metrics.count(self._lanes[outcome.delivery.source_id].source_name, outcome)
            self._on_settled(outcome)
        return outcomes

    def _after(self, delivery: Delivery, failure: Failure) -> None:
        if failure.failure_class == "auth":
            self._connections.drop(delivery.source_id, delivery.user_id)
        if failure.source_wide or _is_down(delivery.source_id):
            self._lanes[delivery.source_id].give_up()
            self._resting[delivery.source_id] = time.monotonic() + _REST


def _settle_together(outcomes: list[Outcome]) -> list[Outcome]:
    """As they were written down: what a server showed may be such that the database does not take
    it.
    """
    try:
        _write_down(lambda: settle(outcomes))
    except UNWRITABLE as error:
        db.session.rollback()
        if len(outcomes) > 1:
            return [one for outcome in outcomes for one in _settle_together([outcome])]
        delivery = outcomes[0].delivery
        log.exception("What came back cannot be kept.", extra={"row": delivery.row_id})
        words = f"The server showed something that cannot be kept ({type(error).__name__}). The log tells more."
        failed = Outcome(delivery, failure=Failure("bug", words))
        _write_down(lambda: settle([failed]))
        return [failed]
    return outcomes


def _write_down(write: Callable[[], object]) -> None:
    """Write in one transaction. Whoever clicks may have locked a row for longer, and goes first."""

    def transaction() -> None:
        set_lock_timeout()
        write()
        db.session.commit()

    try:
        retry_on_conflict(transaction, max_runs=_MOST_TRIES)
    except DBAPIError:
        db.session.rollback()
        raise


def _is_down(source_id: int) -> bool:
    reason = db.session.scalar(select(Source.pause_reason).where(Source.id == source_id))
    db.session.rollback()
    return reason == "down"
