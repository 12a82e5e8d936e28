"""The calls that make an Emby show a goal."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import quote

from mydia_web.backends.call import Call
from mydia_web.backends.mediabrowser.plan import Goal, Shown

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
    unmark = Call(
        method="DELETE",
        path=f"Users/{user}/PlayedItems/{_quoted(shown.item.id)}",
        item_id=shown.item.id,
    )
    if goal.clears:
        return unmark
    if not goal.watched or shown.data.played:
        return None
    if goal.at is None:
        return None
    return replace(
        unmark,
        method="POST",
        params={"DatePlayed": f"{goal.at:%Y%m%d%H%M%S}"},
    )


def state_call(shown: Shown, goal: Goal, user: str) -> Call | None:
    """Return the call that writes the whole state; None if the title shows the goal already.

    Emby loses whatever the call leaves out, a heart and a rating among it.
    """
    if goal.is_shown_by(shown.data):
        return None
    body: dict[str, Any] = {"IsFavorite": False, "PlayCount": 0}
    body |= shown.data.model_dump(by_alias=True, exclude_none=True)
    body |= goal.settings(shown.data)
    for name in _DERIVED:
        body.pop(name, None)
    return Call(
        method="POST",
        path=f"Users/{user}/Items/{_quoted(shown.item.id)}/UserData",
        body=body,
        item_id=shown.item.id,
    )


def read_title(item_id: str, user: str) -> Call:
    return Call(
        method="GET",
        path=f"Users/{user}/Items/{_quoted(item_id)}",
        params={"Fields": FIELDS},
    )


def read_titles(item_ids: Sequence[str], user: str) -> Call:
    return Call(
        method="GET",
        path=f"Users/{user}/Items",
        params={"Ids": ",".join(item_ids), "Fields": FIELDS},
    )


def _quoted(item_id: str) -> str:
    return quote(item_id, safe="")
