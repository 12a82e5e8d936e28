"""How far a server's clock is from ours, by the dates of its answers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from mydia_web import clock
from mydia_web.clock import UNKNOWN_TIME

#: Of a request that took longer nobody can tell when in between the answer was dated.
LONGEST = timedelta(seconds=10)
#: A `Date` leaves out the parts of a second.
_HALF_A_SECOND = timedelta(milliseconds=500)


class ClockWatch:
    """Keeps what the quickest answer of a server said: it is the surest."""

    def __init__(self) -> None:
        #: How long it took, and theirs minus ours.
        self._best: tuple[timedelta, timedelta] | None = None

    @property
    def skew(self) -> timedelta | None:
        """None: the server did not say, or not quickly enough."""
        return self._best[1] if self._best else None

    def note(self, headers: Mapping[str, str], sent_at: datetime) -> None:
        """These came in just now. An answer that a cache has kept tells an old time."""
        theirs, took = _date(headers), clock.now() - sent_at
        is_kept = headers.get("Age", "0").strip() not in ("", "0")
        if theirs is None or is_kept or not timedelta() <= took <= LONGEST:
            return
        if self._best is None or took <= self._best[0]:
            self._best = took, theirs + _HALF_A_SECOND - (sent_at + took / 2)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        told = parsedate_to_datetime(headers.get("Date", ""))
    except (ValueError, OverflowError):
        return None
    at = told.replace(tzinfo=told.tzinfo or UTC)
    return at if at >= UNKNOWN_TIME else None
