"""Looking before writing: what a person did on a server since it was last heard of is news, and not
written over.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from mydia_web.backends.errors import BackendError
from mydia_web.backends.values import RemoteState, Target, Wanted

#: Servers round positions and dates; less than this apart is the same.
_SAME_MS = 2000
_SAME_TIME = timedelta(seconds=2)


class RemoteChanged(BackendError):
    """The title was changed there meanwhile, which is taken over first."""

    failure_class = "overtaken"

    def __init__(self, found: RemoteState) -> None:
        super().__init__()
        self.found = found
        #: When the server was asked, where that was before the push began.
        self.looked_at: datetime | None = None


@contextmanager
def nothing_written_yet() -> Iterator[None]:
    """What is raised in here tells that nothing was written."""
    try:
        yield
    except BackendError as error:
        error.may_have_arrived = False
        raise


def check_unchanged(
    target: Target, wanted: Wanted, found: RemoteState, *, accepts_watched_at: bool = True
) -> None:
    """Raises `RemoteChanged` where the title shows something else than when it was last heard of.

    After a push that may have arrived this may be ours, and is then written over.
    """
    shown = target.shown
    if shown is None or is_like(found, shown):
        return
    if not target.unconfirmed or (found.watched != shown.watched and not _touches_mark(wanted)):
        raise RemoteChanged(found)
    dates = (None, shown.last_played_at, *target.unconfirmed)
    if accepts_watched_at and not any(_is_same_time(found.last_played_at, one) for one in dates):
        raise RemoteChanged(found)


def _touches_mark(wanted: Wanted) -> bool:
    """If not, no push before it did that was not answered: a mark is owed until it is confirmed."""
    return wanted.change_type != "progress_update" or wanted.watched is not None


def is_like(one: RemoteState, other: RemoteState) -> bool:
    """Do they tell the same, but for how exactly?"""
    return (
        (one.watched, one.play_count) == (other.watched, other.play_count)
        and abs(one.position_ms - other.position_ms) <= _SAME_MS
        and _is_same_time(one.last_played_at, other.last_played_at)
    )


def _is_same_time(one: datetime | None, other: datetime | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) <= _SAME_TIME
