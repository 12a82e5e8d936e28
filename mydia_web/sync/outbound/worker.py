"""Deliver the queue: claim what is due, let threads push it, settle each row by the outcome.

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
from mydia_web.sync.outbound.claiming import Claims, admit
from mydia_web.sync.outbound.connections import Connections
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome, prepare
from mydia_web.sync.outbound.lanes import Claimed, Lane
from mydia_web.sync.outbound.metrics import Summary, claim_seconds, count
from mydia_web.sync.outbound.quarantine import UNREADABLE, UNWRITABLE, set_aside_unreadable
from mydia_web.sync.outbound.settle import settle

log = logging.getLogger(__name__)

MAX_THREADS = 64
#: A push that might outlast its lease is not begun: another worker would push the same row as well.
LONGEST_PUSH = timedelta(seconds=40)
#: How long finished pushes are gathered, to settle them in one transaction while the connections
#: have work.
GATHER_SECONDS = 0.02
#: How long a drain begins nothing for a server that just failed. It may be taken for down longer.
_REST_SECONDS = 1.0
#: How often a drain looks whether it shall stop while no push ends.
_LOOK_EVERY = 0.5
#: How often settling is tried while clicks are in the way.
_MAX_RUNS = 50


@dataclass(frozen=True, slots=True)
class _Until:
    """The end of a drain's claims."""

    stop: Event | None
    time: float | None

    def is_over(self) -> bool:
        if self.stop is not None and self.stop.is_set():
            return True
        return self.time is not None and time.monotonic() > self.time


class Worker:
    """Delivers the queue. Needs an application context in the thread that uses it."""

    def __init__(
        self,
        *,
        source_ids: Sequence[int] | None = None,
        on_settled: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._source_ids = source_ids
        self._on_settled = on_settled
        self._queue = PlaybackSyncRepository()
        self._connections = Connections()
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="push")
        self._lanes: dict[int, Lane] = {}
        self._claims = Claims()
        #: By source id, when a lane that gave up on its server may begin again.
        self._resting: dict[int, float] = {}
        self._outcomes: SimpleQueue[Outcome] = SimpleQueue()
        #: The number of rows that are claimed and neither settled nor given back.
        self._open = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._give_up()
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
        """Deliver what is due until nothing is, `limit` rows were claimed, or it is time to stop.

        With `probe`, because a person asks now, servers taken for down are tried once more before
        their time. What is in flight is finished in any case; what was claimed and not begun is
        given back.
        """
        end = None if max_seconds is None else time.monotonic() + max_seconds
        until = _Until(stop, end)
        summary = Summary()
        left = limit
        self._begin()
        while True:
            if not probe:
                self._resume_lanes()
            if until.is_over():
                self._give_up()
            elif left != 0 and self._wants_more():
                left = _less(left, self._claim(left, probe=probe))
            not_begun = self._take_back()
            self._give_back(not_begun)
            if self._open:
                for outcome in self._settle(self._finished()):
                    summary.add(self._source_name(outcome), outcome)
            elif not not_begun:  # what was given back may be due still
                self._connections.note_clocks()
                return summary

    def forget_connections(self) -> None:
        """Open the clients anew after this drain, with addresses and passwords as they are then."""
        self._connections.close()

    def _begin(self) -> None:
        self._lanes.clear()
        self._resting.clear()
        self._claims = Claims()

    def _give_up(self) -> None:
        for lane in self._lanes.values():
            lane.give_up()

    def _resume_lanes(self) -> None:
        """Let lanes begin again: a long drain must not keep a server waiting that is back."""
        at = time.monotonic()
        rested = [source_id for source_id, until in self._resting.items() if until <= at]
        for source_id in rested:
            del self._resting[source_id]
            self._lanes[source_id].resume()

    def _wants_more(self) -> bool:
        if not self._lanes:
            return True
        return any(lane.wants_more for lane in self._lanes.values())

    # Claim

    @claim_seconds.time()
    def _claim(self, left: int | None, *, probe: bool) -> int:
        """Claim due rows and load them into their lanes; return how many."""
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
        sources = self._lock_sources()
        self._claims.find_starts([source.id for source in sources])
        number = 0
        loads: list[tuple[Lane, list[Claimed]]] = []
        for source in sources:
            lane = self._lane(source)
            room = self._room(source, lane, probe=probe)
            if left is not None:
                room = min(room, left - number)
            if room > 0:
                deliveries = admit(source.id, prepare(self._claims.take(source.id, room)))
                loads.append((lane, self._with_backends(deliveries)))
                number += len(deliveries)
        db.session.commit()
        self._open += number
        for lane, claimed in loads:
            lane.load(claimed, self._pool)
        return number

    def _with_backends(self, deliveries: Sequence[Delivery]) -> list[Claimed]:
        return [
            (delivery, self._connections.get(delivery.source_id, delivery.user_id))
            for delivery in deliveries
        ]

    def _lock_sources(self) -> Sequence[Source]:
        # With many workers each takes other sources first, and waits for none.
        query = select(Source).where(Source.enabled, Source.kind.in_(kinds_that_take_pushes()))
        if self._source_ids is not None:
            query = query.where(Source.id.in_(self._source_ids))
        # Their keys are left free: whoever queues a change for one neither waits for us nor hides
        # it from us.
        query = query.order_by(Source.id).with_for_update(skip_locked=True, key_share=True)
        return db.session.scalars(query).all()

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
        """Return how many rows of the source may be claimed now."""
        if not lane.wants_more or source.pause_reason == "operator":
            return 0
        is_down = source.pause_reason == "down"
        may_probe = is_down and probe
        if is_paused(source) and not may_probe:
            return 0
        capacity = 1 if is_down else lane.capacity
        return max(0, capacity - self._queue.count_in_flight(source.id))

    def _take_back(self) -> list[Delivery]:
        """Return what was claimed and will not be begun."""
        not_begun: list[Delivery] = []
        for lane in self._lanes.values():
            not_begun += lane.take_back()
        return not_begun

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return

        def release() -> None:
            for delivery in deliveries:
                self._queue.release(delivery.row_id, delivery.claim_token)

        _write(release)
        self._open -= len(deliveries)

    # Settle

    def _settle(self, outcomes: list[Outcome]) -> list[Outcome]:
        """Settle the pushes that have ended; return their outcomes as they were written."""
        if not outcomes:
            return []
        outcomes = _settle_together(outcomes)
        self._open -= len(outcomes)
        for outcome in outcomes:
            if outcome.failure is not None:
                self._after_failure(outcome.delivery, outcome.failure)
            count(self._source_name(outcome), outcome)
            self._on_settled(outcome)
        return outcomes

    def _source_name(self, outcome: Outcome) -> str:
        return self._lanes[outcome.delivery.source_id].source_name

    def _finished(self) -> list[Outcome]:
        """Wait for a push to end, and gather those that end soon after while more is to do."""
        try:
            outcomes = [self._outcomes.get(timeout=_LOOK_EVERY)]
        except Empty:
            return []
        until = time.monotonic() + GATHER_SECONDS
        while True:
            try:
                outcomes.append(self._next_outcome(until))
            except Empty:
                return outcomes

    def _next_outcome(self, until: float) -> Outcome:
        """Return the next outcome, waiting until then while connections have work."""
        left = until - time.monotonic()
        if left > 0 and any(lane.has_waiting for lane in self._lanes.values()):
            return self._outcomes.get(timeout=left)
        return self._outcomes.get_nowait()

    def _after_failure(self, delivery: Delivery, failure: Failure) -> None:
        if failure.failure_class == "auth":
            self._connections.drop(delivery.source_id, delivery.user_id)
        if failure.source_wide or _is_down(delivery.source_id):
            self._lanes[delivery.source_id].give_up()
            self._resting[delivery.source_id] = time.monotonic() + _REST_SECONDS


def _less(left: int | None, claimed: int) -> int | None:
    """Return what is left of a limit; None: there is no limit."""
    if left is None:
        return None
    return left - claimed


def _settle_together(outcomes: list[Outcome]) -> list[Outcome]:
    """Settle in one transaction; return the outcomes as they were written.

    If the database refuses a value that a server showed, settle one by one and mark that delivery
    as failed.
    """
    try:
        _write(lambda: settle(outcomes))
    except UNWRITABLE as error:
        db.session.rollback()
        if len(outcomes) == 1:
            return [_settle_unwritable(outcomes[0].delivery, error)]
        settled: list[Outcome] = []
        for outcome in outcomes:
            settled += _settle_together([outcome])
        return settled
    return outcomes


def _settle_unwritable(delivery: Delivery, error: Exception) -> Outcome:
    log.exception("What came back cannot be kept.", extra={"row": delivery.row_id})
    words = (
        f"The server showed something that cannot be kept ({type(error).__name__})."
        " The log tells more."
    )
    failure = Failure(failure_class="bug", message=words)
    failed = Outcome(delivery=delivery, failure=failure)
    _write(lambda: settle([failed]))
    return failed


def _write(write: Callable[[], object]) -> None:
    """Write in one transaction. A click may have locked a row for longer, and goes first."""

    def transaction() -> None:
        set_lock_timeout()
        write()
        db.session.commit()

    try:
        retry_on_conflict(transaction, max_runs=_MAX_RUNS)
    except DBAPIError:
        db.session.rollback()
        raise


def _is_down(source_id: int) -> bool:
    reason = db.session.scalar(select(Source.pause_reason).where(Source.id == source_id))
    db.session.rollback()
    return reason == "down"
