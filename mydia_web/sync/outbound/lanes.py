"""One lane for each source: what was claimed for it, and the threads that carry it there."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock
from typing import NamedTuple

from mydia_web.backends.backend import Backend
from mydia_web.backends.reading import ReadsFirst
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.handfuls import Handful
from mydia_web.sync.outbound.push import (
    MOST_LOOKED_UP,
    Unconfirmed,
    can_share,
    confirm,
    deliver_from,
    deliver_many,
)

#: Below this many connections nothing is claimed ahead: those servers are the ones that bear no
#: more.
_AHEAD_FROM = 4
#: For each connection so many rows wait at most: with one, PostgreSQL is not asked again in time
#: for 32 of 50 ms.
_AHEAD = 2

#: How many deliveries of one thread wait at most to be confirmed together, and for how many
#: seconds.
_MOST_UNCONFIRMED, _LONGEST_UNCONFIRMED = 50, 2.0


class _Load(NamedTuple):
    delivery: Delivery
    #: A failure where there is no client of the account.
    carrier: Backend | Failure
    #: What it is read together with.
    handful: Handful | None


class Lane:
    """The deliveries of one source that this worker has claimed.

    A thread that is done takes the next by itself, so that no connection waits for the thread of
    the database.
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
        """How many rows may be claimed at a time, by all workers together."""
        return max(self._concurrency * self._batch_size + self._ahead, self._reads_at_once)

    @property
    def wants_more(self) -> bool:
        """Claiming half a lane at a time keeps its connections busy while the database is spoken
        to.
        """
        return not self._given_up and len(self._waiting) <= self._ahead // 2

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def load(self, claimed: Sequence[tuple[Delivery, Backend | Failure]], pool: Executor) -> None:
        """Take these on, with as many threads as they need and the source bears."""
        loads = _in_handfuls(claimed)
        with self._lock:
            self._waiting.extend(loads)
            threads = min(len(self._waiting), self._concurrency - self._running)
            self._running += threads
        for _ in range(threads):
            pool.submit(self._carry)

    def give_up(self) -> None:
        """Begin nothing more in this drain: the server does not answer, asked to be left alone, or
        we stop.
        """
        with self._lock:
            self._given_up = True
            self._not_begun += [load.delivery for load in self._waiting]
            self._waiting.clear()

    def resume(self) -> None:
        """Begin again, after a time: whether the server may be spoken to is asked at the next
        claim.
        """
        with self._lock:
            self._given_up = False

    def take_back(self) -> list[Delivery]:
        """What was claimed and will not be begun."""
        with self._lock:
            not_begun, self._not_begun = self._not_begun, []
        return not_begun

    @property
    def _ahead(self) -> int:
        return _AHEAD * self._concurrency if self._concurrency >= _AHEAD_FROM else 0

    def _carry(self) -> None:
        taken: list[Unconfirmed] = []
        handful: Handful | None = None
        while True:
            load = self._next()
            if (
                handful
                and taken
                and (load is None or load.handful is not handful or _is_time(taken))
            ):
                self._tell(confirm(handful, taken))
                taken = []
            if load is None:
                if self._leave():
                    return
                continue
            handful = load.handful
            if handful is None:
                self._tell(self._deliver(load))
                continue
            outcome = deliver_from(handful, load.delivery)
            if isinstance(outcome, Unconfirmed):
                taken.append(outcome)
            else:
                self._tell([outcome])

    def _deliver(self, load: _Load) -> Sequence[Outcome]:
        if isinstance(load.carrier, Failure):
            return [Outcome(load.delivery, failure=load.carrier)]
        return deliver_many(load.carrier, [load.delivery, *self._fellows(load)])

    def _tell(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            if outcome.failure is not None and outcome.failure.failure_class == "transient":
                self._begin_less()
            self._on_outcome(outcome)

    def _begin_less(self) -> None:
        """Give back most of what waits: in an outage few rows shall fail before the source is taken
        for down.
        """
        with self._lock:
            while len(self._waiting) > self._ahead:
                self._not_begun.append(self._waiting.pop().delivery)

    def _next(self) -> _Load | None:
        """What is pushed next."""
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

    def _fellows(self, first: _Load) -> list[Delivery]:
        """What follows `first` and can go out in the same request."""
        fellows: list[Delivery] = []
        looked_up = 0
        if not can_share(first.delivery):
            return fellows
        with self._lock:
            while self._waiting and len(fellows) + 1 < self._batch_size:
                delivery = self._waiting[0].delivery
                looked_up += not delivery.targets or not delivery.targets[0][1].remote_id
                is_others = self._waiting[0].carrier is not first.carrier
                if is_others or not can_share(delivery) or looked_up >= MOST_LOOKED_UP:
                    break
                fellows.append(self._waiting.popleft().delivery)
        return fellows


def _in_handfuls(claimed: Sequence[tuple[Delivery, Backend | Failure]]) -> list[_Load]:
    """Those of one account together, so that they can be read together."""
    of_carrier: dict[int, list[tuple[Delivery, Backend | Failure]]] = {}
    for delivery, carrier in claimed:
        of_carrier.setdefault(id(carrier), []).append((delivery, carrier))
    loads: list[_Load] = []
    for together in of_carrier.values():
        carrier = together[0][1]
        deliveries = [delivery for delivery, _ in together]
        handful = Handful(carrier, deliveries) if isinstance(carrier, ReadsFirst) else None
        loads += [_Load(delivery, carrier, handful) for delivery in deliveries]
    return loads


def _is_time(taken: Sequence[Unconfirmed]) -> bool:
    return (
        len(taken) >= _MOST_UNCONFIRMED
        or time.monotonic() - taken[0].written_at > _LONGEST_UNCONFIRMED
    )
