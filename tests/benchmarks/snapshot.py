"""Part `snapshot`: the cost of a row while an open snapshot keeps PostgreSQL from cleaning up."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import psycopg

from tests.benchmarks import filling
from tests.benchmarks.household import Household, household
from tests.benchmarks.report import table
from tests.benchmarks.timed import Cost, TimedWorker

USERS = 20
#: Parts of the rows, each with a figure of its own.
PARTS = 10


def measure(database: str, *, rows: int) -> None:
    """Drain the rows, and drain them once more under an open snapshot."""
    if database != "postgresql":
        return
    with household(database) as home:
        filling.people(USERS)
        filling.library()
        source_id = filling.source("http://127.0.0.1:9", users=USERS, kind="in-process")
        filling.owe(source_id, rows, users=USERS)
        columns = [
            f"{snapshot}: {what}" for snapshot in ("none", "open") for what in ("claim", "settle")
        ]
        with table(
            f"Draining {rows:,} rows under an open snapshot, for a row", "delivered", *columns
        ) as row:
            ever = _drain(source_id, rows, nullcontext())
            held = _drain(source_id, rows, _snapshot(home))
            for number, (one, other) in enumerate(zip(ever, held, strict=True), 1):
                row(f"{rows * number // PARTS:,}", *one.words(), *other.words())


def _drain(source_id: int, rows: int, meanwhile: AbstractContextManager[None]) -> list[Cost]:
    filling.owe_again(source_id)
    filling.tidy()
    with meanwhile, TimedWorker() as worker:
        return [worker.cost(rows // PARTS) for _ in range(PARTS)]


@contextmanager
def _snapshot(home: Household) -> Iterator[None]:
    """Hold a snapshot open, like a backup or a console."""
    with psycopg.connect(home.settings.database_url.replace("+psycopg", "")) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.execute("SELECT count(*) FROM playback_sync_queue")
        yield
        connection.rollback()
