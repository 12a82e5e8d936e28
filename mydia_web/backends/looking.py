"""Looking before writing: what a person did on a server since it was last heard of is news, and not written over."""

from datetime import datetime, timedelta

from mydia_web.backends.base import RemoteState, Target
from mydia_web.backends.errors import BackendError

#: Servers round positions and dates; less than this apart is the same.
_SAME_MS = 2000
_SAME_TIME = timedelta(seconds=2)


class Overtaken(BackendError):
    """The title was changed there meanwhile, which is taken over first."""

    failure_class = "overtaken"

    def __init__(self, found: RemoteState) -> None:
        super().__init__()
        self.found = found


def look(target: Target, found: RemoteState) -> None:
    """Raises `Overtaken` where the title shows something else than when it was last heard of."""
    if target.shown is not None and not is_like(found, target.shown):
        raise Overtaken(found)


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
