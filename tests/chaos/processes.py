"""The commands of mydia-web as processes that may be killed at any moment, and started again within
0.2 s.

They are forked from one that has imported everything, and otherwise run as from a shell: their own
process, their own environment, their own log. `hasty` ones take a silent worker for dead after 3 s,
not 20 or 60, and try again within 2 s.
"""

import ctypes
import multiprocessing
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Lock
from typing import Any

import mydia_web
from mydia_web import clock
from mydia_web.cli import main
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sync import pulls
from mydia_web.sync.inbound import run_pull
from mydia_web.sync.outbound import retry
from mydia_web.sync.outbound import worker as delivering

LEASE = timedelta(seconds=3)

_PR_SET_PDEATHSIG = 1

_context: Any = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(
    [
        "__main__",
        "pytest",
        "mydia_web.cli",
        "flask_migrate",
        "psycopg",
        "sqlite3",
        "tests.chaos.processes",
    ]
)


def fork(run: Callable[..., None], *arguments: object) -> BaseProcess:
    process: BaseProcess = _context.Process(
        target=_run_alone, args=(mydia_web.__file__, run, *arguments), daemon=True
    )
    process.start()
    return process


def _run_alone(file: str, run: Callable[..., None], *arguments: object) -> None:
    assert mydia_web.__file__ == file, (
        f"another mydia-web than the one under test: {mydia_web.__file__}"
    )
    if sys.platform == "linux":  # even a test run that is killed leaves nothing behind
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    run(*arguments)


class Command:
    """One command, and every process that it has been."""

    def __init__(
        self,
        *words: str,
        environment: Mapping[str, str],
        logs: Path,
        offset: Path,
        hasty: bool = True,
    ) -> None:
        """`offset`: a file that says by how many seconds its clock is wrong."""
        self._words, self._environment, self._hasty, self._offset = (
            words,
            dict(environment),
            hasty,
            offset,
        )
        self._logs, self._numbers = logs, count(1)
        self._name = "-".join(word.strip("-") for word in words)
        self.log = Path()
        #: Of two threads that ask for its end at once, one would get a wrong one.
        self._asking = Lock()
        self.start()

    def start(self) -> None:
        self.log = self._logs / f"{self._name}.{id(self):x}.{next(self._numbers)}.log"
        self._process = fork(
            _run, self._words, self._environment, str(self.log), self._hasty, self._offset
        )

    def kill(self) -> None:
        """SIGKILL, whatever it is doing; stopped processes die of it too."""
        self._process.kill()
        with self._asking:
            self._process.join()

    def signal(self, number: signal.Signals) -> None:
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self, seconds: float = 30) -> int | None:
        """Its exit code; None where it did not end in time."""
        with self._asking:
            self._process.join(seconds)
            return self._process.exitcode

    @property
    def is_alive(self) -> bool:
        with self._asking:
            return self._process.is_alive()

    def says(self, words: str) -> re.Match[str] | None:
        """What its present process has written so far, searched."""
        log = self.log  # of another process in a moment, if that is being killed
        return re.search(words, log.read_text()) if log.exists() else None


def wait_until(holds: Callable[[], Any], seconds: float = 20, *, what: str) -> Any:
    """The first true value; an error that says `what` was waited for where none comes."""
    until = time.monotonic() + seconds
    while not (value := holds()):
        assert time.monotonic() < until, f"waited {seconds} s in vain for {what}"
        time.sleep(0.02)
    return value


def _run(
    words: tuple[str, ...], environment: dict[str, str], log: str, hasty: bool, offset: Path
) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["mydia-web", *words]
    clock.read = lambda: datetime.now(UTC) + timedelta(seconds=float(offset.read_text()))
    if hasty:
        _be_hasty()
    main()


def _be_hasty() -> None:
    """The real periods, shrunk: those that a test would else have to wait for."""
    PlaybackSyncRepository.mark_syncing.__kwdefaults__["lease"] = LEASE
    pulls.LEASE = LEASE
    run_pull.RENEW_EVERY = LEASE.total_seconds() / 4
    delivering.LONGEST_PUSH = timedelta(seconds=2)
    retry.FIRST_DELAY, retry.MAX_DELAY = timedelta(seconds=0.2), timedelta(seconds=2)
    retry.FIRST_PAUSE, retry.MAX_PAUSE = timedelta(seconds=0.5), timedelta(seconds=2)
