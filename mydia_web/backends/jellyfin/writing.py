"""Which requests make a Jellyfin show what is wanted. Each may be repeated: none of them counts a
play.
"""

from collections.abc import Sequence
from typing import Any

from mydia_web.backends.mediabrowser.calls import Call
from mydia_web.backends.mediabrowser.goal import Goal
from mydia_web.backends.mediabrowser.models import Item, UserData, write_instant


def calls(item: Item, data: UserData, goal: Goal, user: str) -> Sequence[Call]:
    """Jellyfin keeps what a request leaves out, so that nothing else is touched, and cannot be told
    to clear a date.

    A title with several versions is marked on its own route, which reaches them all since Jellyfin
    12.
    """
    if goal.clears:
        return [unmark(item.id, user)]
    if not item.has_versions or goal.watched is None:
        return [write(item.id, user, settings(data, goal))]
    if goal.watched:
        # The date first: a mark keeps the date there is, and without one takes the present.
        marked = Goal(watched=True, position_ms=0, at=goal.at)
        steps = [write(item.id, user, settings(data, marked)), mark(item.id, user)]
        return [*steps, write(item.id, user, settings(data, goal))] if goal.position_ms else steps
    return [unmark(item.id, user), write(item.id, user, settings(data, goal))]


def settings(data: UserData, goal: Goal) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if goal.watched is not None:
        told["Played"] = goal.watched
    if goal.watched:
        told["PlayCount"] = max(1, data.plays)
    if goal.position_ms is not None:
        told["PlaybackPositionTicks"] = goal.position_ticks
    if date := goal.date_to_write(data):
        told["LastPlayedDate"] = date
    return told


def read_data(item_id: str, user: str) -> Call:
    return Call("GET", f"UserItems/{item_id}/UserData", {"userId": user})


def write(item_id: str, user: str, told: dict[str, Any]) -> Call:
    return Call("POST", f"UserItems/{item_id}/UserData", {"userId": user}, told)


def mark(item_id: str, user: str, goal: Goal | None = None) -> Call:
    """With a date Jellyfin counts one more play each time."""
    date = {"datePlayed": write_instant(goal.at)} if goal and goal.at else {}
    return Call("POST", f"UserPlayedItems/{item_id}", {"userId": user, **date})


def unmark(item_id: str, user: str) -> Call:
    return Call("DELETE", f"UserPlayedItems/{item_id}", {"userId": user})


def ways_to_mark(item_id: str, user: str, goal: Goal) -> Sequence[Call]:
    """The routes that mark a title, or take its mark away, best first; the last is that of older
    servers.
    """
    today = mark(item_id, user, goal) if goal.watched else unmark(item_id, user)
    params = {name: value for name, value in today.params.items() if name != "userId"}
    return [today, Call(today.method, f"Users/{user}/PlayedItems/{item_id}", params)]
