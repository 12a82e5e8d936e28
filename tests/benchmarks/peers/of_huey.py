"""huey on SQLite, as it comes: a task is taken off before it is done, and lost with a worker that
is killed.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from huey import SqliteHuey

from tests.benchmarks.peers import JOBS, Contestant, Field


def _consume(workers: int, *, fsync: bool) -> Contestant:
    def consume(_field: Field) -> float:
        with TemporaryDirectory(prefix="mydia-bench-") as folder:
            file = str(Path(folder) / "huey.db")
            return _run(SqliteHuey("bench", filename=file, fsync=fsync, results=False), workers)

    return consume


def _run(huey: SqliteHuey, workers: int) -> float:
    done, finished = [], Event()

    @huey.task()
    def nothing() -> None:
        done.append(None)
        if len(done) == JOBS:
            finished.set()

    for _ in range(JOBS):
        nothing()
    consumer = huey.create_consumer(workers=workers, periodic=False, check_worker_health=False)
    began = time.perf_counter()
    consumer.start()
    finished.wait()
    taken = time.perf_counter() - began
    consumer.stop(graceful=True)
    huey.storage.close()
    return taken


CONTESTANTS: dict[str, Contestant] = {
    "huey, 1 worker, as it comes": _consume(1, fsync=False),
    "huey, 1 worker, every commit on the disk": _consume(1, fsync=True),
    "huey, 4 workers, as it comes": _consume(4, fsync=False),
}
