"""Part `claim`: claiming and acknowledging behind backlogs of a thousand rows to a million.

Each backlog has a database of its own, and the rounds take turns among them, so that other load on
the machine falls on all alike.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median

from sqlalchemy import func, select

from mydia_web.db import db
from mydia_web.queue.models import QueuedChange
from tests.benchmarks import filling
from tests.benchmarks.crew import BATCH, Crew, crew
from tests.benchmarks.household import Household, households
from tests.benchmarks.report import rate, table, times

USERS = 20
#: Rows taken in one round, by all workers together.
ROUND = 1_000
BACKLOGS = (1_000, 10_000, 100_000, 1_000_000)
WORKERS = (1, 2, 4)
#: Claims acknowledged in one transaction.
TOGETHER = {f"{BATCH} at a time": BATCH, "row by row": 1}


@dataclass
class Backlog:
    """A household with a number of due rows, and the figures measured there."""

    home: Household
    rows: int
    source_id: int
    taken: list[float] = field(default_factory=list)
    claims: list[float] = field(default_factory=list)

    def round(self, hands: Crew, together: int) -> None:
        self._fill_up()
        taken, claims = hands.round(self.source_id, ROUND, together)
        self.taken.append(taken)
        self.claims += claims

    def _fill_up(self) -> None:
        """Make the delivered rows due again once half of the backlog is gone."""
        with self.home.app.app_context():
            owed = select(func.count()).where(QueuedChange.next_attempt_at.is_not(None))
            if (db.session.scalar(owed) or 0) < max(ROUND, self.rows // 2):
                filling.owe_again(self.source_id)
                filling.tidy()

    def words(self) -> str:
        return f"{rate(ROUND / median(self.taken))}, a claim {1000 * median(self.claims):.1f} ms"


def measure(database: str, *, rows: int, seconds: float) -> None:
    sizes = [number for number in BACKLOGS if number <= rows]
    with households(database, len(sizes)) as homes:
        backlogs = [_backlog(home, size) for home, size in zip(homes, sizes, strict=True)]
        title = f"Claim {BATCH} rows and acknowledge them, {database}"
        columns = [
            "workers",
            "acknowledged",
            *(f"backlog {size:,}" for size in sizes),
            "last ÷ first",
        ]
        with table(title, *columns) as row:
            for workers in WORKERS:
                for words, together in TOGETHER.items():
                    _measure(backlogs, workers, together, seconds)
                    row(
                        workers, words, *(one.words() for one in backlogs), times(_growth(backlogs))
                    )


def _backlog(home: Household, rows: int) -> Backlog:
    with home.app.app_context():
        filling.people(USERS)
        filling.library()
        source_id = filling.source("http://127.0.0.1:9", users=USERS)
        filling.owe(source_id, rows, users=USERS)
        filling.tidy()
    return Backlog(home, rows, source_id)


def _measure(backlogs: Sequence[Backlog], workers: int, together: int, seconds: float) -> None:
    with ExitStack() as stack:
        crews = [stack.enter_context(crew(one.home.settings, workers)) for one in backlogs]
        for backlog, hands in zip(backlogs, crews, strict=True):
            backlog.round(hands, together)
            backlog.taken.clear()
            backlog.claims.clear()
        while len(backlogs[0].taken) < 5 or sum(sum(one.taken) for one in backlogs) < seconds * len(
            backlogs
        ):
            for backlog, hands in zip(backlogs, crews, strict=True):
                backlog.round(hands, together)


def _growth(backlogs: Sequence[Backlog]) -> float:
    """Return the time of a round behind the longest backlog, as a multiple of the shortest.

    The median over pairs of rounds that ran one after the other.
    """
    pairs = zip(backlogs[0].taken, backlogs[-1].taken, strict=True)
    return median(last / first for first, last in pairs)
