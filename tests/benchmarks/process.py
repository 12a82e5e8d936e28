"""Parts `memory` and `idle`: a worker that drains very many rows, and one with nothing to do."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import rate, table
from tests.benchmarks.server import plain_server

USERS = 20
#: Time for Python to import everything and for the first look at the queue.
SETTLED_SECONDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")
_HERE = Path(__file__).parents[2]


def measure_memory(database: str, *, rows: int) -> None:
    """Measure the peak memory of the command while it delivers to a server that answers at once."""
    with (
        household(database) as home,
        plain_server(0) as url,
        table(f"`sync-queue`, {database}", "delivered", "", "peak memory") as row,
    ):
        filling.people(USERS)
        filling.library()
        source_id = filling.source(url, users=USERS)
        filling.owe(source_id, rows, users=USERS)
        filling.tidy()
        began, peak = time.perf_counter(), 0
        with _running(
            [sys.executable, "-m", "tests.benchmarks.worker"], home.environment
        ) as process:
            while process.poll() is None:
                peak = max(peak, _peak_kib(process.pid))
                time.sleep(0.5)
        assert process.returncode == 0, f"sync-queue ended with {process.returncode}"
        row(f"{rows:,}", rate(rows / (time.perf_counter() - began)), f"{peak / 1024:.0f} MiB")


def measure_idle(database: str, *, seconds: float) -> None:
    """Measure `flask sync-queue --watch` with nothing to do and a delivered row for every film."""
    command = [
        str(Path(sys.executable).parent / "flask"),
        "--app",
        "mydia_web",
        "sync-queue",
        "--watch",
    ]
    with (
        household(database) as home,
        table(f"Idle, {database}", "command", "over", "CPU", "memory") as row,
    ):
        filling.people(USERS)
        filling.library()
        source_id = filling.source("http://127.0.0.1:9", users=USERS, kind="jellyfin")
        filling.owe(source_id, filling.FILMS, users=USERS, delivered=True)
        with _running(command, home.environment) as process:
            time.sleep(SETTLED_SECONDS)
            before = cpu_seconds(process.pid)
            time.sleep(seconds)
            spent = cpu_seconds(process.pid) - before
            peak = _peak_kib(process.pid) / 1024
        row(
            "`flask sync-queue --watch`",
            f"{seconds:.0f} s",
            f"{100 * spent / seconds:.2f} %",
            f"{peak:.0f} MiB",
        )


@contextmanager
def _running(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env=environment, cwd=_HERE, stdout=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _peak_kib(pid: int) -> int:
    """Return the peak memory of a process, 0 if it has just ended."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of all threads of a process, in user and kernel mode."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
