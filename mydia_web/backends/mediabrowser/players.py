"""Telling a position as a player would, to a server without a route for writing it.

The server decides by itself what it makes of it: near the beginning it keeps nothing, near the end
and in a short film it takes the title for watched. So only a position is told of which it makes
nothing else. No start is told: that would count as a play.
"""

from collections.abc import Sequence

from mydia_web.backends.mediabrowser.calls import Call
from mydia_web.backends.mediabrowser.models import TICKS_PER_MS, Item

#: What both servers are set to unless somebody has changed it, a little within.
_FROM, _TO = 0.06, 0.89
_SHORTEST_MS = 301_000


def keeps(item: Item, position_ms: int) -> bool:
    """Return whether a server that is told this by a player keeps it as a position, and marks
    nothing.
    """
    runtime = item.runtime_ms
    if runtime is None:
        return False
    is_midway = _FROM * runtime <= position_ms <= _TO * runtime
    return not position_ms or (runtime >= _SHORTEST_MS and is_midway)


def calls(item: Item, position_ms: int) -> Sequence[Call]:
    told = {"ItemId": item.id, "PositionTicks": position_ms * TICKS_PER_MS}
    return [
        Call("POST", "Sessions/Playing/Progress", body={**told, "IsPaused": True, "CanSeek": True}),
        Call("POST", "Sessions/Playing/Stopped", body=told),
    ]
