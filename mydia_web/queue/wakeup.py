"""Wait for work, at no cost while nothing happens.

PostgreSQL notifies its listeners. On SQLite a thread of the same process is woken directly, and
other processes look whether the database was written.
"""

import time
from contextlib import AbstractContextManager
from threading import Event, Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import event, func, select
from sqlalchemy.orm import Session

from mydia_web.db import db

#: The channels: something to deliver, something that came in.
QUEUE = "mydia_queue"
INBOX = "mydia_inbox"
#: Seconds until a waiting worker notices that it shall stop.
_STOP_SECONDS = 0.25
#: Seconds until, on SQLite, it notices that another process wrote.
_POLL_SECONDS = 0.1
#: The channels to wake once a transaction is committed, in the `info` of its session.
_PENDING = "mydia_to_wake"


def notify(channel: str = QUEUE) -> None:
    """Wake whoever waits on the channel, once this transaction is committed."""
    if db.engine.dialect.name == "postgresql":
        db.session.execute(select(func.pg_notify(channel, "")))
    else:
        db.session().info.setdefault(_PENDING, set()).add(channel)


class WakeUp(AbstractContextManager["WakeUp"]):
    """A connection of its own, on which one worker waits."""

    def __init__(self, channel: str = QUEUE) -> None:
        self._pool_connection = db.engine.raw_connection()
        connection: Any = self._pool_connection.driver_connection
        self._connection = connection
        self._channel = channel
        self._listens = db.engine.dialect.name == "postgresql"
        self._woken = Event()
        self._version = 0
        if self._listens:
            connection.set_autocommit(True)
            connection.execute(f"LISTEN {channel}")
        else:
            self._version = self._read_version()
            _waiting.add(channel, self._woken)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _waiting.remove(self._channel, self._woken)
        # Not back into the pool: the next user would listen too.
        self._pool_connection.invalidate()

    def wait(self, stop: Event, seconds: float) -> None:
        """Return when something may be there to do, when `stop` is set, or after that time."""
        has_work = self._is_notified if self._listens else self._is_written
        until = time.monotonic() + seconds
        while not stop.is_set():
            left = until - time.monotonic()
            if left <= 0 or has_work(left):
                return

    def _is_notified(self, left: float) -> bool:
        timeout = min(left, _STOP_SECONDS)
        notifications = self._connection.notifies(timeout=timeout, stop_after=1)
        return any(True for _ in notifications)

    def _is_written(self, left: float) -> bool:
        is_woken = self._woken.wait(min(left, _POLL_SECONDS))
        self._woken.clear()
        known_version = self._version
        self._version = self._read_version()
        return is_woken or self._version != known_version

    def _read_version(self) -> int:
        """Return a number that differs after every commit of another connection."""
        return int(self._connection.execute("PRAGMA data_version").fetchone()[0])


class _Waiting:
    """The events of this process's waiting threads, by channel."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._events: dict[str, set[Event]] = {}

    def add(self, channel: str, woken: Event) -> None:
        with self._lock:
            self._events.setdefault(channel, set()).add(woken)

    def remove(self, channel: str, woken: Event) -> None:
        with self._lock:
            self._events.get(channel, set()).discard(woken)

    def wake(self, channel: str) -> None:
        with self._lock:
            for woken in self._events.get(channel, ()):
                woken.set()


_waiting = _Waiting()


@event.listens_for(Session, "after_commit")
def _wake(session: Session) -> None:
    for channel in session.info.pop(_PENDING, ()):
        _waiting.wake(channel)


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    session.info.pop(_PENDING, None)
