"""Backends that read a title before they write to it, and can read many in one request.

`push` does all of it for one title. For many, `sync/outbound/handfuls.py` reads a handful at once,
has each written by itself, and reads those again together whose answers show nothing.
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

#: How old, in seconds, what was read may be when it is written upon: a person may act there at any
#: time.
FRESH_SECONDS = 2.0

Push = tuple[Target, Wanted]


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server showed of one title."""

    #: In its backend's own words.
    shown: Any
    #: By `time.monotonic`, before the server was asked.
    asked_at: float

    @property
    def is_fresh(self) -> bool:
        return is_fresh(self.asked_at)


def is_fresh(asked_at: float) -> bool:
    """May what was asked for at that time, by `time.monotonic`, still be written upon?"""
    return time.monotonic() - asked_at <= FRESH_SECONDS


class ReadsFirst(Backend):
    """A backend whose pushes read the title, look whether it was changed there meanwhile, and then
    write.
    """

    @abstractmethod
    def read(self, push: Push) -> Reading:
        """What the server shows of the title now. Raises `NotOnServer`."""

    @abstractmethod
    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        """As `read`, in one request, for at most `traits.reads_at_once` different titles.

        For each what is shown, or why it cannot be, or None: it has to be read by itself. Raises
        what concerns all.
        """

    @abstractmethod
    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        """Bring about what is wanted upon what was read. None: it was taken, and has to be read to
        be seen.

        Raises `RemoteChanged` where the title was changed there since it was last heard of.
        """

    @abstractmethod
    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        """What is shown after a `write` that did not tell. Raises `NotShown`."""

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        push = (target, wanted)
        with nothing_written_yet():
            reading = self.read(push)
        state = self.write(push, reading)
        return state if state is not None else self.confirm(push, self.read(push))
