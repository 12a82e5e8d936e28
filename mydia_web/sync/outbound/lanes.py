"""One lane for each source: what was claimed for it, and the threads that carry it there."""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from threading import Lock

from mydia_web.backends.base import Backend
from mydia_web.sync.outbound.delivery import Delivery, Failure, Outcome
from mydia_web.sync.outbound.push import MOST_LOOKED_UP, can_share, deliver_many

#: Below this many connections nothing is claimed ahead: those servers are the ones that bear no more.
_AHEAD_FROM = 4
#: For each connection so many rows wait at most: with one, PostgreSQL is not asked again in time for 32 of 50 ms.
_AHEAD = 2

_Load = tuple[Delivery, Backend | Failure]


class Lane:
    """The deliveries of one source that this worker has claimed.

    A thread that is done takes the next by itself, so that no connection waits for the thread of the database.
    """

    def __init__(
        self,
        source_name: str,
        concurrency: int,
        *,
        batch_size: int = 1,
        on_outcome: Callable[[Outcome], None],
        is_too_late: Callable[[Delivery], bool],
    ) -> None:
        self.source_name = source_name
        self._concurrency = concurrency
        self._batch_size = batch_size
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
        return self._concurrency * self._batch_size + self._ahead

    @property
    def wants_more(self) -> bool:
        """Claiming half a lane at a time keeps its connections busy while the database is spoken to."""
        return not self._given_up and len(self._waiting) <= self._ahead // 2

    @property
    def has_waiting(self) -> bool:
        return bool(self._waiting)

    def load(self, loads: Sequence[_Load], pool: Executor) -> None:
        """Take these on, with as many threads as they need and the source bears."""
        with self._lock:
            self._waiting.extend(loads)
            threads = min(len(self._waiting), self._concurrency - self._running)
            self._running += threads
        for _ in range(threads):
            pool.submit(self._carry)

    def give_up(self) -> None:
        """Begin nothing more in this drain: the server does not answer, asked to be left alone, or we stop."""
        with self._lock:
            self._given_up = True
            self._not_begun += [delivery for delivery, _ in self._waiting]
            self._waiting.clear()

    def resume(self) -> None:
        """Begin again, after a time: whether the server may be spoken to is asked at the next claim."""
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
        while (load := self._next()) is not None:
            deliveries, backend = load
            if isinstance(backend, Failure):
                self._on_outcome(Outcome(deliveries[0], failure=backend))
                continue
            for outcome in deliver_many(backend, deliveries):
                self._on_outcome(outcome)

    def _next(self) -> tuple[list[Delivery], Backend | Failure] | None:
        """What the next request carries."""
        with self._lock:
            while self._waiting:
                delivery, backend = self._waiting.popleft()
                if not self._is_too_late(delivery):
                    return [delivery, *self._fellows(delivery, backend)], backend
                self._not_begun.append(delivery)
            self._running -= 1
            return None

    def _fellows(self, first: Delivery, backend: Backend | Failure) -> list[Delivery]:
        """What follows `first` and can go out in the same request."""
        fellows: list[Delivery] = []
        looked_up = 0
        while self._waiting and len(fellows) + 1 < self._batch_size and can_share(first):
            delivery, other = self._waiting[0]
            looked_up += not delivery.targets or not delivery.targets[0][1].remote_id
            if other is not backend or not can_share(delivery) or looked_up >= MOST_LOOKED_UP:
                break
            fellows.append(self._waiting.popleft()[0])
        return fellows
