"""When to try again: pure functions of what failed and how often."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import uniform

from mydia_web.backends.errors import FailureClass
from mydia_web.clock import UNKNOWN_TIME
from mydia_web.sources.health import LONGEST_PAUSE

FIRST_DELAY = timedelta(seconds=15)
MAX_DELAY = timedelta(hours=6)
#: Attempts at what trying again hardly mends: an error of our own, or a server that takes a change
#: and then shows another state. Also how often a change that was overtaken there goes out again at
#: once.
FEW_ATTEMPTS = 3
#: After this many failures in a row a server is taken for down, and only one row at a time probes
#: it.
DOWN_AFTER = 5
FIRST_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(minutes=1)
#: A server's wish to be left alone is honoured up to this long.
MAX_RETRY_AFTER = LONGEST_PAUSE


def backoff(attempt: int, jitter: Callable[[float, float], float] = uniform) -> timedelta:
    """Return the pause after the `attempt`-th failure.

    It doubles up to `MAX_DELAY`, ±20 % so that rows do not march in step.
    """
    doublings = min(max(attempt, 1) - 1, 20)
    return min(MAX_DELAY, FIRST_DELAY * (1 << doublings)) * jitter(0.8, 1.2)


def retry_at(failure: FailureClass, attempt: int, now: datetime) -> datetime | None:
    """Return when a failed row is due again; None if only a person can help.

    A server that is down or in trouble is tried for as long as it takes. A change that was
    overtaken there goes out again at once; to a title that changes whenever one looks, less and
    less often.
    """
    are_few = attempt < FEW_ATTEMPTS
    if failure == "overtaken":
        return now if are_few else now + backoff(attempt - FEW_ATTEMPTS)
    if failure == "transient":
        return now + backoff(attempt)
    if failure in ("unconfirmed", "bug") and are_few:
        return now + backoff(attempt)
    return None


def needs_a_person(failure: FailureClass, attempt: int) -> bool:
    """Return whether only a person can send the row again."""
    if failure in ("rate_limited", "auth"):
        return False
    return retry_at(failure, attempt, UNKNOWN_TIME) is None


def pause_after(failures_in_a_row: int) -> timedelta | None:
    """Return how long to leave a server alone; None while it is not taken for down."""
    if failures_in_a_row < DOWN_AFTER:
        return None
    doublings = min(failures_in_a_row - DOWN_AFTER, 10)
    return min(MAX_PAUSE, FIRST_PAUSE * (1 << doublings))
