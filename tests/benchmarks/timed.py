"""The worker with a clock on its transactions."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from mydia_web.db import db
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.worker import Worker


@dataclass(frozen=True)
class Cost:
    """Milliseconds of a row: for its share of a claim, and for settling it."""

    claim: float
    settle: float

    @property
    def row(self) -> float:
        return self.claim + self.settle

    def words(self) -> tuple[str, str]:
        return f"{self.claim:.2f} ms", f"{self.settle:.2f} ms"


class TimedWorker(Worker):
    """A worker that knows how long its transactions took."""

    def __init__(self) -> None:
        super().__init__()
        self._claiming = self._settling = 0.0
        self._rows = 0

    def cost(self, rows: int) -> Cost:
        """Deliver this many rows, and return what one of them cost."""
        self._claiming, self._settling, self._rows = 0.0, 0.0, 0
        self.drain(limit=rows)
        db.session.remove()
        assert self._rows == rows
        return Cost(1000 * self._claiming / rows, 1000 * self._settling / rows)

    def _claim(self, left: int | None, *, probe: bool) -> int:
        began = time.perf_counter()
        try:
            return super()._claim(left, probe=probe)
        finally:
            self._claiming += time.perf_counter() - began

    def _settle(self, outcomes: list[Outcome]) -> Sequence[Outcome]:
        began = time.perf_counter()
        settled = super()._settle(outcomes)
        self._settling += time.perf_counter() - began
        self._rows += len(settled)
        return settled
