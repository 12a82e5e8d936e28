"""Measure queue, inbox and pages: `python -m tests.benchmarks [PART …] [--database postgresql]
[--rows N]`.
"""

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
    "enqueue": lambda asked, database: enqueue.measure(database, seconds=asked.seconds),
    "marks": lambda _, database: marks.measure(database),
    "claim": lambda asked, database: claims.measure(
        database, rows=asked.rows, seconds=asked.seconds
    ),
    "drain": lambda asked, database: drains.measure(database, seconds=2 * asked.seconds),
    "reads": lambda _, database: reads.measure(database),
    "peers": lambda asked, database: peers.measure(database, seconds=asked.seconds),
    "beside": lambda asked, database: beside.measure(
        database, dead_rows=asked.rows, delivered=10 * asked.rows
    ),
    "snapshot": lambda asked, database: snapshot.measure(
        database, rows=max(10_000, asked.rows // 10)
    ),
    "memory": lambda asked, database: process.measure_memory(database, rows=asked.rows),
    "idle": lambda asked, database: process.measure_idle(database, seconds=20 * asked.seconds),
    "pages": lambda _, database: pages.measure(database),
    "webhooks": lambda asked, database: webhooks.measure(database, seconds=4 * asked.seconds),
    "latency": lambda asked, database: latency.measure(database, events=int(10 * asked.seconds)),
    "sizes": lambda asked, database: sizes.measure(database, rows=asked.rows),
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
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    for database in [asked.database] if asked.database else DATABASES:
        for part in asked.parts or PARTS:
            PARTS[part](asked, database)


if __name__ == "__main__":
    main()
