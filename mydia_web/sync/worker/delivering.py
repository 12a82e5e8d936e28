"""Delivering: claims what is due, pushes it in threads, settles each row by what became of it.

One thread speaks to the database, the others to the servers, and no transaction is open while a server is waited for.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ALL_COMPLETED, FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from threading import Event
from types import TracebackType
from typing import Self

from sqlalchemy import select

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from mydia_web.sources.registry import backend_class, kinds_that_take_pushes
from mydia_web.sync.delivery import Delivery, Failure, Outcome, deliver, prepare
from mydia_web.sync.settling import settle
from mydia_web.sync.worker.connections import Connections
from mydia_web.sync.worker.lanes import Lane
from mydia_web.sync.worker.summary import Summary

MAX_THREADS = 64
#: A push that might outlast its lease is not begun: another worker would push the same row beside it.
LONGEST_PUSH = timedelta(seconds=40)
#: How long finished pushes are gathered to be settled in one transaction, while the connections have work.
GATHER_SECONDS = 0.02


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
        self._running: dict[Future[Outcome], Lane] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._connections.close()

    def drain(
        self,
        *,
        limit: int | None = None,
        max_seconds: float | None = None,
        stop: Event | None = None,
        probe: bool = False,
    ) -> Summary:
        """Deliver what is due until nothing is, `limit` rows were claimed, time is up, or `stop` is set.

        `probe` is a person asking now: servers taken for down are tried once more before their time. What is in
        flight is finished in any case; what was claimed and not begun is given back.
        """
        summary, left = Summary(), limit
        until = _Until(stop, time.monotonic() + max_seconds if max_seconds is not None else None)
        self._lanes.clear()
        while True:
            if until.is_over():
                self._give_back(
                    [lane.waiting.popleft()[0] for lane in self._lanes.values() for _ in [*lane.waiting]]
                )
            elif left != 0 and (not self._lanes or any(lane.wants_more for lane in self._lanes.values())):
                claimed = self._claim(left, probe=probe)
                left = None if left is None else left - claimed
            self._start()
            if not self._running:
                return summary
            for outcome in self._settle(self._finished()):
                summary.add(self._lanes[outcome.delivery.source_id].source_name, outcome)

    def forget_connections(self) -> None:
        """Between two drains: open the clients anew, with addresses and passwords as they are by then."""
        self._connections.close()

    def _claim(self, left: int | None, *, probe: bool) -> int:
        begin_write()
        self._queue.rescue()
        claimed = 0
        for source in self._sources():
            lane = self._lane(source)
            room = self._room(source, lane, probe=probe) if lane.wants_more else 0
            if left is not None:
                room = min(room, left - claimed)
            if room > 0:
                deliveries = prepare(self._queue.mark_syncing(source.id, limit=room))
                lane.waiting += [(one, self._connections.get(source.id, one.user_id)) for one in deliveries]
                claimed += len(deliveries)
        db.session.commit()
        return claimed

    def _sources(self) -> Iterable[Source]:
        # With many workers each takes other sources first, and waits for none.
        query = select(Source).where(Source.enabled, Source.kind.in_(kinds_that_take_pushes()))
        if self._only is not None:
            query = query.where(Source.id.in_(self._only))
        return db.session.scalars(query.order_by(Source.id).with_for_update(skip_locked=True)).all()

    def _lane(self, source: Source) -> Lane:
        if source.id not in self._lanes:
            concurrency = source.concurrency or backend_class(source.kind).concurrency
            self._lanes[source.id] = Lane(source.id, source.name, concurrency)
        return self._lanes[source.id]

    def _room(self, source: Source, lane: Lane, *, probe: bool) -> int:
        """How many rows of the source may be claimed now."""
        if source.pause_reason == "operator":
            return 0
        is_down = source.pause_reason == "down"
        if source.paused_until and source.paused_until > now() and not (is_down and probe):
            return 0
        return max(0, (1 if is_down else lane.capacity) - self._queue.count_in_flight(source.id))

    def _start(self) -> None:
        at, too_late = now(), []
        for lane in self._lanes.values():
            while lane.is_free:
                delivery, backend = lane.waiting.popleft()
                if lane.given_up or delivery.lease_until < at + LONGEST_PUSH:
                    too_late.append(delivery)
                    continue
                lane.running += 1
                future: Future[Outcome] = Future()
                if isinstance(backend, Failure):
                    future.set_result(Outcome(delivery, failure=backend))
                else:
                    future = self._pool.submit(deliver, backend, delivery)
                self._running[future] = lane
        self._give_back(too_late)

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        if not deliveries:
            return
        begin_write()
        for delivery in deliveries:
            self._queue.release(delivery.row_id, delivery.claim_token)
        db.session.commit()

    def _finished(self) -> list[Outcome]:
        done, _ = wait(self._running, return_when=FIRST_COMPLETED)
        if any(lane.waiting for lane in self._lanes.values()):
            self._free(done)
            self._start()
            more, _ = wait(self._running, timeout=GATHER_SECONDS, return_when=ALL_COMPLETED)
            self._free(more)
            done |= more
        else:
            self._free(done)
        return [future.result() for future in done]

    def _free(self, done: Iterable[Future[Outcome]]) -> None:
        for future in done:
            self._running.pop(future).running -= 1

    def _settle(self, outcomes: list[Outcome]) -> list[Outcome]:
        begin_write()
        settle(outcomes)
        db.session.commit()
        for outcome in outcomes:
            if outcome.failure is not None:
                self._after(outcome.delivery, outcome.failure)
            self._on_settled(outcome)
        return outcomes

    def _after(self, delivery: Delivery, failure: Failure) -> None:
        if failure.failure_class == "auth":
            self._connections.drop(delivery.source_id, delivery.user_id)
        if failure.source_wide or _is_down(delivery.source_id):
            self._lanes[delivery.source_id].given_up = True


def _is_down(source_id: int) -> bool:
    reason = db.session.scalar(select(Source.pause_reason).where(Source.id == source_id))
    db.session.rollback()
    return reason == "down"
