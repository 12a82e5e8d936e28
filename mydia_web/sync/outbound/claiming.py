"""Claiming for one drain: each source from where its due rows begin, and what dead workers left
behind now and then.
"""

import time
from collections.abc import Sequence

from mydia_web.queue.claims import ScanStart, find_scan_start
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository

#: How often rows of dead workers are looked for, where the front is, and whether anything became
#: due before it.
_RESCUE_EVERY, _FIND_EVERY, _BEGIN_ANEW_EVERY = 5.0, 1.0, 30.0


class Claims:
    """Claims rows without walking again and again past those that were claimed before (see
    `queue.front`).
    """

    def __init__(self) -> None:
        self._queue = PlaybackSyncRepository()
        self._began = self._found = time.monotonic()
        self._rescued: float | None = None
        self._fronts: dict[int, ScanStart] = {}

    def rescue(self) -> None:
        at = time.monotonic()
        if self._rescued is None or at - self._rescued > _RESCUE_EVERY:
            self._queue.rescue()
            self._rescued = at

    def take(self, source_id: int, limit: int) -> Sequence[QueuedChange]:
        """Up to `limit` due rows of the source."""
        front = self._fronts.get(source_id)
        rows = self._queue.mark_syncing(source_id, limit=limit, start=front)
        if front and len(rows) < limit:
            del self._fronts[source_id]
            rows = [*rows, *self._queue.mark_syncing(source_id, limit=limit - len(rows))]
        return rows

    def find_fronts(self, source_ids: Sequence[int]) -> None:
        """In a long drain, before its claims."""
        at = time.monotonic()
        if at - self._found < _FIND_EVERY:
            return
        if at - self._began > _BEGIN_ANEW_EVERY:
            self._fronts.clear()
            self._began = at
        for source_id in source_ids:
            if front := find_scan_start(source_id, self._fronts.get(source_id)):
                self._fronts[source_id] = front
        self._found = time.monotonic()
