"""Part `beside`: the cost of a row beside a dead server's backlog, and beside delivered rows."""

from datetime import timedelta

from sqlalchemy import update

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.sources.models import Source
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import table, times
from tests.benchmarks.timed import Cost, TimedWorker

USERS, PEOPLE = 20, 200
#: Due at the source that lives, and delivered for each figure.
DUE, TAKEN = 20_000, 2_000


def measure(database: str, *, dead_rows: int, delivered: int) -> None:
    """Compare with the same source before the others are added."""
    with household(database):
        filling.people(PEOPLE)
        filling.library()
        alive, dead, old = (
            filling.source("http://127.0.0.1:9", users=users, kind="in-process")
            for users in (USERS, USERS, PEOPLE)
        )
        _shut(dead)
        columns = ("beside it", "claim, for a row", "settle, for a row", "both ÷ alone")
        with table(f"A source with {DUE:,} rows due, {database}", *columns) as row:
            filling.owe(alive, DUE, users=USERS)
            alone = _cost(alive)
            row("nothing", *alone.words(), times(1))
            filling.owe(dead, dead_rows, users=USERS)
            beside = _cost(alive)
            row(f"a dead server owed {dead_rows:,}", *beside.words(), times(beside.row / alone.row))
            with filling.indexed_afterwards():
                filling.owe(old, delivered, users=PEOPLE, delivered=True)
            beside = _cost(alive)
            row(
                f"… and {delivered:,} delivered rows",
                *beside.words(),
                times(beside.row / alone.row),
            )


def _shut(source_id: int) -> None:
    """Put off the next try by an hour, as after many failures."""
    down = {"pause_reason": "down", "paused_until": now() + timedelta(hours=1), "failure_count": 20}
    db.session.execute(update(Source).where(Source.id == source_id).values(down))
    db.session.commit()


def _cost(alive: int) -> Cost:
    """Return the cheapest of three rounds: other load on the machine can only add to it."""
    filling.owe_again(alive)
    filling.tidy()
    with TimedWorker() as worker:
        worker.cost(TAKEN)
        return min((worker.cost(TAKEN) for _ in range(3)), key=lambda cost: cost.row)
