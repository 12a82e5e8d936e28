"""Part `drain`: delivery over HTTP to a server that answers after a set time."""

import time
from dataclasses import dataclass, replace

from mydia_web.db import db
from mydia_web.sync.outbound.worker import Worker
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import rate, share, table
from tests.benchmarks.server import Plain, plain_server

#: Deliveries a second of one process at best, to choose how many rows fill the time.
FASTEST = 1_000


@dataclass(frozen=True)
class Server:
    """A server that takes a number of requests at a time and answers each after a latency."""

    connections: int
    milliseconds: int
    accounts: int = 1

    @property
    def limit(self) -> float:
        """Deliveries a second that no worker can exceed."""
        if not self.milliseconds:
            return float("inf")
        return 1000 * self.connections / self.milliseconds


SERVERS = [
    *(Server(connections, milliseconds) for milliseconds in (50, 5, 0) for connections in (8, 32)),
    Server(32, 50, accounts=20),
]


def measure(database: str, *, seconds: float) -> None:
    columns = (
        "connections",
        "latency",
        "accounts",
        "delivered",
        "of N/L",
        "CPU of the worker for a row",
    )
    with household(database), table(f"Drain over HTTP, {database}", *columns) as row:
        filling.people(20)
        filling.library(20_000)
        for server in SERVERS:
            per_second, cpu = _drain(server, seconds)
            row(
                server.connections,
                f"{server.milliseconds} ms",
                server.accounts,
                rate(per_second),
                share(per_second / server.limit) if server.milliseconds else "",
                f"{1000 * cpu:.2f} ms",
            )


def _drain(server: Server, seconds: float) -> tuple[float, float]:
    """Return deliveries a second, and seconds of CPU for each."""
    rows = int(min(server.limit, FASTEST) * seconds)
    Plain.traits = replace(Plain.traits, concurrency=server.connections)
    with plain_server(server.milliseconds / 1000) as url:
        source_id = filling.source(url, users=server.accounts, films=rows)
        filling.owe(source_id, rows, users=server.accounts)
        filling.tidy()
        cpu_before = time.process_time()
        began = time.perf_counter()
        with Worker() as worker:
            summary = worker.drain()
        seconds = time.perf_counter() - began
        cpu = time.process_time() - cpu_before
    assert sum(tally.synced for tally in summary.tallies.values()) == rows
    db.session.remove()
    filling.forget_queue()
    return rows / seconds, cpu / rows
