"""Keeps the claim of a running pull alive, from a thread of its own."""

import logging
import time
from threading import Event, Thread
from types import TracebackType
from typing import Self

from sqlalchemy.exc import DBAPIError

from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.sync.pulls import LEASE, Claim, ClaimLost, give_back, hold

log = logging.getLogger(__name__)

#: The lease is renewed this often, in seconds: three times before it ends.
RENEW_EVERY = LEASE.total_seconds() / 4
#: How soon a stop is noticed, in seconds.
_LOOK_EVERY = 0.1


class ClaimKeeper:
    """Renews the lease until the pull is over, and gives the pull back as soon as `stop` is set.

    The reader itself cannot: one answer of a slow server may take two minutes, and a lease as long
    as that would keep a source unread for as long after a kill. It learns from its next write that
    the pull is not its own any more.
    """

    def __init__(self, claim: Claim, stop: Event) -> None:
        self._claim = claim
        self._stop = stop
        self._over = Event()
        self._context = app_context()
        self._thread = Thread(target=self._run, name=f"lease of pull {claim.pull_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        renew_at = time.monotonic() + RENEW_EVERY
        while not self._over.wait(_LOOK_EVERY):
            is_stopping = self._stop.is_set()
            if not is_stopping and time.monotonic() < renew_at:
                continue
            try:
                self._write(is_stopping)
            except ClaimLost:
                return
            except DBAPIError as error:  # The database may be back before the lease ends.
                log.warning(
                    "pull %s: its lease could not be renewed: %s", self._claim.pull_id, error.orig
                )
            else:
                if is_stopping:
                    return
            renew_at = time.monotonic() + RENEW_EVERY

    def _write(self, is_stopping: bool) -> None:
        with self._context():
            try:
                begin_write()
                if is_stopping:
                    give_back(self._claim)
                else:
                    hold(self._claim)
                db.session.commit()
            finally:
                db.session.remove()
