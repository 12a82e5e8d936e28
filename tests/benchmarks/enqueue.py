"""Part `enqueue`: changes with their plays, change sets and queue rows, one per transaction."""

import time
from collections.abc import Callable
from statistics import median

from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_unwatched, mark_watched, save_progress
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import rate, table

USER = 1
FILMS = 2_000

Act = Callable[[MediaItem, int], object]

ACTS: dict[str, Act] = {
    "save a position": lambda film, n: save_progress(
        USER, film, position_seconds=100 + n, duration_seconds=9000 + n
    ),
    "mark watched, then unwatched": lambda film, n: (mark_unwatched if n % 2 else mark_watched)(
        USER, film
    ),
}


def measure(database: str, *, seconds: float) -> None:
    with (
        household(database),
        table(
            f"Changes with their queue rows, {database}", "change", "servers", "", "median"
        ) as row,
    ):
        filling.people(1)
        filling.library(FILMS)
        filling.tidy()
        for servers in (1, 3):
            while _servers() < servers:
                filling.source("http://127.0.0.1:9", users=1, films=FILMS)
            for name, act in ACTS.items():
                took = _run(act, seconds)
                row(name, servers, rate(len(took) / sum(took)), f"{1000 * median(took):.2f} ms")
            filling.forget_queue()


def _servers() -> int:
    number = db.session.scalar(db.text("SELECT count(*) FROM sources")) or 0
    db.session.rollback()
    return int(number)


def _run(act: Act, seconds: float) -> list[float]:
    """Make changes for a while, and return the seconds of each."""
    took: list[float] = []
    until = time.perf_counter() + seconds
    while (began := time.perf_counter()) < until:
        begin_write()
        act(db.session.get_one(MediaItem, 1 + len(took) // 2 % FILMS), len(took))
        db.session.commit()
        took.append(time.perf_counter() - began)
        # As at the end of a request.
        db.session.remove()
    return took
