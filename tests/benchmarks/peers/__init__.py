"""Part `peers`: the same work that does nothing, done by us, by other queues, and by the bare
driver.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from statistics import median

from tests.benchmarks import filling
from tests.benchmarks.household import Household, household
from tests.benchmarks.report import rate, table, times

USERS = 20
#: Done in each round. Only the doing is timed, not the queueing.
JOBS = 2_000
ROUNDS = 5
#: What all others are compared with.
OURS = "ours, acknowledged row by row"
MODULES = {
    "sqlite": ("ours", "floor", "of_huey"),
    "postgresql": ("ours", "floor", "of_procrastinate", "of_pgqueuer"),
}


@dataclass(frozen=True)
class Field:
    """Where they compete."""

    home: Household
    #: A source of a kind that takes everything at once.
    source_id: int


#: Queues `JOBS` jobs and does them; the seconds of the doing.
Contestant = Callable[[Field], float]


def measure(database: str, *, seconds: float) -> None:
    with household(database) as home:
        filling.people(USERS)
        filling.library()
        field = Field(home, filling.source("http://127.0.0.1:9", users=USERS, kind="in-process"))
        contestants, missing = _contestants(database)
        taken: dict[str, list[float]] = {name: [] for name in contestants}
        with table(
            f"{JOBS:,} jobs that do nothing, {database}", "", "jobs", "÷ ours row by row"
        ) as row:
            for _ in range(max(1, round(ROUNDS * seconds / 3))):
                for name, contestant in contestants.items():
                    taken[name].append(contestant(field))
            ours = median(taken[OURS])
            for name, seconds_each in taken.items():
                row(name, rate(JOBS / median(seconds_each)), times(ours / median(seconds_each)))
            for name in missing:
                row(name.removeprefix("of_"), "not installed", "")


def _contestants(database: str) -> tuple[dict[str, Contestant], list[str]]:
    """By name; and what is not installed."""
    found: dict[str, Contestant] = {}
    missing = []
    for name in MODULES[database]:
        try:
            found |= import_module(f"{__name__}.{name}").CONTESTANTS
        except ImportError:
            missing.append(name)
    return found, missing
