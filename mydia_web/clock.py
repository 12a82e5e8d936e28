"""The time, in one place, so that tests can set it."""

from datetime import UTC, datetime


def read() -> datetime:
    return datetime.now(UTC)


def now() -> datetime:
    """The present instant, in UTC and aware."""
    return read()
