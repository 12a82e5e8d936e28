"""The calls of a push by what Plex shows and what is wanted, without any server."""

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import product

import pytest

from mydia_web.backends.call import Call
from mydia_web.backends.errors import Rejected
from mydia_web.backends.plex import plan
from mydia_web.backends.plex.plan import Title
from mydia_web.backends.values import Target, Wanted

CLICK = datetime(2026, 11, 1, 20, 30, 15, tzinfo=UTC)
MINUTE = 60_000
LENGTH = 100 * MINUTE
MARK = Wanted(change_type="mark_watched", at=CLICK, watched=True, position_ms=0)
UNMARK = Wanted(change_type="mark_unwatched", at=CLICK, watched=False, position_ms=0)


def progress(position: int | None, watched: bool | None = None, length: int = LENGTH) -> Wanted:
    return Wanted(
        change_type="progress_update",
        at=CLICK,
        watched=watched,
        position_ms=position,
        duration_ms=length,
    )


def shown(play_count: int, position: int = 0, length: int = LENGTH) -> Title:
    return Title(key="7", name="“Sintel”", play_count=play_count, position=position, length=length)


def verbs(calls: Sequence[Call]) -> list[str]:
    """The last part of each path, with the minute of a stop."""
    lines = []
    for call in calls:
        verb = call.path.rpartition("/")[2]
        if "time" in call.params:
            verb += f" {call.params['time'] / MINUTE:g}"
        lines.append(verb)
    return lines


UNWATCHED = shown(0)
BEGUN = shown(0, 40 * MINUTE)
WATCHED = shown(2)
REWATCHED = shown(2, 40 * MINUTE)


@pytest.mark.parametrize(
    ("wanted", "unwatched", "begun", "watched", "rewatched"),
    [
        (MARK, ["scrobble"], ["scrobble"], [], ["scrobble"]),
        (UNMARK, [], ["unscrobble"], ["unscrobble"], ["unscrobble"]),
        (progress(40 * MINUTE), ["timeline 40"], [], ["timeline 40"], []),
        (
            progress(40 * MINUTE, True),
            ["scrobble", "timeline 40"],
            ["scrobble", "timeline 40"],
            ["timeline 40"],
            [],
        ),
        (
            progress(40 * MINUTE, False),
            ["timeline 40"],
            [],
            ["unscrobble", "timeline 40"],
            ["unscrobble", "timeline 40"],
        ),
        (progress(0), [], ["unscrobble"], [], ["timeline 0"]),
        (progress(0, True), ["scrobble"], ["scrobble"], [], ["timeline 0"]),
        (progress(0, False), [], ["unscrobble"], ["unscrobble"], ["unscrobble"]),
        (progress(None), [], [], [], []),
        (progress(None, True), ["scrobble"], ["scrobble"], [], []),
        (progress(None, False), [], [], ["unscrobble"], ["unscrobble"]),
    ],
)
def test_the_calls_for_what_is_shown(
    wanted: Wanted,
    unwatched: list[str],
    begun: list[str],
    watched: list[str],
    rewatched: list[str],
) -> None:
    titles = (UNWATCHED, BEGUN, WATCHED, REWATCHED)
    assert [verbs(plan.plan(title, wanted)) for title in titles] == [
        unwatched,
        begun,
        watched,
        rewatched,
    ]


@pytest.mark.parametrize(
    ("position", "threshold", "stop"),
    [
        (95 * MINUTE, 0.9, 90 * MINUTE - 1000),
        (95 * MINUTE, 0.7, 70 * MINUTE - 1000),
        (120 * MINUTE, 0.9, 90 * MINUTE - 1000),
        (2000, 0.9, 2000),
    ],
)
def test_a_position_stays_below_the_threshold(position: int, threshold: float, stop: int) -> None:
    calls = plan.plan(UNWATCHED, progress(position), threshold)
    assert plan.stop_in(calls) == stop


def test_a_position_stays_below_the_end_of_the_shorter_copy() -> None:
    calls = plan.plan(shown(0, length=50 * MINUTE), progress(60 * MINUTE))
    assert plan.stop_in(calls) == 45 * MINUTE - 1000
    assert calls[0].params["duration"] == 50 * MINUTE


@pytest.mark.parametrize("position", [40 * MINUTE - 999, 40 * MINUTE + 999])
def test_a_position_that_is_shown_about_so_is_not_sent(position: int) -> None:
    assert plan.plan(BEGUN, progress(position)) == []


def test_a_position_needs_a_length() -> None:
    unknown = shown(0, length=0)
    assert plan.plan(unknown, progress(MINUTE))[0].params["duration"] == LENGTH
    with pytest.raises(Rejected, match="nobody knows that of “Sintel”"):
        plan.plan(unknown, progress(MINUTE, True, length=0))


def test_clearing_where_plex_knows_no_length_is_a_mark() -> None:
    assert verbs(plan.plan(shown(1, MINUTE, length=0), progress(0))) == ["scrobble"]


@pytest.mark.parametrize(
    ("title", "minute", "asks"),
    [(UNWATCHED, 49, False), (UNWATCHED, 50, True), (shown(0, 80 * MINUTE), 80, False)],
)
def test_the_threshold_is_read_for_a_late_position_that_is_not_there(
    title: Title, minute: int, asks: bool
) -> None:
    assert plan.asks_threshold(title, progress(minute * MINUTE)) is asks
    assert not plan.asks_threshold(title, MARK)


@pytest.mark.parametrize(
    ("title", "wanted", "second"),
    [
        (UNWATCHED, progress(85 * MINUTE), ["unscrobble", "timeline 64.9833"]),
        (WATCHED, progress(85 * MINUTE), ["timeline 64.9833"]),
        (UNWATCHED, progress(85 * MINUTE, True), ["timeline 64.9833"]),
        (WATCHED, progress(85 * MINUTE, False), ["unscrobble", "timeline 64.9833"]),
    ],
)
def test_a_stop_that_finished_the_title_is_taken_back_and_made_earlier(
    title: Title, wanted: Wanted, second: list[str]
) -> None:
    first, earlier = plan.plan_attempts(title, wanted, 0.9)
    assert first == plan.plan(title, wanted, 0.9)
    assert verbs(earlier) == second


def test_far_from_the_end_there_is_one_attempt() -> None:
    assert len(plan.plan_attempts(UNWATCHED, progress(10 * MINUTE), 0.9)) == 1


@pytest.mark.parametrize(
    ("title", "position", "calls"),
    [
        (WATCHED, 0, []),
        (REWATCHED, 0, ["scrobble"]),
        (BEGUN, 30_000, ["unscrobble"]),
        (REWATCHED, 30_000, []),
        (UNWATCHED, 30_000, []),
        (BEGUN, 40 * MINUTE, []),
        (BEGUN, 50 * MINUTE, []),
    ],
)
def test_an_old_position_that_stays_is_cleared(
    title: Title, position: int, calls: list[str]
) -> None:
    assert verbs(plan.plan_clearing(title, position)) == calls


ALL_WANTED = [
    MARK,
    UNMARK,
    *[
        progress(at, mark)
        for at, mark in product((None, 0, 30_000, 10 * MINUTE, 95 * MINUTE), (None, True, False))
    ],
]


@pytest.mark.parametrize("wanted", ALL_WANTED)
@pytest.mark.parametrize("title", [UNWATCHED, BEGUN, WATCHED, REWATCHED])
def test_every_call_that_may_be_sent_is_explained(title: Title, wanted: Wanted) -> None:
    explained = {
        call.line for call in plan.explain(Target(remote_id=title.key, kind="movie"), wanted)
    }
    for calls in plan.plan_attempts(title, wanted, plan.USUAL_THRESHOLD):
        assert {call.line for call in calls} <= explained


def test_a_call_is_shown_with_its_condition() -> None:
    read, mark, again = plan.explain(Target(remote_id="7", kind="movie"), MARK)
    assert str(read) == "GET /library/metadata/7?includeGuids=1"
    assert str(mark) == (
        "PUT /:/scrobble?identifier=com.plexapp.plugins.library&key=7  (unless it is watched there)"
    )
    assert str(again) == f"{read}  (if anything was sent)"
