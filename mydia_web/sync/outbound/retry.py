"""When to try again: pure functions of what failed and how often."""

from collections.abc import Callable
from datetime import datetime, timedelta
from random import uniform

from mydia_web.backends.errors import FailureClass
from mydia_web.clock import UNKNOWN_TIME
from mydia_web.sources.health import LONGEST_PAUSE

FIRST_DELAY = timedelta(seconds=15)
MAX_DELAY = timedelta(hours=6)
#: What trying again does not mend is tried this often: an error of our own, or a server that takes
#: a change and then shows another state. What was changed there meanwhile goes out again at once so
#: often.
FEW_ATTEMPTS = 3
#: After so many failures in a row a server is taken for down, and only one row at a time probes it.
DOWN_AFTER = 5
FIRST_PAUSE = timedelta(seconds=30)
MAX_PAUSE = timedelta(minutes=1)
#: A server's wish to be left alone is honoured up to this long.
MAX_RETRY_AFTER = LONGEST_PAUSE


def backoff(attempt: int, jitter: Callable[[float, float], float] = uniform) -> timedelta:
    """The pause after the `attempt`-th failure: doubling, capped, ±20 % so that rows do not march
    in step.
    """
    doubled = FIRST_DELAY * (1 << min(max(attempt, 1) - 1, 20))
    return min(MAX_DELAY, doubled) * jitter(0.8, 1.2)


def retry_at(failure: FailureClass, attempt: int, now: datetime) -> datetime | None:
    """When a failed row is due again; None: only a person can help.

    A server that is down or in trouble is tried for as long as it takes. What was overtaken there
    goes out again at once, to a title that changes whenever one looks less and less often.
    """
    if failure == "overtaken":
        return now if attempt < FEW_ATTEMPTS else now + backoff(attempt - FEW_ATTEMPTS)
    if failure == "transient" or (failure in ("unconfirmed", "bug") and attempt < FEW_ATTEMPTS):
        return now + backoff(attempt)
    return None


def needs_a_person(failure: FailureClass, attempt: int) -> bool:
    """Return whether nothing but a person's doing sends the row again: it has no next attempt, nor
    waits for one.
    """
    waits = failure in ("rate_limited", "auth")
    return not waits and retry_at(failure, attempt, UNKNOWN_TIME) is None


def pause_after(failures_in_a_row: int) -> timedelta | None:
    """How long a server is left alone after so many failures; None: not yet taken for down."""
    if failures_in_a_row < DOWN_AFTER:
        return None
    return min(MAX_PAUSE, FIRST_PAUSE * (1 << min(failures_in_a_row - DOWN_AFTER, 10)))
