"""The time, in one place, so that tests can set it."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import available_timezones

#: The time of a play whose date nobody knows. It sorts behind everything that has a date.
UNKNOWN_TIME = datetime(1970, 1, 1, tzinfo=UTC)


def read() -> datetime:
    """Read the system's clock. Tests replace this function."""
    return datetime.now(UTC)


def now() -> datetime:
    """Return the current time, aware, in UTC."""
    return read()


@cache
def list_time_zones() -> frozenset[str]:
    """Return the IANA names that this machine knows. Finding them opens hundreds of files."""
    return frozenset(available_timezones())


def lies_ahead(at: datetime | None, longest: timedelta) -> bool:
    """Return whether a time is still to come, but by no more than `longest`.

    A time further ahead was written by a wrong clock.
    """
    if at is None:
        return False
    return now() < at <= now() + longest
