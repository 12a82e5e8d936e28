"""Waiting for work: PostgreSQL tells of it, SQLite is looked at; neither costs anything while nothing happens."""

import time
from contextlib import AbstractContextManager
from threading import Event
from types import TracebackType
from typing import Any, Self

from sqlalchemy import func, select

from mydia_web.db import db

CHANNEL = "mydia_queue"
#: How soon a waiting worker notices that it shall stop, and on SQLite that somebody wrote.
_LOOK_EVERY = 0.25


def notify() -> None:
    """Wake the waiting workers once this transaction is committed. On SQLite they see the commit itself."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_notify(CHANNEL, "")))


class WakeUp(AbstractContextManager["WakeUp"]):
    """A connection of its own, on which one worker waits."""

    def __init__(self) -> None:
        self._pool_connection = db.engine.raw_connection()
        connection: Any = self._pool_connection.driver_connection
        self._connection = connection
        self._listens = db.engine.dialect.name == "postgresql"
        self._seen = 0
        if self._listens:
            connection.set_autocommit(True)
            connection.execute(f"LISTEN {CHANNEL}")
        else:
            self._seen = self._version()

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Not back into the pool: the next user would listen too.
        self._pool_connection.invalidate()

    def __enter__(self) -> Self:
        return self

    def wait(self, stop: Event, seconds: float) -> None:
        """Return when somebody may have queued something, when `stop` is set, or after so many seconds."""
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._told(min(left, _LOOK_EVERY)) if self._listens else self._changed(stop, left):
                return

    def _told(self, seconds: float) -> bool:
        return any(True for _ in self._connection.notifies(timeout=seconds, stop_after=1))

    def _changed(self, stop: Event, left: float) -> bool:
        stop.wait(min(left, _LOOK_EVERY))
        version = self._version()
        changed, self._seen = version != self._seen, version
        return changed

    def _version(self) -> int:
        """Another number after every commit of another connection."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])
