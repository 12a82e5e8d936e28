"""Backends that read a title before they write to it, and can read many in one request.

`push` does all of it for one title. For many, `sync/outbound/batches.py` reads a handful at once,
writes each by itself, and reads those again together whose answers did not show the new state.
"""

import time
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError
from mydia_web.backends.precondition import nothing_written_yet
from mydia_web.backends.values import RemoteState, Target, Wanted

#: The highest age of a reading, in seconds, when it is written upon: a person may act there at any
#: time.
FRESH_SECONDS = 2.0

Push = tuple[Target, Wanted]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server showed of one title."""

    #: In the backend's own type.
    shown: Any
    #: By `time.monotonic`, before the server was asked.
    asked_at: float

    @property
    def is_fresh(self) -> bool:
        return is_fresh(self.asked_at)


def is_fresh(asked_at: float) -> bool:
    """Return whether a reading of that time, by `time.monotonic`, may still be written upon."""
    return time.monotonic() - asked_at <= FRESH_SECONDS


class ReadsFirst(Backend):
    """A backend whose pushes read the title, check that nobody changed it there, and then write."""

    @abstractmethod
    def read(self, push: Push) -> Reading:
        """Return what the server shows of the title now. Raises `NotOnServer`."""

    @abstractmethod
    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        """Read at most `traits.reads_at_once` different titles in one request.

        Returns for each title its reading, or the error that concerns it, or None if it has to be
        read by itself. Raises an error that concerns all.
        """

    @abstractmethod
    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        """Bring about what is wanted upon what was read, and return the new state.

        Returns None if the server took the write without showing the state, which has to be read.
        Raises `RemoteChanged` if the title was changed there since it was last read.
        """

    @abstractmethod
    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        """Return what is shown after a `write` that returned None. Raises `NotShown`."""

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        push = (target, wanted)
        with nothing_written_yet():
            reading = self.read(push)
        state = self.write(push, reading)
        if state is None:
            state = self.confirm(push, self.read(push))
        return state
