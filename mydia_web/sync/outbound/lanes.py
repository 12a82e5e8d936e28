"""One lane per source: the rows claimed for it, and the threads that deliver them."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock
from typing import NamedTuple

from mydia_web.backends.backend import Backend
from mydia_web.backends.reading import ReadsFirst
from mydia_web.sync.outbound.batches import ReadBatch
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.push import (
    MAX_LOOKUPS,
    Unconfirmed,
    can_share,
    confirm,
    deliver_in_batch,
    deliver_together,
)

#: With fewer connections nothing is claimed ahead: such servers bear no more.
_AHEAD_FROM = 4
#: Rows that wait per connection at most. With one, the threads idle for 32 of 50 ms, until
#: PostgreSQL is asked again.
_AHEAD = 2

#: A thread confirms its deliveries when there are this many, or after this many seconds.
_MAX_UNCONFIRMED = 50
_MAX_UNCONFIRMED_SECONDS = 2.0

#: A claimed delivery, and the client of its account, or why there is none.
Claimed = tuple[Delivery, Backend | Failure]


class _Load(NamedTuple):
    delivery: Delivery
    backend: Backend | Failure
    #: The batch it is read in; None: it is pushed by itself.
    batch: ReadBatch | None


class _Confirmations:
    """Deliveries of one thread that the server took, to be confirmed in one request."""

    def __init__(self) -> None:
        self._batch: ReadBatch | None = None
        self._taken: list[Unconfirmed] = []

    def add(self, batch: ReadBatch, taken: Unconfirmed) -> None:
        self._batch = batch
        self._taken.append(taken)

    def are_due_before(self, load: _Load | None) -> bool:
        if not self._taken:
            return False
        if load is None or load.batch is not self._batch:
            return True
        waited = time.monotonic() - self._taken[0].written_at
        return len(self._taken) >= _MAX_UNCONFIRMED or waited > _MAX_UNCONFIRMED_SECONDS

    def confirm(self) -> Sequence[Outcome]:
        assert self._batch is not None
        outcomes = confirm(self._batch, self._taken)
        self._taken = []
        return outcomes


class Lane:
    """The deliveries of one source that this worker has claimed.

    A thread that is done takes the next one by itself, so that no connection waits for the thread
    of the database.
    """

    def __init__(
        self,
        source_name: str,
        concurrency: int,
        *,
        batch_size: int = 1,
        reads_at_once: int = 1,
        on_outcome: Callable[[Outcome], None],
        is_too_late: Callable[[Delivery], bool],
    ) -> None:
        self.source_name = source_name
        self._concurrency = concurrency
        #: Deliveries that one request of the backend can carry.
        self._batch_size = batch_size
        self._reads_at_once = reads_at_once
        self._on_outcome = on_outcome
        self._is_too_late = is_too_late
        self._lock = Lock()
        self._waiting: deque[_Load] = deque()
        self._not_begun: list[Delivery] = []
        self._running = 0
        self._given_up = False

    @property
    def capacity(self) -> int:
        """The number of rows that may be claimed at a time, by all workers together."""
        return max(self._concurrency * self._batch_size + self._ahead, self._reads_at_once)

    @property
    def wants_more(self) -> bool:
        """Whether to claim now: half a lane at a time keeps the connections busy meanwhile."""
        return not self._given_up and len(self._waiting) <= self._ahead // 2

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def load(self, claimed: Sequence[Claimed], pool: Executor) -> None:
        """Take these on, with as many threads as they need and the source bears."""
        loads = _in_batches(claimed)
        with self._lock:
            self._waiting.extend(loads)
            threads = min(len(self._waiting), self._concurrency - self._running)
            self._running += threads
        for _ in range(threads):
            pool.submit(self._run)

    def give_up(self) -> None:
        """Begin nothing more in this drain."""
        with self._lock:
            self._given_up = True
            self._not_begun += [load.delivery for load in self._waiting]
            self._waiting.clear()

    def resume(self) -> None:
        """Begin again. The next claim asks whether the server may be spoken to."""
        with self._lock:
            self._given_up = False

    def take_back(self) -> list[Delivery]:
        """Return what was claimed and will not be begun."""
        with self._lock:
            not_begun = self._not_begun
            self._not_begun = []
        return not_begun

    @property
    def _ahead(self) -> int:
        if self._concurrency < _AHEAD_FROM:
            return 0
        return _AHEAD * self._concurrency

    def _run(self) -> None:
        """Deliver what waits, in one thread, until nothing does."""
        confirmations = _Confirmations()
        while True:
            load = self._next()
            if confirmations.are_due_before(load):
                self._report(confirmations.confirm())
            if load is None:
                if self._leave():
                    return
                continue
            if load.batch is None:
                self._report(self._deliver(load))
                continue
            outcome = deliver_in_batch(load.batch, load.delivery)
            if isinstance(outcome, Unconfirmed):
                confirmations.add(load.batch, outcome)
            else:
                self._report([outcome])

    def _deliver(self, load: _Load) -> Sequence[Outcome]:
        if isinstance(load.backend, Failure):
            return [Outcome(delivery=load.delivery, failure=load.backend)]
        return deliver_together(load.backend, [load.delivery, *self._take_followers(load)])

    def _report(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.failure is not None and outcome.failure.failure_class == "transient":
                self._give_back_most()
            self._on_outcome(outcome)

    def _give_back_most(self) -> None:
        """Let few rows fail in an outage before the source is taken for down."""
        with self._lock:
            while len(self._waiting) > self._ahead:
                self._not_begun.append(self._waiting.pop().delivery)

    def _next(self) -> _Load | None:
        with self._lock:
            while self._waiting:
                load = self._waiting.popleft()
                if not self._is_too_late(load.delivery):
                    return load
                self._not_begun.append(load.delivery)
        return None

    def _leave(self) -> bool:
        """End a thread, unless something more has come."""
        with self._lock:
            if self._waiting:
                return False
            self._running -= 1
        return True

    def _take_followers(self, first: _Load) -> list[Delivery]:
        """Take what follows `first` and can go out in the same request."""
        followers: list[Delivery] = []
        if not can_share(first.delivery):
            return followers
        lookups = 0
        with self._lock:
            while self._waiting and len(followers) + 1 < self._batch_size:
                load = self._waiting[0]
                if load.backend is not first.backend or not can_share(load.delivery):
                    break
                lookups += _needs_lookup(load.delivery)
                if lookups >= MAX_LOOKUPS:
                    break
                followers.append(self._waiting.popleft().delivery)
        return followers


def _needs_lookup(delivery: Delivery) -> bool:
    return not delivery.targets[0][1].remote_id


def _in_batches(claimed: Sequence[Claimed]) -> list[_Load]:
    """Sort deliveries by account, so that those of one can be read together."""
    by_backend: dict[int, list[Claimed]] = {}
    for delivery, backend in claimed:
        by_backend.setdefault(id(backend), []).append((delivery, backend))
    loads: list[_Load] = []
    for group in by_backend.values():
        backend = group[0][1]
        batch = None
        if isinstance(backend, ReadsFirst):
            batch = ReadBatch(backend, [delivery for delivery, _ in group])
        loads += [_Load(delivery, backend, batch) for delivery, _ in group]
    return loads
