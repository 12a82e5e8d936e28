"""Reading many titles in one request before each of them is written to by itself.

A title is read before it is written to, and what was read is no older than a moment by then. One by
one that is two requests for each title. The deliveries of one account are therefore taken by the
handful: whoever of the lane's threads needs a reading first reads for all that are left, and the
others find theirs. So a slow title holds nobody.
"""

import logging
import time
from collections.abc import Sequence
from datetime import timedelta
from itertools import islice
from threading import Lock

from mydia_web.backends.errors import BackendError, ServerTrouble
from mydia_web.backends.precondition import RemoteChanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst, is_fresh
from mydia_web.backends.values import RemoteState, Target, Wanted
from mydia_web.clock import now
from mydia_web.sync.outbound.delivery import Delivery

log = logging.getLogger(__name__)

#: Errors of a shared request that may be the doing of one title of it: then each is read by itself.
_MAY_BE_OF_ONE = ("unconfirmed", "invalid", "unmatched", "bug")


class AlreadyFailedError(Exception):
    """What this row would have asked was asked for another one, and failed."""

    def __init__(self, error: BackendError) -> None:
        super().__init__()
        self.error = error


class Handful:
    """Deliveries to one account. Shared by the threads of a lane."""

    def __init__(self, backend: ReadsFirst, deliveries: Sequence[Delivery]) -> None:
        self.backend = backend
        self._lock = Lock()
        #: What is not read for anybody yet or has grown old since, in the order of delivery.
        self._left: dict[str, Push] = {
            target.remote_id: (target, one.wanted)
            for one in deliveries
            for _, target in one.targets
            if target.remote_id and not one.problem
        }
        #: What was read and not asked for yet; None where it has to be read by itself.
        self._readings: dict[str, Reading | BackendError | None] = {}
        self._asked_at = 0.0
        self._at_once = backend.traits.reads_at_once
        #: How many of the last readings were young enough when they were needed.
        self._used = 0
        self._failed: BackendError | None = None

    def push(self, target: Target, wanted: Wanted) -> RemoteState | None:
        """As `Backend.push`. None: it was taken, and has to be confirmed."""
        push = (target, wanted)
        reading = self._reading(push)
        if reading is None:
            with nothing_written_yet():
                reading = self.backend.read(push)
        try:
            return self.backend.write(push, reading)
        except RemoteChanged as error:
            error.looked_at = now() - timedelta(seconds=time.monotonic() - reading.asked_at)
            raise

    def push_and_confirm(self, target: Target, wanted: Wanted) -> RemoteState:
        push, state = (target, wanted), self.push(target, wanted)
        return state if state is not None else self.backend.confirm(push, self.backend.read(push))

    def read_again(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        """What the titles show after they were written to, as `ReadsFirst.read_many`. Raises what
        concerns all.
        """
        try:
            return self.backend.read_many(pushes)
        except BackendError as error:
            if not _may_be_of_one(error):
                raise
        return [None] * len(pushes)

    def _reading(self, push: Push) -> Reading | None:
        """What the title shows now. None: it has to be read by itself."""
        remote_id = push[0].remote_id
        with self._lock:
            if self._left.pop(remote_id, None) is None:
                return None  # read for somebody before: two rows for one title, and the first has written
            if self._failed is not None:
                raise AlreadyFailedError(self._failed)
            self._forget_old()
            if remote_id not in self._readings and self._at_once > 1 and self._left:
                self._read(push)
            self._used += 1
            reading = self._readings.pop(remote_id, None)
        if isinstance(reading, BackendError):
            raise reading
        return reading if reading and reading.is_fresh else None

    def _forget_old(self) -> None:
        """As many as could be used in time are asked for the next time."""
        if self._readings and not is_fresh(self._asked_at):
            self._readings.clear()
            self._at_once = max(1, self._used)

    def _read(self, push: Push) -> None:
        pushes = [push, *islice(self._left.values(), self._at_once - 1)]
        self._asked_at = time.monotonic()
        self._used = 0
        try:
            with nothing_written_yet():
                readings = self.backend.read_many(pushes)
        except BackendError as error:
            if not _may_be_of_one(error):
                self._failed = error
                raise
            self._at_once = 1
        except Exception:
            log.exception("Many titles could not be read at once; each is read by itself.")
            self._at_once = 1
        else:
            self._keep(pushes, readings)

    def _keep(
        self, pushes: Sequence[Push], readings: Sequence[Reading | BackendError | None]
    ) -> None:
        for (target, _), reading in zip(pushes, readings, strict=True):
            if isinstance(reading, BackendError):
                reading.may_have_arrived = False
            self._readings[target.remote_id] = reading


def _may_be_of_one(error: BackendError) -> bool:
    """A server may answer one strange id with an error for all of them."""
    if error.source_wide:
        return False
    return isinstance(error, ServerTrouble) or error.failure_class in _MAY_BE_OF_ONE
