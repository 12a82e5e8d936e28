"""Trakt takes one write a second from an account, whoever sends it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

#: A little more than the second that is asked for.
SECONDS_APART = 1.1


class Pace:
    """Lets the writers of one account through one by one, at a distance."""

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._monotonic, self._sleep = monotonic, sleep
        self._lock = threading.Lock()
        self._next_at = 0.0

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn to write; the next one's comes after this one has ended."""
        with self._lock:
            wait = self._next_at - self._monotonic()
            if wait > 0:
                self._sleep(wait)
            try:
                yield
            finally:
                # From the end of the request: two that set out apart can still arrive together.
                self._next_at = self._monotonic() + SECONDS_APART


_paces: dict[str, Pace] = {}
_paces_lock = threading.Lock()


def pace_of(account: str) -> Pace:
    """The one that all clients of an account in this process share."""
    with _paces_lock:
        return _paces.setdefault(account, Pace())
