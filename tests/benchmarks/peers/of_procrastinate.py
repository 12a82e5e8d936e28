"""procrastinate on PostgreSQL."""

import asyncio
import logging
import time

import procrastinate

from tests.benchmarks.peers import JOBS, Contestant, Field


def _consume(concurrency: int) -> Contestant:
    def consume(field: Field) -> float:
        logging.getLogger("procrastinate").setLevel(logging.WARNING)
        assert field.home.cluster
        address = field.home.cluster.create().replace("+psycopg", "")
        return asyncio.run(_run(address, concurrency))

    return consume


async def _run(address: str, concurrency: int) -> float:
    connector = procrastinate.PsycopgConnector(
        conninfo=address, min_size=1, max_size=concurrency + 2
    )
    app = procrastinate.App(connector=connector)

    @app.task(name="nothing")
    async def nothing() -> None: ...

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await nothing.batch_defer_async(*[{} for _ in range(JOBS)])
        began = time.perf_counter()
        await app.run_worker_async(
            wait=False, concurrency=concurrency, install_signal_handlers=False
        )
        taken = time.perf_counter() - began
        done = await app.job_manager.list_jobs_async(status="succeeded")
        assert len(list(done)) == JOBS
    return taken


CONTESTANTS: dict[str, Contestant] = {
    "procrastinate, 1 at a time": _consume(1),
    "procrastinate, 10 at a time": _consume(10),
}
