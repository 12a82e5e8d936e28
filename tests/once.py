"""Things that are made once for a run, whichever of its processes needs them first."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def one_at_a_time(name: Path) -> Iterator[None]:
    """Keep other processes that give the same name out until this one is done."""
    with name.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_once(file: Path, make: Callable[[Path], None]) -> Path:
    """Let the first process make the file, and the others wait for it."""
    with one_at_a_time(file):
        if not file.exists():
            unfinished = file.with_suffix(".unfinished")
            make(unfinished)
            unfinished.rename(file)
    return file
