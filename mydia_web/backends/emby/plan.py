"""The calls that make an Emby show a goal."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mydia_web.backends.mediabrowser.plan import Call, Goal, Shown

#: Without the last two a listing says that nothing was ever played.
FIELDS = "ProviderIds,Path,ProductionYear,PremiereDate,UserDataLastPlayedDate,UserDataPlayCount"
#: What Emby works out itself.
_DERIVED = {"PlayedPercentage", "UnplayedItemCount", "Key", "ItemId", "ServerId"}


def plan(shown: Shown, goal: Goal, user: str) -> list[Call]:
    """Return the calls for a goal, none if the title shows it already.

    A push sends `mark_call` first, and then `state_call` for what Emby shows by then. Here that is
    what Emby should show.
    """
    calls: list[Call] = []
    if goal.is_shown_by(shown.data):
        return calls
    mark = mark_call(shown, goal, user)
    if mark is not None:
        calls.append(mark)
        shown = Shown(shown.item, goal.mark_alone.reached_from(shown.data))
    state = state_call(shown, goal, user)
    if state is not None:
        calls.append(state)
    return calls


def mark_call(shown: Shown, goal: Goal, user: str) -> Call | None:
    """Return the mark, or its removal, that has a route of its own.

    That route may set more than the state, for Emby tells others of a mark. It counts one more play
    each time, so that it is not for a title that is marked already.
    """
    item_id = shown.item.id
    path = f"Users/{user}/PlayedItems/{quote(item_id, safe='')}"
    if goal.clears:
        return Call(method="DELETE", path=path, item_id=item_id)
    if not goal.watched or shown.data.played or goal.at is None:
        return None
    params = {"DatePlayed": f"{goal.at:%Y%m%d%H%M%S}"}
    return Call(method="POST", path=path, params=params, item_id=item_id)


def state_call(shown: Shown, goal: Goal, user: str) -> Call | None:
    """Return the call that writes the whole state; None if the title shows the goal already.

    Emby loses whatever the call leaves out, a heart and a rating among it.
    """
    if goal.is_shown_by(shown.data):
        return None
    item_id = shown.item.id
    current: dict[str, Any] = shown.data.model_dump(by_alias=True, exclude_none=True)
    kept = {name: value for name, value in current.items() if name not in _DERIVED}
    return Call(
        method="POST",
        path=f"Users/{user}/Items/{quote(item_id, safe='')}/UserData",
        body={"IsFavorite": False, "PlayCount": 0} | kept | goal.settings(shown.data),
        item_id=item_id,
    )


def read_title(item_id: str, user: str) -> Call:
    path = f"Users/{user}/Items/{quote(item_id, safe='')}"
    return Call(method="GET", path=path, params={"Fields": FIELDS})


def read_titles(item_ids: Sequence[str], user: str) -> Call:
    params = {"Ids": ",".join(item_ids), "Fields": FIELDS}
    return Call(method="GET", path=f"Users/{user}/Items", params=params)
