"""One lane for each source: what was claimed for it and waits for one of its connections."""

from collections import deque
from dataclasses import dataclass, field

from mydia_web.backends.base import Backend
from mydia_web.sync.delivery import Delivery, Failure

#: Below this many connections nothing is claimed ahead: those servers are the ones that bear no more.
_AHEAD_FROM = 4


@dataclass(slots=True)
class Lane:
    """The deliveries of one source that this worker has claimed."""

    source_id: int
    source_name: str
    concurrency: int
    waiting: deque[tuple[Delivery, Backend | Failure]] = field(default_factory=deque)
    running: int = 0
    #: Nothing more is sent in this drain: the server does not answer, or asked to be left alone.
    given_up: bool = False

    @property
    def is_free(self) -> bool:
        return bool(self.waiting) and self.running < self.concurrency

    @property
    def wants_more(self) -> bool:
        """Claiming half a lane at a time keeps its connections busy while the database is spoken to."""
        return not self.given_up and len(self.waiting) <= self.ahead // 2

    @property
    def capacity(self) -> int:
        """How many rows may be claimed at a time, by all workers together."""
        return self.concurrency + self.ahead

    @property
    def ahead(self) -> int:
        return self.concurrency if self.concurrency >= _AHEAD_FROM else 0
