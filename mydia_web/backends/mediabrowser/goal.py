"""What a push is to bring about on one title, and whether the server shows it already."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mydia_web.backends.mediabrowser.models import (
    TICKS_PER_MS,
    Item,
    UserData,
    read_instant,
    write_instant,
)
from mydia_web.backends.values import Wanted


@dataclass(frozen=True, slots=True)
class Goal:
    """The registers to set; None leaves one alone."""

    watched: bool | None
    position_ms: int | None
    #: When it was done, in UTC; None where nobody knows.
    at: datetime | None

    @classmethod
    def of(cls, wanted: Wanted, item: Item) -> "Goal":
        at = read_instant(wanted.at.astimezone(UTC).isoformat())
        if wanted.change_type == "mark_watched":
            return cls(watched=True, position_ms=0, at=at)
        if wanted.change_type == "mark_unwatched":
            return cls(watched=False, position_ms=0, at=None)
        return cls(wanted.watched, _within(wanted.position_ms, item.runtime_ms), at)

    @property
    def clears(self) -> bool:
        return self.watched is False and self.position_ms == 0

    @property
    def leaves_nothing(self) -> bool:
        """Is it a mark, or its removal, that leaves no position?"""
        return self.watched is not None and not self.position_ms

    @property
    def mark_alone(self) -> "Goal":
        return Goal(self.watched, 0, self.at if self.watched else None)

    @property
    def position_alone(self) -> "Goal":
        return Goal(None, self.position_ms, self.at)

    @property
    def position_ticks(self) -> int | None:
        return None if self.position_ms is None else self.position_ms * TICKS_PER_MS

    def is_shown_by(self, data: UserData) -> bool:
        return self.state_is_shown_by(data) and self.date_is_shown_by(data)

    def state_is_shown_by(self, data: UserData) -> bool:
        watched = self.watched is None or data.played == self.watched
        return watched and (self.position_ms is None or data.position_ms == self.position_ms)

    def date_is_shown_by(self, data: UserData) -> bool:
        """A later date of the server's own is not taken back. Some of its ways of marking know
        whole seconds only.
        """
        if self.at is None:
            return True
        return data.last_played_at is not None and data.last_played_at >= self.at.replace(
            microsecond=0
        )

    def date_to_write(self, data: UserData) -> str | None:
        """None leaves the server's date as it is."""
        return None if self.at is None or self.date_is_shown_by(data) else write_instant(self.at)


def _within(position_ms: int | None, runtime_ms: int | None) -> int | None:
    if position_ms is None:
        return None
    return max(0, min(position_ms, runtime_ms or position_ms))
