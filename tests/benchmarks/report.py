"""Markdown tables, printed row by row as the figures come, with the machine's load."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Row = Callable[..., None]


@contextmanager
def table(title: str, *columns: str) -> Iterator[Row]:
    """Yield a function that prints a row, and print the load average below the table."""
    print(f"\n### {title}\n")
    _print(columns)
    _print(["---"] * len(columns))
    before = os.getloadavg()[0]
    yield lambda *cells: _print(cells)
    print(f"\nLoad average {before:.1f} before, {os.getloadavg()[0]:.1f} at the end.", flush=True)


def _print(cells: object) -> None:
    print(f"| {' | '.join(map(str, cells))} |", flush=True)  # type: ignore[call-overload]


def rate(per_second: float) -> str:
    return f"{per_second:,.0f}/s"


def share(part: float) -> str:
    return f"{100 * part:.0f} %"


def times(ratio: float) -> str:
    return f"{ratio:.2f} ×"
