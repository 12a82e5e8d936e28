"""The calls that make a Jellyfin show a goal, without any server."""

from datetime import UTC, datetime
from typing import Any

import pytest

from mydia_web.backends.call import Call
from mydia_web.backends.jellyfin.plan import plan, ways_to_mark
from mydia_web.backends.mediabrowser.models import Item, UserData
from mydia_web.backends.mediabrowser.plan import Goal, Shown, Version

CLICK = datetime(2026, 11, 21, 20, 30, 15, 250_000, tzinfo=UTC)
CLICKED = "2026-11-21T20:30:15.250000Z"
EARLIER = "2026-11-01T08:00:00.0000000Z"
LATER = "2026-11-30T08:00:00.0000000Z"
MINUTE = 60_000
MINUTE_TICKS = 600_000_000

WATCHED = Goal(watched=True, position_ms=0, at=CLICK)
UNWATCHED = Goal(watched=False, position_ms=0, at=None)
POSITION = Goal(watched=None, position_ms=MINUTE, at=CLICK)
REWATCH = Goal(watched=True, position_ms=MINUTE, at=CLICK)
NO_POSITION = Goal(watched=None, position_ms=0, at=CLICK)

WRITE = "POST UserItems/film/UserData"
WRITE_SECOND = "POST UserItems/second/UserData"
MARK = "POST UserPlayedItems/film"
UNMARK = "DELETE UserPlayedItems/film"


def data(played: bool = False, minutes: int = 0, plays: int = 0, date: str = "") -> UserData:
    return UserData.model_validate(
        {
            "Played": played,
            "PlaybackPositionTicks": minutes * MINUTE_TICKS,
            "PlayCount": plays,
            "LastPlayedDate": date or None,
        }
    )


def shown(state: UserData, *, files: int = 1, second: UserData | None = None) -> Shown:
    item = Item.model_validate({"Id": "film", "MediaSourceCount": files})
    if second is None:
        return Shown(item, state)
    return Shown(item, state.with_version(second), Version("second", second))


def sent(calls: list[Call]) -> list[tuple[str, Any]]:
    return [(f"{call.method} {call.path}", call.body) for call in calls]


MARKED = {
    "Played": True,
    "PlayCount": 1,
    "PlaybackPositionTicks": 0,
    "LastPlayedDate": CLICKED,
}
AT_MINUTE = {"PlaybackPositionTicks": MINUTE_TICKS, "LastPlayedDate": CLICKED}


@pytest.mark.parametrize(
    ("before", "goal", "calls"),
    [
        # What is shown already needs no call, and a later date is not taken back.
        (data(played=True, plays=2, date=CLICKED), WATCHED, []),
        (data(played=True, plays=2, date=LATER), WATCHED, []),
        (data(date=EARLIER), UNWATCHED, []),
        (data(minutes=1, date=LATER), POSITION, []),
        # One call writes what is not shown, and nothing else.
        (data(), WATCHED, [(WRITE, MARKED)]),
        (data(plays=4), WATCHED, [(WRITE, MARKED | {"PlayCount": 4})]),
        (data(played=True, plays=2, date=EARLIER), WATCHED, [(WRITE, MARKED | {"PlayCount": 2})]),
        (data(), POSITION, [(WRITE, AT_MINUTE)]),
        (data(date=LATER), POSITION, [(WRITE, {"PlaybackPositionTicks": MINUTE_TICKS})]),
        (data(minutes=5), NO_POSITION, [(WRITE, AT_MINUTE | {"PlaybackPositionTicks": 0})]),
        (data(), REWATCH, [(WRITE, MARKED | AT_MINUTE)]),
        # A mark is taken away on a route of its own.
        (data(played=True, plays=1, date=EARLIER), UNWATCHED, [(UNMARK, None)]),
        (data(minutes=5), UNWATCHED, [(UNMARK, None)]),
    ],
)
def test_a_title_with_one_file(before: UserData, goal: Goal, calls: list[tuple[str, Any]]) -> None:
    assert sent(plan(shown(before), goal, "alice")) == calls


@pytest.mark.parametrize(
    ("before", "goal", "calls"),
    [
        # The mark reaches all files, and keeps the date that was written before it.
        (data(), WATCHED, [(WRITE, MARKED), (MARK, None)]),
        (data(), REWATCH, [(WRITE, MARKED), (MARK, None), (WRITE, MARKED | AT_MINUTE)]),
        (data(), POSITION, [(WRITE, AT_MINUTE)]),
        (data(played=True, plays=1), UNWATCHED, [(UNMARK, None)]),
        (
            data(played=True, plays=1),
            Goal(watched=False, position_ms=MINUTE, at=CLICK),
            [(UNMARK, None), (WRITE, {"Played": False} | AT_MINUTE)],
        ),
    ],
)
def test_a_title_with_two_files(before: UserData, goal: Goal, calls: list[tuple[str, Any]]) -> None:
    assert sent(plan(shown(before, files=2), goal, "alice")) == calls


@pytest.mark.parametrize(
    ("before", "goal", "calls"),
    [
        # A position goes to the file that is resumed, a mark to the title.
        (data(), POSITION, [(WRITE_SECOND, AT_MINUTE)]),
        (data(), REWATCH, [(WRITE, MARKED), (MARK, None), (WRITE_SECOND, AT_MINUTE)]),
        (data(), WATCHED, [(WRITE, MARKED), (MARK, None)]),
        (data(played=True, plays=1), UNWATCHED, [(UNMARK, None)]),
    ],
)
def test_a_title_whose_second_file_is_resumed(
    before: UserData, goal: Goal, calls: list[tuple[str, Any]]
) -> None:
    resumed = shown(before, files=2, second=data(minutes=5, date=EARLIER))
    assert sent(plan(resumed, goal, "alice")) == calls


def test_a_call_is_shown_to_people_as_it_is_sent() -> None:
    [call] = plan(shown(data()), POSITION, "alice")
    assert str(call) == (
        "POST /UserItems/film/UserData?userId=alice "
        f'{{"PlaybackPositionTicks": {MINUTE_TICKS}, "LastPlayedDate": "{CLICKED}"}}'
    )
    assert call.request == {"params": {"userId": "alice"}, "json": AT_MINUTE}


@pytest.mark.parametrize(
    ("goal", "lines"),
    [
        (
            WATCHED,
            [
                f"POST /UserPlayedItems/film?userId=alice&datePlayed={CLICKED}",
                f"POST /Users/alice/PlayedItems/film?datePlayed={CLICKED}",
            ],
        ),
        (
            UNWATCHED,
            [
                "DELETE /UserPlayedItems/film?userId=alice",
                "DELETE /Users/alice/PlayedItems/film",
            ],
        ),
    ],
)
def test_a_mark_has_a_route_of_today_and_an_older_one(goal: Goal, lines: list[str]) -> None:
    assert [str(call) for call in ways_to_mark("film", goal, "alice")] == lines
