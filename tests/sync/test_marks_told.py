"""A mark, or its removal, that is told without a position clears it, as the server itself does."""

from typing import Any

import pytest

from mydia_web.clock import now
from mydia_web.playback import get_progress
from tests.sync.household import Household, heat

POSITION_MS = 1_743_000


def emby(event: str, target: Any) -> dict[str, Any]:
    item = {"Type": "Movie", "Name": "Heat", "Id": target.remote_id}
    return {"Event": event, "Date": now().isoformat(), "User": {"Name": "alice"}, "Item": item}


def jellyfin(is_played: bool, target: Any) -> dict[str, Any]:
    return {
        "NotificationType": "UserDataSaved",
        "SaveReason": "TogglePlayed",
        "NotificationUsername": "alice",
        "ItemType": "Movie",
        "ItemId": target.remote_id,
        "Name": "Heat",
        "Played": is_played,
    }


def generic(event: str, target: Any) -> dict[str, Any]:
    return {
        "event": event,
        "user": "alice",
        "type": "movie",
        "title": "Heat",
        "id": target.remote_id,
    }


MARKS = {
    "emby marks": ("emby", True, lambda target: emby("item.markplayed", target)),
    "emby unmarks": ("emby", False, lambda target: emby("item.markunplayed", target)),
    "jellyfin marks": ("jellyfin", True, lambda target: jellyfin(True, target)),
    "jellyfin unmarks": ("jellyfin", False, lambda target: jellyfin(False, target)),
    "generic marks": ("kodi", True, lambda target: generic("watched", target)),
    "generic unmarks": ("kodi", False, lambda target: generic("unwatched", target)),
}


@pytest.mark.parametrize("mark", MARKS)
def test_a_mark_without_a_position_clears_it_everywhere(household: Household, alice, mark: str):
    kind, is_watched, payload = MARKS[mark]
    server, other = household.add(kind, "One"), household.add("plex", "Other")
    target, there = server.has_heat(), other.has_heat()
    household.settle()
    server.bench.person_stops_at(target, POSITION_MS, now())
    household.settle()
    assert other.bench.held(there).position_ms == POSITION_MS
    household.later(minutes=1)
    if is_watched:
        server.bench.person_watches(target, now())
    else:
        server.bench.person_unwatches(target)
    server.sends(payload(target), kind="generic" if mark.startswith("generic") else "")
    server.bench.writes()
    household.settle()
    progress = get_progress(alice.id, heat())
    assert (
        (progress.watched, progress.position_seconds) == (True, 0)
        if is_watched
        else progress is None
    )
    for held in (server.bench.held(target), other.bench.held(there)):
        assert (held.watched, held.position_ms) == (is_watched, 0)
