"""The time, in one place, so that tests can set it."""

from datetime import UTC, datetime, timedelta

#: Stands where somebody watched something and nobody knows when: it sorts behind everything that
#: has a date.
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read() -> datetime:
    return datetime.now(UTC)


def now() -> datetime:
    """The present instant, in UTC and aware."""
    return read()


def lies_ahead(at: datetime | None, longest: timedelta) -> bool:
    """Return whether it is still to come. What lies further ahead than it can was written by a
    wrong clock.
    """
    return at is not None and now() < at <= now() + longest
