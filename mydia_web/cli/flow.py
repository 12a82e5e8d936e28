"""What a watching process counts in memory, and the last lines of its log."""

import logging
import time
from collections import deque
from dataclasses import dataclass, field

from mydia_web.logs import TextLines
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.summary import Tally

#: Seconds over which "per second" is counted.
SPAN = 5


class Rate:
    """How many a second, over the last few."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=SPAN + 1)

    def add(self, at: float) -> None:
        second, number = int(at), 1
        if self._seconds and self._seconds[-1][0] == second:
            number += self._seconds.pop()[1]
        self._seconds.append((second, number))

    def per_second(self, at: float) -> float:
        """The second that is not over yet does not count: it would pull the figure down."""
        whole = range(int(at) - SPAN, int(at))
        return sum(number for second, number in tuple(self._seconds) if second in whole) / SPAN


@dataclass(slots=True)
class Flow:
    """What this process did at one source since it began."""

    tally: Tally = field(default_factory=Tally)
    rate: Rate = field(default_factory=Rate)

    def add(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        if outcome.failure is None:
            self.rate.add(time.monotonic())


class Tail(logging.Handler):
    """Keeps the last events of the log; they become words only when somebody looks."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self.setFormatter(TextLines("%(asctime)s %(message)s", "%H:%M:%S"))
        self._records: deque[logging.LogRecord] = deque(maxlen=most)
        #: How many there were.
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self.count += 1

    def lines(self, most: int) -> list[str]:
        return [self._line(record) for record in tuple(self._records)[-most:]] if most > 0 else []

    def _line(self, record: logging.LogRecord) -> str:
        """Of a traceback only what went wrong."""
        first, *rest = self.format(record).splitlines() or [""]
        return f"{first}: {rest[-1]}" if rest else first
