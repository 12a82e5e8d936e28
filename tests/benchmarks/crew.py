"""Worker processes that claim and acknowledge on command."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

from mydia_web.config import Settings
from mydia_web.db import begin_write, db
from mydia_web.queue.repository import PlaybackSyncRepository
from tests.benchmarks.household import application

BATCH = 100


def take(source_id: int, rows: int, together: int) -> list[float]:
    """Claim and acknowledge rows, `together` of them in a transaction.

    Returns the seconds of each claim.
    """
    queue = PlaybackSyncRepository()
    claims: list[float] = []
    while rows > 0:
        began = time.perf_counter()
        begin_write()
        # Keep no rows, as the worker does: each commit would have to look at all of them.
        claimed = [
            (row.id, row.claim_token or "")
            for row in queue.mark_syncing(source_id, limit=min(BATCH, rows))
        ]
        assert claimed, "the backlog has run dry"
        db.session.commit()
        claims.append(time.perf_counter() - began)
        for start in range(0, len(claimed), together):
            begin_write()
            rows -= len(queue.mark_many_synced(dict(claimed[start : start + together])))
            db.session.commit()
    return claims


class Crew:
    """Workers that share a round equally."""

    def __init__(self, ends: Sequence[Connection]) -> None:
        self._ends = ends

    def round(self, source_id: int, rows: int, together: int) -> tuple[float, list[float]]:
        """Run a round, and return its seconds and those of each claim in it."""
        began = time.perf_counter()
        for end in self._ends:
            end.send((source_id, rows // len(self._ends), together))
        claims = [seconds for end in self._ends for seconds in end.recv()]
        return time.perf_counter() - began, claims


@contextmanager
def crew(settings: Settings, workers: int) -> Iterator[Crew]:
    context = get_context("spawn")
    pipes = [context.Pipe() for _ in range(workers)]
    processes = [
        context.Process(target=_work, args=(settings, theirs), daemon=True) for _, theirs in pipes
    ]
    for process in processes:
        process.start()
    for ours, _ in pipes:
        ours.recv()
    try:
        yield Crew([ours for ours, _ in pipes])
    finally:
        for ours, _ in pipes:
            ours.send(None)
        for process in processes:
            process.join()


def _work(settings: Settings, orders: Connection) -> None:
    with application(settings).app_context():
        orders.send("ready")
        while (order := orders.recv()) is not None:
            orders.send(take(*order))
