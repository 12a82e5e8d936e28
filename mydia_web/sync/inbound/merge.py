"""The three-way merge: what a server's state means, given what it last showed and what we hold.
Pure.

A server that shows what it last showed has no news, however much that differs from ours: then we
owe it a push. This needs no clocks that agree, cannot loop (an echo equals the base), and survives
restarts (the base is stored).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: Servers round positions; less than this apart is the same.
TOLERANCE_MS = 2000

Decision = Literal["nothing", "watched", "again", "unwatched", "progress", "owed"]
Strategy = Literal["local-progressive", "last-write-wins", "always-local"]
STRATEGIES: tuple[Strategy, ...] = ("local-progressive", "last-write-wins", "always-local")


@dataclass(frozen=True, slots=True)
class Side:
    """One side's state of one content."""

    watched: bool = False
    #: 0 unless there is something to continue.
    position_ms: int = 0
    #: When this side last moved, in UTC; None: it cannot tell.
    changed_at: datetime | None = None
    #: How often it was finished, where this side counts that.
    plays: int = 0
    #: The date that this side keeps with its last play, in UTC.
    played_at: datetime | None = None
    #: It was begun again since it was last seen, whatever else it shows.
    is_begun_again: bool = False
    #: A person has just said so: this holds whatever was shown before.
    is_marked: bool = False
    #: A position of 0 is one that was left there, and not what a crashed player reports.
    is_at_start: bool = False


def merge(
    base: Side | None,
    theirs: Side,
    ours: Side | None,
    *,
    ours_is_newer_than_base: bool = False,
    strategy: Strategy = "local-progressive",
) -> Decision:
    """What to do about `theirs`.

    `watched`, `again` (one more play), `unwatched` and `progress` are news to take over; `owed`
    means the server should hear ours. `ours_is_newer_than_base` says that the server has yet to be
    told of a change of ours. Whoever takes `watched` or `again` over looks first whether that play
    is known, and whether it was unwatched since.
    """
    if strategy == "always-local":
        # What we know nothing of is not ours to take away there.
        agrees = ours is None or agree(theirs, ours)
        return "nothing" if agrees or ours_is_newer_than_base else "owed"
    ours = ours or Side()
    if theirs.is_marked and not theirs.watched and not theirs.position_ms:
        return _unmarked(
            theirs, ours, ours_is_newer_than_base=ours_is_newer_than_base, strategy=strategy
        )
    if base is None:
        return _first_sight(theirs, ours)
    if _is_finished(base, theirs, ours):
        # That is history, whatever else was done since.
        rewatch_ended = ours.position_ms > 0 and theirs.position_ms == 0 and not base.watched
        return "again" if ours.watched and not rewatch_ended else "watched"
    if agree(base, theirs):
        return "nothing" if ours_is_newer_than_base or agree(theirs, ours) else "owed"
    if ours_is_newer_than_base and _ours_wins(theirs, ours, strategy):
        return "nothing"
    decision = _news(base, theirs, ours)
    if decision == "nothing" and not ours_is_newer_than_base and not agree(theirs, ours):
        return "owed"
    return decision


def _unmarked(
    theirs: Side, ours: Side, *, ours_is_newer_than_base: bool, strategy: Strategy
) -> Decision:
    if ours_is_newer_than_base and _ours_wins(theirs, ours, strategy):
        return "nothing"
    return "unwatched" if ours.watched or ours.position_ms else "nothing"


def _first_sight(theirs: Side, ours: Side) -> Decision:
    """Nothing is unwatched by a first look: an unwatched item without a base is no news."""
    if theirs.watched and not ours.watched:
        return "watched"
    if agree(theirs, ours):
        return "nothing"
    if ours.watched:
        again = theirs.position_ms > 0 and _later(theirs, ours)
        return "progress" if again else "owed"
    return "progress" if theirs.position_ms > ours.position_ms else "owed"


def _is_finished(base: Side, theirs: Side, ours: Side) -> bool:
    """Was it finished there, be it once more? What we hold as unwatched needs no count for that: a
    date does.

    Where a rewatch was under way, the end of it clears the position.
    """
    new = not base.watched or theirs.plays > base.plays
    is_newer = bool(theirs.played_at and base.played_at and theirs.played_at > base.played_at)
    is_end = theirs.position_ms == 0 and (base.position_ms > 0 or (is_newer and not ours.watched))
    return theirs.watched and (new or is_end)


def _news(base: Side, theirs: Side, ours: Side) -> Decision:
    # Some servers take the mark away when a title is begun again; a person who unwatches takes the
    # position too, and adds no play.
    again = (theirs.position_ms > 0 and _apart(base, theirs)) or theirs.is_begun_again
    if base.watched and not theirs.watched and ours.watched and not again:
        return "unwatched"
    # A position that fell to nothing is what a crashed player reports; a person who unwatches
    # clears the mark.
    if (theirs.position_ms > 0 or theirs.is_at_start) and _apart(theirs, ours):
        return "progress"
    return "nothing"


def _ours_wins(theirs: Side, ours: Side, strategy: Strategy) -> bool:
    """Both changed: the later instant wins; where one is unknown, watched and further on win, or
    what is known.
    """
    if theirs.changed_at and ours.changed_at:
        return ours.changed_at >= theirs.changed_at
    if strategy == "last-write-wins" and (theirs.changed_at or ours.changed_at):
        return ours.changed_at is not None
    return (ours.watched, ours.position_ms) >= (theirs.watched, theirs.position_ms)


def _later(one: Side, other: Side) -> bool:
    return bool(one.changed_at and other.changed_at and one.changed_at > other.changed_at)


def agree(one: Side, other: Side) -> bool:
    """Do both show the same?"""
    return one.watched == other.watched and not _apart(one, other)


def _apart(one: Side, other: Side) -> bool:
    return abs(one.position_ms - other.position_ms) > TOLERANCE_MS
