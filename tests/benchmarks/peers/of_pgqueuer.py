"""pgqueuer on PostgreSQL, by both of its drivers."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import psycopg
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver, Driver, PsycopgDriver
from pgqueuer.queries import Queries
from pgqueuer.types import QueueExecutionMode

from tests.benchmarks.peers import JOBS, Contestant, Field


def _consume(connect: Callable[[str], Awaitable[Driver]]) -> Contestant:
    def consume(field: Field) -> float:
        assert field.home.cluster
        address = field.home.cluster.create().replace("+psycopg", "")
        return asyncio.run(_run(address, connect))

    return consume


async def _run(address: str, connect: Callable[[str], Awaitable[Driver]]) -> float:
    queries = Queries(await connect(address))
    await queries.install()
    await queries.enqueue(["nothing"] * JOBS, [None] * JOBS, [0] * JOBS)
    consumer, done = PgQueuer(await connect(address)), []

    @consumer.entrypoint("nothing")
    async def nothing(_job: object) -> None:
        done.append(None)

    began = time.perf_counter()
    await consumer.run(batch_size=100, mode=QueueExecutionMode.drain)
    taken = time.perf_counter() - began
    assert len(done) == JOBS
    return taken


async def _by_asyncpg(address: str) -> Driver:
    return AsyncpgDriver(await asyncpg.connect(address))


async def _by_psycopg(address: str) -> Driver:
    return PsycopgDriver(await psycopg.AsyncConnection.connect(address, autocommit=True))


CONTESTANTS: dict[str, Contestant] = {
    "pgqueuer by asyncpg, batches of 100": _consume(_by_asyncpg),
    "pgqueuer by psycopg, batches of 100": _consume(_by_psycopg),
}
