"""The calls that make a Jellyfin show a goal. Each may be repeated: none of them counts a play."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mydia_web.backends.call import Call
from mydia_web.backends.mediabrowser.models import Item, UserData, write_instant
from mydia_web.backends.mediabrowser.plan import Goal, Shown


def plan(shown: Shown, goal: Goal, user: str) -> list[Call]:
    """Return the calls for a goal, none if the title shows it already.

    A position goes to the version that was played last, a mark to the title.
    """
    if goal.is_shown_by(shown.data):
        return []
    version = shown.version
    if version is None or goal.position_ms is None or goal.leaves_no_position:
        return _title_calls(shown.item, shown.data, goal, user)
    calls: list[Call] = []
    if goal.watched is not None and not goal.mark_alone.is_shown_by(shown.data):
        calls = _title_calls(shown.item, shown.data, goal.mark_alone, user)
    settings = goal.position_alone.settings(version.data)
    return [*calls, _write(version.item_id, settings, user)]


def _title_calls(item: Item, data: UserData, goal: Goal, user: str) -> list[Call]:
    """Return the calls for a title, whatever it shows.

    Jellyfin keeps what a request leaves out, so that nothing else is touched. It cannot be told to
    clear a date. A title with several versions is marked on a route of its own, which reaches them
    all since Jellyfin 12.
    """
    if goal.clears:
        return [_unmark(item.id, user)]
    write = _write(item.id, goal.settings(data), user)
    if not item.has_versions or goal.watched is None:
        return [write]
    if not goal.watched:
        return [_unmark(item.id, user), write]
    # The date comes first: a mark keeps the date there is, and without one takes the present.
    write_date = _write(item.id, goal.mark_alone.settings(data), user)
    calls = [write_date, mark(item.id, user)]
    if goal.position_ms:
        calls.append(write)
    return calls


def ways_to_mark(item_id: str, goal: Goal, user: str) -> list[Call]:
    """Return calls of which one marks a title, or takes its mark away, the best route first.

    The last route is that of older servers.
    """
    current = _unmark(item_id, user)
    if goal.watched:
        current = mark(item_id, user, goal)
    params = dict(current.params)
    del params["userId"]
    older = replace(
        current,
        path=f"Users/{user}/PlayedItems/{item_id}",
        params=params,
    )
    return [current, older]


def mark(item_id: str, user: str, goal: Goal | None = None) -> Call:
    """Return a mark; with the date of a goal Jellyfin counts one more play each time."""
    params = {"userId": user}
    if goal is not None and goal.at is not None:
        params["datePlayed"] = write_instant(goal.at)
    return Call(
        method="POST",
        path=f"UserPlayedItems/{item_id}",
        params=params,
        item_id=item_id,
    )


def read_titles(item_ids: Sequence[str], user: str) -> Call:
    params = {
        "userId": user,
        "ids": ",".join(item_ids),
        "fields": "MediaSourceCount,ProviderIds,Path",
        "enableTotalRecordCount": "false",
    }
    return Call(method="GET", path="Items", params=params)


def read_state(item_id: str, user: str) -> Call:
    return Call(
        method="GET",
        path=f"UserItems/{item_id}/UserData",
        params={"userId": user},
    )


def _unmark(item_id: str, user: str) -> Call:
    return Call(
        method="DELETE",
        path=f"UserPlayedItems/{item_id}",
        params={"userId": user},
        item_id=item_id,
    )


def _write(item_id: str, settings: Mapping[str, Any], user: str) -> Call:
    return Call(
        method="POST",
        path=f"UserItems/{item_id}/UserData",
        params={"userId": user},
        body=settings,
        item_id=item_id,
    )
