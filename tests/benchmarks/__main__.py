"""Measure the queue, the inbox and the pages: `python -m tests.benchmarks [PART …]`."""

import argparse
from collections.abc import Callable

from tests.benchmarks import (
    beside,
    claims,
    drains,
    enqueue,
    latency,
    marks,
    pages,
    peers,
    process,
    reads,
    sizes,
    snapshot,
    webhooks,
)

DATABASES = ("sqlite", "postgresql")

PARTS: dict[str, Callable[[argparse.Namespace, str], None]] = {
    "enqueue": lambda options, database: enqueue.measure(database, seconds=options.seconds),
    "marks": lambda _, database: marks.measure(database),
    "claim": lambda options, database: claims.measure(
        database, rows=options.rows, seconds=options.seconds
    ),
    "drain": lambda options, database: drains.measure(database, seconds=2 * options.seconds),
    "reads": lambda _, database: reads.measure(database),
    "peers": lambda options, database: peers.measure(database, seconds=options.seconds),
    "beside": lambda options, database: beside.measure(
        database, dead_rows=options.rows, delivered=10 * options.rows
    ),
    "snapshot": lambda options, database: snapshot.measure(
        database, rows=max(10_000, options.rows // 10)
    ),
    "memory": lambda options, database: process.measure_memory(database, rows=options.rows),
    "idle": lambda options, database: process.measure_idle(database, seconds=20 * options.seconds),
    "pages": lambda _, database: pages.measure(database),
    "webhooks": lambda options, database: webhooks.measure(database, seconds=4 * options.seconds),
    "latency": lambda options, database: latency.measure(
        database, events=int(10 * options.seconds)
    ),
    "sizes": lambda options, database: sizes.measure(database, rows=options.rows),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"{', '.join(PARTS)}; all by default"
    )
    parser.add_argument("--database", choices=DATABASES, help="only this one; both by default")
    parser.add_argument(
        "--rows", type=int, default=100_000, help="the longest backlog (default 100000)"
    )
    parser.add_argument(
        "--seconds", type=float, default=3, help="how long a figure is measured (default 3)"
    )
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    databases = DATABASES
    if options.database:
        databases = (options.database,)
    for database in databases:
        for part in options.parts or PARTS:
            PARTS[part](options, database)


if __name__ == "__main__":
    main()
