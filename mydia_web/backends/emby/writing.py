"""The requests that change watch state on an Emby."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mydia_web.backends.mediabrowser.calls import Call
from mydia_web.backends.mediabrowser.goal import Goal
from mydia_web.backends.mediabrowser.models import UserData

#: Without the last two a listing says that nothing was ever played.
FIELDS = "ProviderIds,Path,ProductionYear,PremiereDate,UserDataLastPlayedDate,UserDataPlayCount"
#: What Emby works out itself.
_DERIVED = {"PlayedPercentage", "UnplayedItemCount", "Key", "ItemId", "ServerId"}


def read(item_id: str, user: str) -> Call:
    return Call("GET", f"Users/{user}/Items/{quote(item_id, safe='')}", {"Fields": FIELDS})


def read_many(item_ids: Sequence[str], user: str) -> Call:
    return Call("GET", f"Users/{user}/Items", {"Ids": ",".join(item_ids), "Fields": FIELDS})


def mark(item_id: str, user: str, goal: Goal) -> Call:
    """Counts one more play each time: not for what is marked already."""
    date = {"DatePlayed": f"{goal.at:%Y%m%d%H%M%S}"} if goal.at else {}
    return Call("POST", f"Users/{user}/PlayedItems/{quote(item_id, safe='')}", date)


def unmark(item_id: str, user: str) -> Call:
    return Call("DELETE", f"Users/{user}/PlayedItems/{quote(item_id, safe='')}")


def write(item_id: str, user: str, data: UserData, goal: Goal) -> Call:
    """Emby takes this for the whole state: whatever is left out is lost, a heart and a rating with
    it.
    """
    told: dict[str, Any] = data.model_dump(by_alias=True, exclude_none=True)
    told = {name: value for name, value in told.items() if name not in _DERIVED}
    told = {"IsFavorite": False, "PlayCount": 0} | told
    if goal.watched is not None:
        told["Played"] = goal.watched
    if goal.watched:
        told["PlayCount"] = max(1, data.plays)
    if goal.position_ms is not None:
        told["PlaybackPositionTicks"] = goal.position_ticks
    if date := goal.date_to_write(data):
        told["LastPlayedDate"] = date
    return Call("POST", f"Users/{user}/Items/{quote(item_id, safe='')}/UserData", body=told)
