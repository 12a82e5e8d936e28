"""Hears what a backend tells, for a time."""

import time
from collections.abc import Generator

from mydia_web.backends.backend import Backend
from mydia_web.backends.values import Event


class Ear:
    """Connected once it is made."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.news: Generator[Event | None] = backend.listen()
        assert next(self.news) is None

    def hear(self, number: int = 1, *, within: float = 30.0) -> list[Event]:
        """Return so many events; fail if they take longer."""
        until, found = time.monotonic() + within, list[Event]()
        while len(found) < number:
            assert time.monotonic() < until, found
            if (event := next(self.news)) is not None:
                found.append(event)
        return found

    def hear_all(self, seconds: float) -> list[Event]:
        """Return the events that come in that time."""
        until, found = time.monotonic() + seconds, list[Event]()
        while time.monotonic() < until:
            if (event := next(self.news)) is not None:
                found.append(event)
        return found
