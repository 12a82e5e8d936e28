"""The time, in one place, so that tests can set it."""

from datetime import UTC, datetime

#: Stands where somebody watched something and nobody knows when: it sorts behind everything that has a date.
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read() -> datetime:
    return datetime.now(UTC)


def now() -> datetime:
    """The present instant, in UTC and aware."""
    return read()
