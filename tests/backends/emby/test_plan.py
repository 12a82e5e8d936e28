"""The calls that make an Emby show a goal, without any server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mydia_web.backends.emby.plan import plan
from mydia_web.backends.mediabrowser.models import Item, UserData
from mydia_web.backends.mediabrowser.plan import Goal, Shown

CLICK = datetime(2026, 11, 21, 20, 30, 15, tzinfo=UTC)
CLICKED = "2026-11-21T20:30:15.000000Z"
EARLIER = "2026-11-01T08:00:00.0000000Z"
LATER = "2026-11-30T08:00:00.0000000Z"
MINUTE = 60_000
MINUTE_TICKS = 600_000_000

WATCHED = Goal(watched=True, position_ms=0, at=CLICK)
UNWATCHED = Goal(watched=False, position_ms=0, at=None)
POSITION = Goal(watched=None, position_ms=MINUTE, at=CLICK)
REWATCH = Goal(watched=True, position_ms=MINUTE, at=CLICK)

MARK = "POST /Users/alice/PlayedItems/film%2F7?DatePlayed=20261121203015"
UNMARK = "DELETE /Users/alice/PlayedItems/film%2F7"
WRITE = "POST /Users/alice/Items/film%2F7/UserData"
NO_STATE = {"IsFavorite": False, "PlayCount": 0, "Played": False, "PlaybackPositionTicks": 0}


def shown(**fields: Any) -> Shown:
    state = {"Played": False, **fields}
    return Shown(Item.model_validate({"Id": "film/7"}), UserData.model_validate(state))


@pytest.mark.parametrize(
    ("before", "goal", "calls"),
    [
        # What is shown already needs no call, and a later date is not taken back.
        (shown(Played=True, LastPlayedDate=CLICKED), WATCHED, []),
        (shown(Played=True, LastPlayedDate=LATER), WATCHED, []),
        (shown(), UNWATCHED, []),
        (shown(PlaybackPositionTicks=MINUTE_TICKS, LastPlayedDate=LATER), POSITION, []),
        # A mark has a route of its own, of which Emby tells others.
        (shown(), WATCHED, [(MARK, None)]),
        (shown(PlaybackPositionTicks=MINUTE_TICKS), WATCHED, [(MARK, None)]),
        (shown(Played=True), UNWATCHED, [(UNMARK, None)]),
        (shown(PlaybackPositionTicks=MINUTE_TICKS), UNWATCHED, [(UNMARK, None)]),
        # What is marked already is written, for a mark would count one more play.
        (
            shown(Played=True, PlayCount=3, LastPlayedDate=EARLIER),
            WATCHED,
            [
                (
                    WRITE,
                    NO_STATE | {"Played": True, "PlayCount": 3, "LastPlayedDate": CLICKED},
                )
            ],
        ),
        # Nobody knows when: the route for marks would date it by the present.
        (
            shown(),
            Goal(watched=True, position_ms=0, at=None),
            [(WRITE, NO_STATE | {"Played": True, "PlayCount": 1})],
        ),
        # A position comes after the mark, which clears it.
        (
            shown(),
            REWATCH,
            [
                (MARK, None),
                (
                    WRITE,
                    NO_STATE
                    | {
                        "Played": True,
                        "PlayCount": 1,
                        "PlaybackPositionTicks": MINUTE_TICKS,
                        "LastPlayedDate": CLICKED,
                    },
                ),
            ],
        ),
        # The state is written whole, with what else Emby keeps in it, and without what it derives.
        (
            shown(IsFavorite=True, Rating=8.5, PlayedPercentage=3.2, Key="film", ServerId="den"),
            POSITION,
            [
                (
                    WRITE,
                    NO_STATE
                    | {
                        "IsFavorite": True,
                        "Rating": 8.5,
                        "PlaybackPositionTicks": MINUTE_TICKS,
                        "LastPlayedDate": CLICKED,
                    },
                )
            ],
        ),
    ],
)
def test_each_goal_has_its_calls(before: Shown, goal: Goal, calls: list[tuple[str, Any]]) -> None:
    planned = [(str(call).split(" {")[0], call.body) for call in plan(before, goal, "alice")]
    assert planned == calls
