"""The check before a write: what a person has done on a server meanwhile is not written over."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from mydia_web.backends.errors import BackendError
from mydia_web.backends.values import RemoteState, Target, Wanted

#: Servers round positions and dates: values no further apart than this are the same.
_SAME_MS = 2000
_SAME_TIME = timedelta(seconds=2)


class RemoteChanged(BackendError):
    """The title was changed there meanwhile, which is taken over first."""

    failure_class = "overtaken"

    def __init__(self, found: RemoteState) -> None:
        super().__init__()
        self.found = found
        #: When the server was asked, if that was before the push began.
        self.looked_at: datetime | None = None


@contextmanager
def nothing_written_yet() -> Iterator[None]:
    """Mark a `BackendError` raised in this block: nothing was written before it."""
    try:
        yield
    except BackendError as error:
        error.may_have_arrived = False
        raise


def check_unchanged(
    target: Target, wanted: Wanted, found: RemoteState, *, accepts_watched_at: bool = True
) -> None:
    """Raise `RemoteChanged` if the title shows something else than when it was last read.

    After a push that may have arrived the difference may be ours, and is then written over.
    """
    shown = target.shown
    if shown is None or is_like(found, shown):
        return
    if not target.unconfirmed:
        raise RemoteChanged(found)
    if found.watched != shown.watched and not _touches_mark(wanted):
        raise RemoteChanged(found)
    if accepts_watched_at and not _has_our_date(found, target):
        raise RemoteChanged(found)


def _has_our_date(found: RemoteState, target: Target) -> bool:
    """Return whether the date may come from a push of ours, or is the one shown before."""
    dates = [None, *target.unconfirmed]
    if target.shown is not None:
        dates.append(target.shown.last_played_at)
    return any(_is_same_time(found.last_played_at, date) for date in dates)


def _touches_mark(wanted: Wanted) -> bool:
    """Return whether the push sets or removes a mark.

    If not, no unanswered push before it did: a mark is owed until it is confirmed.
    """
    return wanted.change_type != "progress_update" or wanted.watched is not None


def is_like(left: RemoteState, right: RemoteState) -> bool:
    """Return whether two states are the same, apart from rounding."""
    if (left.watched, left.play_count) != (right.watched, right.play_count):
        return False
    if abs(left.position_ms - right.position_ms) > _SAME_MS:
        return False
    return _is_same_time(left.last_played_at, right.last_played_at)


def _is_same_time(left: datetime | None, right: datetime | None) -> bool:
    if left is None or right is None:
        return left is right
    return abs(left - right) <= _SAME_TIME
