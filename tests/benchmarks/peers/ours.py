"""Our own queue: claims and acknowledgements alone, and the whole worker with its threads and
records.
"""

import time

from mydia_web.db import db
from mydia_web.sync.outbound.worker import Worker
from tests.benchmarks import crew, filling
from tests.benchmarks.peers import JOBS, USERS, Contestant, Field


def _queue(field: Field) -> None:
    filling.owe(field.source_id, JOBS, users=USERS)
    filling.tidy()


def _take(together: int) -> Contestant:
    def take(field: Field) -> float:
        _queue(field)
        began = time.perf_counter()
        crew.take(field.source_id, JOBS, together)
        taken = time.perf_counter() - began
        filling.forget_queue()
        return taken

    return take


def _work(field: Field) -> float:
    _queue(field)
    began = time.perf_counter()
    with Worker() as worker:
        worker.drain()
    taken = time.perf_counter() - began
    db.session.remove()
    filling.forget_queue()
    return taken


CONTESTANTS: dict[str, Contestant] = {
    "ours, acknowledged row by row": _take(1),
    f"ours, {crew.BATCH} acknowledged at a time": _take(crew.BATCH),
    "ours, the whole worker with 8 threads": _work,
}
