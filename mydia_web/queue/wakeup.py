"""Waiting for work, at no cost while nothing happens.

PostgreSQL tells of it. On SQLite a thread of the same process does, and the others look whether
somebody has written.
"""

import time
from contextlib import AbstractContextManager
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from mydia_web.db import db

#: What is waited for: something to deliver, something that came in.
QUEUE = "mydia_queue"
INBOX = "mydia_inbox"
#: How soon a waiting worker notices that it shall stop.
_STOP_SECONDS = 0.25
#: How soon, on SQLite, it notices that another process wrote.
_LOOK_EVERY = 0.1
#: What a transaction has to tell once it is committed, in the `info` of its session.
_TO_TELL = "mydia_to_tell"


def notify(channel: str = QUEUE) -> None:
    """Wake who waits for that, once this transaction is committed."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_notify(channel, "")))
    else:
        db.session().info.setdefault(_TO_TELL, set()).add(channel)


class WakeUp(AbstractContextManager["WakeUp"]):
    """A connection of its own, on which one worker waits."""

    def __init__(self, channel: str = QUEUE) -> None:
        self._pool_connection = db.engine.raw_connection()
        connection: Any = self._pool_connection.driver_connection
        self._connection = connection
        self._channel = channel
        self._listens = db.engine.dialect.name == "postgresql"
        self._is_told = Event()
        self._seen = 0
        if self._listens:
            connection.set_autocommit(True)
            connection.execute(f"LISTEN {channel}")
        else:
            self._seen = self._version()
            _waiting.add(channel, self._is_told)

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _waiting.remove(self._channel, self._is_told)
        # Not back into the pool: the next user would listen too.
        self._pool_connection.invalidate()

    def __enter__(self) -> Self:
        return self

    def wait(self, stop: Event, seconds: float) -> None:
        """Return when somebody may have queued something, when `stop` is set, or after so many
        seconds.
        """
        until = time.monotonic() + seconds
        while not stop.is_set() and (left := until - time.monotonic()) > 0:
            if self._notified(left) if self._listens else self._changed(left):
                return

    def _notified(self, left: float) -> bool:
        timeout = min(left, _STOP_SECONDS)
        return any(True for _ in self._connection.notifies(timeout=timeout, stop_after=1))

    def _changed(self, left: float) -> bool:
        is_told = self._is_told.wait(min(left, _LOOK_EVERY))
        self._is_told.clear()
        version = self._version()
        changed, self._seen = version != self._seen, version
        return is_told or changed

    def _version(self) -> int:
        """Another number after every commit of another connection."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class _Waiting:
    """Who waits in this process, by what they wait for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: dict[str, set[Event]] = {}

    def add(self, channel: str, one: Event) -> None:
        with self._lock:
            self._events.setdefault(channel, set()).add(one)

    def remove(self, channel: str, one: Event) -> None:
        with self._lock:
            self._events.get(channel, set()).discard(one)

    def tell(self, channel: str) -> None:
        with self._lock:
            for one in self._events.get(channel, ()):
                one.set()


_waiting = _Waiting()


@event.listens_for(Session, "after_commit")
def _tell(session: Session) -> None:
    for channel in session.info.pop(_TO_TELL, ()):
        _waiting.tell(channel)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_TO_TELL, None)
