"""The pure half of a push: what a title shows, what it is to show, and the calls in between."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from mydia_web.backends.call import Call
from mydia_web.backends.mediabrowser.models import TICKS_PER_MS, Item, UserData, write_instant
from mydia_web.backends.values import Wanted
from mydia_web.backends.wire import read_instant

#: The part of its length within which a server keeps a position that a player reports. Servers
#: are set to 5 and 90 per cent unless somebody has changed it.
_KEPT_FROM = 0.06
_KEPT_UNTIL = 0.89
#: In a shorter title servers keep no position of a player; they are set to 300 seconds.
_SHORTEST_KEPT_MS = 301_000


@dataclass(frozen=True, slots=True)
class Version:
    """A further file of a title, for which the server keeps a position of its own."""

    item_id: str
    data: UserData


@dataclass(frozen=True, slots=True)
class Shown:
    """What a server shows of a title."""

    item: Item
    #: The state of all of it: the position is that of `version`, if there is one.
    data: UserData
    #: The version that was played last; None also where the server keeps one position for all.
    version: Version | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """The registers that a push sets on one title; None leaves one as it is."""

    watched: bool | None
    position_ms: int | None
    #: When the person did it, in UTC; None where nobody knows.
    at: datetime | None

    @classmethod
    def of(cls, wanted: Wanted, item: Item) -> "Goal":
        at = read_instant(wanted.at.astimezone(UTC).isoformat())
        if wanted.change_type == "mark_watched":
            return cls(watched=True, position_ms=0, at=at)
        if wanted.change_type == "mark_unwatched":
            return cls(watched=False, position_ms=0, at=None)
        position_ms = _within_runtime(wanted.position_ms, item.runtime_ms)
        return cls(watched=wanted.watched, position_ms=position_ms, at=at)

    @property
    def clears(self) -> bool:
        return self.watched is False and self.position_ms == 0

    @property
    def leaves_no_position(self) -> bool:
        """Return whether it is a mark, or the removal of one, without a position."""
        return self.watched is not None and not self.position_ms

    @property
    def mark_alone(self) -> "Goal":
        if not self.watched:
            return Goal(watched=self.watched, position_ms=0, at=None)
        return Goal(watched=True, position_ms=0, at=self.at)

    @property
    def position_alone(self) -> "Goal":
        return Goal(watched=None, position_ms=self.position_ms, at=self.at)

    def is_shown_by(self, data: UserData) -> bool:
        return self.state_is_shown_by(data) and self.date_is_shown_by(data)

    def state_is_shown_by(self, data: UserData) -> bool:
        if self.watched is not None and data.played != self.watched:
            return False
        return self.position_ms is None or data.position_ms == self.position_ms

    def date_is_shown_by(self, data: UserData) -> bool:
        """Return whether the date is this one or a later one, which is not taken back.

        Some ways of marking know whole seconds only.
        """
        if self.at is None:
            return True
        shown_at = data.last_played_at
        return shown_at is not None and shown_at >= self.at.replace(microsecond=0)

    def settings(self, data: UserData) -> dict[str, Any]:
        """Return the fields of a state that have to be written upon this one."""
        settings: dict[str, Any] = {}
        if self.watched is not None:
            settings["Played"] = self.watched
        if self.watched:
            settings["PlayCount"] = max(1, data.plays)
        if self.position_ms is not None:
            settings["PlaybackPositionTicks"] = self.position_ms * TICKS_PER_MS
        if self.at is not None and not self.date_is_shown_by(data):
            settings["LastPlayedDate"] = write_instant(self.at)
        return settings

    def reached_from(self, data: UserData) -> UserData:
        """Return the state that will be shown once the goal is reached."""
        update: dict[str, Any] = {}
        if self.watched is not None:
            update["played"] = self.watched
        if self.position_ms is not None:
            update["playback_position_ticks"] = self.position_ms * TICKS_PER_MS
        if self.at is not None:
            update["last_played_date"] = write_instant(self.at)
        return data.model_copy(update=update)

    def assumed_before(self) -> UserData:
        """Return a state that does not show the goal, to explain a push without a question."""
        position_ms = 1 if self.position_ms == 0 else 0
        return UserData.model_validate(
            {
                "Played": self.watched is False,
                "PlaybackPositionTicks": position_ms * TICKS_PER_MS,
            }
        )


def player_keeps(item: Item, position_ms: int) -> bool:
    """Return whether a server keeps a position that a player reports, and marks nothing.

    Near the beginning it keeps none; near the end, and in a short film, it marks the title watched.
    """
    runtime_ms = item.runtime_ms
    if runtime_ms is None:
        return False
    if position_ms == 0:
        return True
    if runtime_ms < _SHORTEST_KEPT_MS:
        return False
    return _KEPT_FROM <= position_ms / runtime_ms <= _KEPT_UNTIL


def player_calls(item: Item, position_ms: int) -> list[Call]:
    """Return the calls by which a player reports a position. A start would count as a play."""
    position = {"ItemId": item.id, "PositionTicks": position_ms * TICKS_PER_MS}
    stopped = Call(
        method="POST",
        path="Sessions/Playing/Stopped",
        body=position,
        item_id=item.id,
    )
    progress = Call(
        method="POST",
        path="Sessions/Playing/Progress",
        body={**position, "IsPaused": True, "CanSeek": True},
        item_id=item.id,
    )
    return [progress, stopped]


def _within_runtime(position_ms: int | None, runtime_ms: int | None) -> int | None:
    if position_ms is None:
        return None
    if runtime_ms is not None:
        position_ms = min(position_ms, runtime_ms)
    return max(0, position_ms)
