"""Read many titles in one request before each of them is written by itself.

A title is read before it is written, and what was read must be no older than a moment by then. One
by one, that is two requests per title. The deliveries of one account are therefore read in batches:
whichever thread of the lane needs a reading first reads for all that are left, and the others use
theirs. So a slow title holds nobody up.
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

#: Failures that one title can cause for a whole request, and for no other title by itself.
SINGLE_TITLE_FAILURES = frozenset({"unconfirmed", "invalid", "unmatched", "bug"})


class AlreadyFailedError(Exception):
    """The request that this row needs was made for another one, and failed."""

    def __init__(self, error: BackendError) -> None:
        super().__init__()
        self.error = error


class ReadBatch:
    """Deliveries to one account. Shared by the threads of a lane."""

    def __init__(self, backend: ReadsFirst, deliveries: Sequence[Delivery]) -> None:
        self.backend = backend
        self._lock = Lock()
        #: Pushes by remote id that nobody has begun, in the order of delivery.
        self._waiting: dict[str, Push] = {}
        for delivery in deliveries:
            self._add(delivery)
        #: Readings that nobody has used yet; None where the title has to be read by itself.
        self._readings: dict[str, Reading | BackendError | None] = {}
        self._read_at = 0.0
        #: How many titles to read at a time.
        self._size = backend.traits.reads_at_once
        #: How many of the last readings were fresh enough when they were needed.
        self._used = 0
        self._error: BackendError | None = None

    def _add(self, delivery: Delivery) -> None:
        if delivery.problem:
            return
        for _, target in delivery.targets:
            if target.remote_id:
                self._waiting[target.remote_id] = (target, delivery.wanted)

    def push(self, target: Target, wanted: Wanted) -> RemoteState | None:
        """Push as a backend does. None: it was taken, and has to be confirmed."""
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
        state = self.push(target, wanted)
        if state is not None:
            return state
        push = (target, wanted)
        return self.backend.confirm(push, self.backend.read(push))

    def read_again(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        """Read titles after they were written, as `ReadsFirst.read_many` does.

        Raises what concerns all of them.
        """
        try:
            return self.backend.read_many(pushes)
        except BackendError as error:
            if not _is_of_single_title(error):
                raise
        return [None] * len(pushes)

    def _reading(self, push: Push) -> Reading | None:
        """Return what the title shows now; None: it has to be read by itself."""
        remote_id = push[0].remote_id
        with self._lock:
            if self._waiting.pop(remote_id, None) is None:
                # Two rows for one title: the other one has read it and written already.
                return None
            if self._error is not None:
                raise AlreadyFailedError(self._error)
            self._forget_stale()
            is_unread = remote_id not in self._readings
            if is_unread and self._size > 1 and self._waiting:
                self._read_with_others(push)
            self._used += 1
            reading = self._readings.pop(remote_id, None)
        if isinstance(reading, BackendError):
            raise reading
        if reading is None or not reading.is_fresh:
            return None
        return reading

    def _forget_stale(self) -> None:
        """Drop stale readings, and read only as many as were used in time from now on."""
        if self._readings and not is_fresh(self._read_at):
            self._readings.clear()
            self._size = max(1, self._used)

    def _read_with_others(self, push: Push) -> None:
        pushes = [push, *islice(self._waiting.values(), self._size - 1)]
        self._read_at = time.monotonic()
        self._used = 0
        try:
            with nothing_written_yet():
                readings = self.backend.read_many(pushes)
        except BackendError as error:
            if not _is_of_single_title(error):
                self._error = error
                raise
            self._size = 1
        except Exception:
            log.exception("Many titles could not be read at once; each is read by itself.")
            self._size = 1
        else:
            self._keep(pushes, readings)

    def _keep(
        self, pushes: Sequence[Push], readings: Sequence[Reading | BackendError | None]
    ) -> None:
        for (target, _), reading in zip(pushes, readings, strict=True):
            if isinstance(reading, BackendError):
                reading.may_have_arrived = False
            self._readings[target.remote_id] = reading


def _is_of_single_title(error: BackendError) -> bool:
    """Return whether one title may be the cause: a server may answer one odd id by failing all."""
    if error.source_wide:
        return False
    return isinstance(error, ServerTrouble) or error.failure_class in SINGLE_TITLE_FAILURES
