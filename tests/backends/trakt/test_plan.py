"""The calls of a push by what Trakt shows and what is wanted, without any server."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from mydia_web.backends.call import Call
from mydia_web.backends.errors import Rejected
from mydia_web.backends.trakt import mapping, plan
from mydia_web.backends.trakt.mapping import Row
from mydia_web.backends.trakt.plan import UNREAD, Plays, Position, Title
from mydia_web.backends.values import ContentKind, Target, Wanted

CLICK = datetime(2026, 11, 20, 20, 30, 15, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = 60_000
LENGTH = 90 * MINUTE
SINTEL = Row(
    movie=mapping.TitleInfo(title="Sintel", year=2010, ids=mapping.Ids(trakt=1), runtime=90)
)
MARK = Wanted(change_type="mark_watched", at=CLICK)
UNMARK = Wanted(change_type="mark_unwatched", at=CLICK)
PAST_PLAY = Wanted(change_type="mark_watched", at=CLICK, is_past_play=True)
WITHOUT_DATE = Wanted(change_type="mark_watched", at=datetime(1970, 1, 1, tzinfo=UTC))


def progress(
    position: int | None, watched: bool | None = None, length: int | None = LENGTH, **other: Any
) -> Wanted:
    return Wanted(
        change_type="progress_update",
        at=CLICK,
        watched=watched,
        position_ms=position,
        duration_ms=length,
        **other,
    )


def shown(
    *played_at: datetime, percent: float | None = None, paused_at: datetime = CLICK + DAY
) -> Title:
    position = None
    if percent is not None:
        position = Position(playback_id=5, percent=percent, at=paused_at, row=SINTEL)
    plays = Plays(len(played_at), played_at, SINTEL)
    return Title(kind="movie", number=1, plays=plays, position=position, row=SINTEL)


def verbs(calls: Sequence[Call]) -> list[str]:
    """Method and path, with the share of a pause."""
    lines = []
    for call in calls:
        line = f"{call.method} {call.path}"
        if call.path == plan.PAUSE and call.body:
            line += f" {call.body['progress']}"
        lines.append(line)
    return lines


ADD = "POST sync/history"
REMOVE = "POST sync/history/remove"
CLEAR = "DELETE sync/playback/5"
PAUSE_20 = "POST scrobble/pause 20.0"
PAUSE_40 = "POST scrobble/pause 40.0"
UNWATCHED = shown()
BEGUN = shown(percent=40)
WATCHED = shown(CLICK)
WATCHED_BEFORE = shown(CLICK - 3 * DAY)
REWATCHED = shown(CLICK - 3 * DAY, percent=40)


@pytest.mark.parametrize(
    ("wanted", "unwatched", "begun", "watched", "watched_before", "rewatched"),
    [
        (MARK, [ADD], [ADD, CLEAR], [], [ADD], [ADD, CLEAR]),
        (PAST_PLAY, [ADD], [ADD], [], [ADD], [ADD]),
        (WITHOUT_DATE, [ADD], [ADD, CLEAR], [], [], [CLEAR]),
        (UNMARK, [], [CLEAR], [REMOVE], [REMOVE], [REMOVE, CLEAR]),
        (progress(36 * MINUTE), [PAUSE_40], [], [PAUSE_40], [PAUSE_40], []),
        (progress(18 * MINUTE), *[[PAUSE_20]] * 5),
        (
            progress(18 * MINUTE, True),
            [ADD, PAUSE_20],
            [ADD, PAUSE_20],
            [PAUSE_20],
            [PAUSE_20],
            [PAUSE_20],
        ),
        (
            progress(18 * MINUTE, False),
            [PAUSE_20],
            [PAUSE_20],
            [REMOVE, PAUSE_20],
            [REMOVE, PAUSE_20],
            [REMOVE, PAUSE_20],
        ),
        (progress(0), [], [CLEAR], [], [], [CLEAR]),
        (progress(53_000), [], [CLEAR], [], [], [CLEAR]),
        (progress(None), [], [], [], [], []),
        (progress(None, True, watched_at=CLICK), [ADD], [ADD], [], [ADD], [ADD]),
        (progress(None, False), [], [], [REMOVE], [REMOVE], [REMOVE]),
    ],
)
def test_the_calls_for_what_is_shown(
    wanted: Wanted,
    unwatched: list[str],
    begun: list[str],
    watched: list[str],
    watched_before: list[str],
    rewatched: list[str],
) -> None:
    titles = (UNWATCHED, BEGUN, WATCHED, WATCHED_BEFORE, REWATCHED)
    assert [verbs(plan.plan(title, wanted)) for title in titles] == [
        unwatched,
        begun,
        watched,
        watched_before,
        rewatched,
    ]


@pytest.mark.parametrize(
    ("change", "watched_at"),
    [
        (MARK, "2026-11-20T20:30:15.000Z"),
        (WITHOUT_DATE, "unknown"),
        (progress(None, True), "unknown"),
        (progress(None, True, watched_at=CLICK - DAY), "2026-11-19T20:30:15.000Z"),
    ],
)
def test_a_play_has_its_date(change: Wanted, watched_at: str) -> None:
    [call] = plan.plan(UNWATCHED, change)
    assert call.body == {"movies": [{"ids": {"trakt": 1}, "watched_at": watched_at}]}


@pytest.mark.parametrize("late", [timedelta(seconds=59), timedelta(seconds=-59)])
def test_a_play_of_the_same_minute_is_the_same(late: timedelta) -> None:
    assert plan.plan(shown(CLICK + late), MARK) == []


def test_a_pause_older_than_the_last_play_is_none() -> None:
    left_over = shown(CLICK, percent=20, paused_at=CLICK - DAY)
    assert verbs(plan.plan(left_over, progress(18 * MINUTE))) == [PAUSE_20]


@pytest.mark.parametrize("percent", [19.96, 20.04])
def test_a_pause_that_reads_back_rounded_is_the_same(percent: float) -> None:
    assert plan.plan(shown(percent=percent), progress(18 * MINUTE)) == []


@pytest.mark.parametrize(
    ("position", "length", "percent"),
    [
        (30 * MINUTE, LENGTH, 33.333),
        (60 * MINUTE, 120 * MINUTE, 50.0),
        (60 * MINUTE, LENGTH + 40_000, 66.667),
        (60 * MINUTE, None, 66.667),
        (72 * MINUTE, LENGTH, 79.9),
        (200 * MINUTE, LENGTH, 79.9),
    ],
)
def test_the_share_of_a_position(position: int, length: int | None, percent: float) -> None:
    [call] = plan.plan(UNWATCHED, progress(position, length=length))
    assert call.body == {
        "movie": {"ids": {"trakt": 1}, "title": "Sintel", "year": 2010},
        "progress": percent,
    }


def test_a_position_needs_a_length() -> None:
    row = Row(movie=mapping.TitleInfo(title="Home video", ids=mapping.Ids(trakt=1)))
    title = Title(kind="movie", number=1, plays=Plays(), position=None, row=row)
    with pytest.raises(Rejected, match="nobody knows how long"):
        plan.plan(title, progress(MINUTE, True, length=None))


@pytest.mark.parametrize(
    ("wanted", "needs"),
    [(MARK, False), (UNMARK, True), (progress(MINUTE), True), (progress(0, True), False)],
)
def test_a_title_is_looked_up_for_its_length_or_where_it_may_be_gone(
    wanted: Wanted, needs: bool
) -> None:
    empty = Title(kind="movie", number=1, plays=Plays(), position=None)
    assert plan.needs_row(empty, wanted) is needs
    assert not plan.needs_row(WATCHED, wanted)


def test_plays_that_were_not_read_are_removed() -> None:
    """As in a batch, which reads positions only."""
    title = Title(kind="movie", number=1, plays=None, position=None)
    assert verbs(plan.plan(title, UNMARK)) == [REMOVE]


def test_calls_are_merged_by_kind() -> None:
    def added(kind: ContentKind, number: int) -> Call:
        title = Title(kind=kind, number=number, plays=None, position=None)
        return plan.add_play(title, None)

    merged = plan.merge([added("movie", 1), added("episode", 2), added("movie", 3)])
    assert merged.path == "sync/history"
    assert merged.body == {
        "movies": [
            {"ids": {"trakt": 1}, "watched_at": "unknown"},
            {"ids": {"trakt": 3}, "watched_at": "unknown"},
        ],
        "episodes": [{"ids": {"trakt": 2}, "watched_at": "unknown"}],
    }


ALL_WANTED = [
    MARK,
    UNMARK,
    PAST_PLAY,
    WITHOUT_DATE,
    *[
        progress(position, watched)
        for position, watched in product((None, 0, 18 * MINUTE, 89 * MINUTE), (None, True, False))
    ],
]


@pytest.mark.parametrize("wanted", ALL_WANTED)
@pytest.mark.parametrize("title", [UNWATCHED, BEGUN, WATCHED, WATCHED_BEFORE, REWATCHED])
def test_every_call_that_may_be_sent_is_explained(title: Title, wanted: Wanted) -> None:
    explained = verbs(plan.explain(Target(remote_id="movie:1", kind="movie"), wanted))
    sent = [verb.replace("playback/5", "playback/…") for verb in verbs(plan.plan(title, wanted))]
    assert set(sent) <= set(explained)


def test_an_unread_title_may_show_anything() -> None:
    title = Title(kind="movie", number=1, plays=None, position=UNREAD)
    assert verbs(plan.plan(title, MARK)) == [ADD, "DELETE sync/playback/…"]
    assert verbs(plan.plan(title, progress(18 * MINUTE, False))) == [REMOVE, PAUSE_20]
