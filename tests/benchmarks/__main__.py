"""Measure the queue: `python -m tests.benchmarks [PART …] [--database postgresql] [--rows N]`."""

import argparse
from collections.abc import Callable

from tests.benchmarks import claims, drains, enqueue

DATABASES = ("sqlite", "postgresql")

PARTS: dict[str, Callable[[argparse.Namespace, str], None]] = {
    "enqueue": lambda asked, database: enqueue.measure(database, seconds=asked.seconds),
    "claim": lambda asked, database: claims.measure(database, rows=asked.rows, seconds=asked.seconds),
    "drain": lambda asked, database: drains.measure(database, seconds=asked.seconds),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"some of: {', '.join(PARTS)} (all by default)"
    )
    parser.add_argument("--database", choices=DATABASES, help="only this one")
    parser.add_argument("--rows", type=int, default=100_000, help="the longest backlog")
    parser.add_argument("--seconds", type=float, default=3, help="how long each figure is measured")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"there is no part {', '.join(sorted(unknown))}")
    for database in [asked.database] if asked.database else DATABASES:
        for part in asked.parts or PARTS:
            PARTS[part](asked, database)


if __name__ == "__main__":
    main()
