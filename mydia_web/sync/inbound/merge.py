"""The pure three-way merge of a server's state, what it showed last (the base), and ours.

A server that shows what it showed last brings nothing new, however much that differs from ours:
then we owe it a push. This needs no synchronised clocks, cannot loop (an echo equals the base), and
survives restarts (the base is stored).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: Positions no further apart than this are the same: servers round them.
TOLERANCE_MS = 2000

Decision = Literal["nothing", "watched", "again", "unwatched", "progress", "owed"]
Strategy = Literal["local-progressive", "last-write-wins", "always-local"]
STRATEGIES: tuple[Strategy, ...] = ("local-progressive", "last-write-wins", "always-local")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One side's state of one title."""

    watched: bool = False
    #: 0 where there is nothing to continue.
    position_ms: int = 0
    #: When this side last changed, in UTC; None: unknown.
    changed_at: datetime | None = None
    #: Finished plays, where this side counts them.
    plays: int = 0
    #: The date of the last play, in UTC.
    played_at: datetime | None = None
    #: It was started again since it was last seen, whatever else it shows.
    is_begun_again: bool = False
    #: A person has just set this state: it holds whatever was shown before.
    is_marked: bool = False
    #: A position of 0 was really left there, and does not come from a crashed player.
    is_at_start: bool = False

    @property
    def is_cleared_by_hand(self) -> bool:
        """Return whether a person has just removed everything."""
        return self.is_marked and not self.watched and not self.position_ms


def merge(
    base: Side | None,
    theirs: Side,
    ours: Side | None,
    *,
    ours_is_newer_than_base: bool = False,
    strategy: Strategy = "local-progressive",
) -> Decision:
    """Return what to do about `theirs`.

    `watched`, `again` (one more play), `unwatched` and `progress` are to be taken over; `owed`
    means that the server should be told ours. `ours_is_newer_than_base`: the server is yet to be
    told of a change of ours. Whoever takes over `watched` or `again` checks first whether that play
    is known, and whether it was unwatched since.
    """
    if strategy == "always-local":
        return _always_ours(theirs, ours, ours_is_newer_than_base=ours_is_newer_than_base)
    ours = ours or Side()
    ours_wins = ours_is_newer_than_base and _ours_wins(theirs, ours, strategy)
    if theirs.is_cleared_by_hand:
        return _cleared_by_hand(ours, ours_wins=ours_wins)
    if base is None:
        return _first_sight(theirs, ours)
    if _is_finished(base, theirs, ours):
        return _finished(base, theirs, ours)
    decision = _changed(base, theirs, ours, ours_wins=ours_wins)
    may_be_owed = decision == "nothing" and not ours_is_newer_than_base
    if may_be_owed and not agree(theirs, ours):
        return "owed"
    return decision


def _always_ours(theirs: Side, ours: Side | None, *, ours_is_newer_than_base: bool) -> Decision:
    # A title unknown to us is not ours to remove there.
    if ours is None or ours_is_newer_than_base or agree(theirs, ours):
        return "nothing"
    return "owed"


def _cleared_by_hand(ours: Side, *, ours_wins: bool) -> Decision:
    holds_something = ours.watched or ours.position_ms > 0
    return "unwatched" if holds_something and not ours_wins else "nothing"


def _first_sight(theirs: Side, ours: Side) -> Decision:
    """An unwatched title without a base unwatches nothing."""
    if theirs.watched and not ours.watched:
        return "watched"
    if agree(theirs, ours):
        return "nothing"
    if ours.watched:
        is_rewatch = theirs.position_ms > 0 and _later(theirs, ours)
        return "progress" if is_rewatch else "owed"
    return "progress" if theirs.position_ms > ours.position_ms else "owed"


def _is_finished(base: Side, theirs: Side, ours: Side) -> bool:
    """Return whether it was finished there, perhaps once more.

    Without a count, a newer date is enough for a title that we hold as unwatched. The end of a
    rewatch clears the position.
    """
    if not theirs.watched:
        return False
    if not base.watched or theirs.plays > base.plays:
        return True
    has_newer_date = bool(theirs.played_at and base.played_at and theirs.played_at > base.played_at)
    ended_rewatch = base.position_ms > 0 or (has_newer_date and not ours.watched)
    return theirs.position_ms == 0 and ended_rewatch


def _finished(base: Side, theirs: Side, ours: Side) -> Decision:
    """A finished play is history, whatever else was done since."""
    ended_our_rewatch = ours.position_ms > 0 and theirs.position_ms == 0 and not base.watched
    return "again" if ours.watched and not ended_our_rewatch else "watched"


def _changed(base: Side, theirs: Side, ours: Side, *, ours_wins: bool) -> Decision:
    if ours_wins or agree(base, theirs):
        return "nothing"
    was_unmarked = base.watched and not theirs.watched
    if was_unmarked and ours.watched and not _is_rewatch(base, theirs):
        return "unwatched"
    # A position that fell to 0 is what a crashed player reports; a person who unwatches removes the
    # mark.
    is_meant = theirs.position_ms > 0 or theirs.is_at_start
    return "progress" if is_meant and _apart(theirs, ours) else "nothing"


def _is_rewatch(base: Side, theirs: Side) -> bool:
    """Return whether a missing mark means that the title was started again.

    Some servers remove the mark then. A person who unwatches a title clears the position too, and
    adds no play.
    """
    has_new_position = theirs.position_ms > 0 and _apart(base, theirs)
    return has_new_position or theirs.is_begun_again


def _ours_wins(theirs: Side, ours: Side, strategy: Strategy) -> bool:
    """Return whether ours wins where both changed: the later one does.

    Where a time is unknown, watched wins, then the further position; with last-write-wins the known
    time does.
    """
    if theirs.changed_at and ours.changed_at:
        return ours.changed_at >= theirs.changed_at
    is_one_known = theirs.changed_at is not None or ours.changed_at is not None
    if strategy == "last-write-wins" and is_one_known:
        return ours.changed_at is not None
    return (ours.watched, ours.position_ms) >= (theirs.watched, theirs.position_ms)


def _later(one: Side, other: Side) -> bool:
    return bool(one.changed_at and other.changed_at and one.changed_at > other.changed_at)


def agree(one: Side, other: Side) -> bool:
    """Return whether both show the same."""
    return one.watched == other.watched and not _apart(one, other)


def _apart(one: Side, other: Side) -> bool:
    return abs(one.position_ms - other.position_ms) > TOLERANCE_MS
