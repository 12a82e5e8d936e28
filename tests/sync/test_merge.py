"""What a server's state means, given what it last showed and what we hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mydia_web.sync.merge import TOLERANCE_MS, Decision, Side, merge

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def side(text: str) -> Side | None:
    """`-` none, `0` unwatched, `w` watched, `300` at second 300, `w300` watched and again at 300; `@5` at 5:00."""
    state, _, hour = text.partition("@")
    if state == "-":
        return None
    at = datetime(2026, 1, 2, int(hour), tzinfo=UTC) if hour else None
    return Side(state.startswith("w"), int(state.lstrip("w") or 0) * 1000, at)


@pytest.mark.parametrize(
    ("theirs", "ours", "decision"),
    [
        ("0", "-", "nothing"),
        ("0", "0", "nothing"),
        ("0", "300", "owed"),
        ("0", "w", "owed"),
        ("0@9", "w@8", "owed"),
        ("300", "-", "progress"),
        ("300", "100", "progress"),
        ("300", "301", "nothing"),
        ("300", "500", "owed"),
        ("300", "w", "owed"),
        ("300@9", "w@8", "progress"),
        ("300@7", "w@8", "owed"),
        ("w", "-", "watched"),
        ("w", "300", "watched"),
        ("w", "w", "nothing"),
        ("w", "w300", "owed"),
        ("w300", "-", "watched"),
        ("w300", "w", "owed"),
        ("w300@9", "w@8", "progress"),
        ("w300@7", "w@8", "owed"),
        ("w300", "w300", "nothing"),
    ],
)
def test_at_first_sight(theirs, ours, decision):
    assert merge(None, side(theirs), side(ours)) == decision


@pytest.mark.parametrize("state", ["0", "300", "w", "w300", "w@9"])
@pytest.mark.parametrize("ours", ["-", "0", "300", "500", "w", "w300", "w@8"])
def test_a_server_that_shows_what_it_showed_has_no_news(state, ours):
    agree = (side(ours) or Side()).watched == side(state).watched and (
        (side(ours) or Side()).position_ms == side(state).position_ms
    )
    assert merge(side(state), side(state), side(ours)) == ("nothing" if agree else "owed")
    assert merge(side(state), side(state), side(ours), ours_is_newer_than_base=True) == "nothing"


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "decision"),
    [
        # It was watched there.
        ("0", "w", "-", "watched"),
        ("0", "w", "300", "watched"),
        ("300", "w", "300", "watched"),
        ("0", "w", "w", "nothing"),
        ("300", "w", "w300", "watched"),
        ("0", "w300", "-", "watched"),
        ("0", "w300", "w", "progress"),
        ("0", "w300", "w100", "progress"),
        ("0", "w300", "w300", "nothing"),
        # It was unwatched there.
        ("w", "0", "w", "unwatched"),
        ("w", "0", "w300", "unwatched"),
        ("w300", "300", "w300", "unwatched"),
        ("w300", "0", "w300", "unwatched"),
        ("w", "0", "-", "nothing"),
        ("w", "0", "300", "nothing"),
        # It is watched there, for the first time or again.
        ("0", "300", "-", "progress"),
        ("0", "300", "100", "progress"),
        ("500", "300", "500", "progress"),
        ("0", "300", "w", "progress"),
        ("0", "300", "299", "nothing"),
        ("w", "w300", "w", "progress"),
        ("w", "300", "w", "progress"),
        ("w", "300", "300", "nothing"),
        # Its player crashed, or it forgot.
        ("300", "0", "300", "nothing"),
        ("w300", "w", "w300", "nothing"),
    ],
)
def test_news_of_a_server_while_it_has_heard_all_of_ours(base, theirs, ours, decision):
    assert merge(side(base), side(theirs), side(ours)) == decision


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "decision"),
    [
        # The later instant wins; at the same one, ours.
        ("0", "w@9", "300@8", "watched"),
        ("0", "w@8", "300@9", "nothing"),
        ("0", "w@8", "300@8", "nothing"),
        ("w", "0@9", "w300@8", "unwatched"),
        ("w", "0@8", "w300@9", "nothing"),
        ("0", "300@9", "w@8", "progress"),
        ("0", "300@8", "w@9", "nothing"),
        # Where one is unknown: watched, then further on.
        ("0", "w", "300@9", "watched"),
        ("0", "300", "w@9", "nothing"),
        ("w", "0", "w300", "nothing"),
        ("0", "500", "300", "progress"),
        ("0", "300", "500", "nothing"),
        ("0", "w@9", "-", "watched"),
        ("w", "w300@9", "-", "progress"),
        ("w", "0@9", "-", "nothing"),
    ],
)
def test_news_of_a_server_that_has_yet_to_hear_ours(base, theirs, ours, decision):
    assert merge(side(base), side(theirs), side(ours), ours_is_newer_than_base=True) == decision


# Positions near to and far from each other, beside the many that no one would think of.
POSITIONS = st.sampled_from([0, 1, TOLERANCE_MS, TOLERANCE_MS + 1, 300_000, 302_000, 302_001]) | st.integers(
    0, 10**8
)
TIMES = st.none() | st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
SIDES = st.builds(Side, st.booleans(), POSITIONS, TIMES)
many = settings(max_examples=500, deadline=None)


def taken_over(decision: Decision, theirs: Side, ours: Side | None) -> Side | None:
    """Our state after the decision was followed."""
    if decision == "watched":
        return Side(True, theirs.position_ms, theirs.changed_at)
    if decision == "unwatched":
        return None
    if decision == "progress":
        return replace(theirs, watched=bool(ours and ours.watched))
    return ours


@many
@given(SIDES, st.none() | SIDES, st.booleans())
def test_an_echo_is_never_news(theirs, ours, newer):
    assert merge(theirs, theirs, ours, ours_is_newer_than_base=newer) in ("nothing", "owed")


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_the_same_news_a_second_time_are_none(base, theirs, ours, newer):
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer)
    ours = taken_over(decision, theirs, ours)
    assert merge(theirs, theirs, ours) in ("nothing", "owed")


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_after_the_news_and_one_push_both_agree(base, theirs, ours, newer):
    ours = taken_over(merge(base, theirs, ours, ours_is_newer_than_base=newer), theirs, ours)
    if merge(theirs, theirs, ours) == "owed":
        theirs = ours or Side()
    assert merge(theirs, theirs, ours) == "nothing"


@many
@given(SIDES, st.none() | SIDES, st.booleans())
def test_a_first_look_unwatches_nothing(theirs, ours, newer):
    assert merge(None, theirs, ours, ours_is_newer_than_base=newer) != "unwatched"


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_only_a_mark_that_was_there_and_is_gone_unwatches(base, theirs, ours, newer):
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer)
    gone = base is not None and base.watched and not theirs.watched
    assert decision != "unwatched" or (gone and ours is not None and ours.watched)


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_what_we_have_watched_is_not_news(base, theirs, ours, newer):
    """Nothing is taken for watched a second time, but for a rewatch that ended there."""
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer)
    new = ours is None or not ours.watched or ours.position_ms > 0
    assert decision != "watched" or (theirs.watched and new)
