"""What a server's state means, given what it last showed and what we hold."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mydia_web.sync.inbound.merge import STRATEGIES, TOLERANCE_MS, Decision, Side, agree, merge

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


def side(text: str) -> Side | None:
    """`-` none, `0` unwatched, `w` watched, `ww` once more, `300` at second 300, `w300` watched and
    again at 300.

    `@5` at 5:00; else nobody knows when.
    """
    state, _, hour = text.partition("@")
    if state == "-":
        return None
    plays, at = state.count("w"), datetime(2026, 1, 2, int(hour), tzinfo=UTC) if hour else None
    return Side(
        watched=plays > 0,
        position_ms=int(state.lstrip("w") or 0) * 1000,
        changed_at=at,
        plays=plays,
        played_at=at,
    )


BASES = ["-", "0", "300", "w", "w300"]
THEIRS = ["0", "300", "w", "w300", "ww"]
OURS = ["-", "0", "300", "w", "w300"]
WORDS: dict[str, Decision] = {
    ".": "nothing",
    "W": "watched",
    "A": "again",
    "U": "unwatched",
    "P": "progress",
    "O": "owed",
}
# A line for each base, a word for each of theirs, a letter for each of ours, in the order of the
# lists above.
HEARD = """
    ..OOO PP.OO WWW.O WWWO. WWW.O
    ..OOO PP.PO WWWAW WWWAA WWWAW
    ..OOO OO.OO WWWAW WWWAA WWWAW
    ..OUU PP.PO OOO.O PPOP. WWWAA
    ..OUU PP.UU WWWAA OOOO. WWWAA
"""
# What was finished there is taken in any case; else what is watched, then what is further on, wins.
OWED = """
    ..OOO PP.OO WWW.O WWWO. WWW.O
    ..... PP... WWWAW WWWAA WWWAW
    ..... ..... WWWAW WWWAA WWWAW
    ..... PP... ..... PP.P. WWWAA
    ..... PP... WWWAA ..... WWWAA
"""
LOCAL = """
    ..OOO .O.OO .OO.O .OOO. .OO.O
    ..OOO .O.OO .OO.O .OOO. .OO.O
    ..OOO .O.OO .OO.O .OOO. .OO.O
    ..OOO .O.OO .OO.O .OOO. .OO.O
    ..OOO .O.OO .OO.O .OOO. .OO.O
"""
NOTHING = "\n".join(["..... " * 5] * 5)
TABLES = [
    ("local-progressive", False, HEARD),
    ("local-progressive", True, OWED),
    # Without dates they are one.
    ("last-write-wins", False, HEARD),
    ("last-write-wins", True, OWED),
    ("always-local", False, LOCAL),
    ("always-local", True, NOTHING),
]


@pytest.mark.parametrize(("strategy", "is_owed", "table"), TABLES)
@pytest.mark.parametrize("base", BASES)
def test_the_truth_table(strategy, is_owed, table, base):
    line = table.split("\n")[BASES.index(base) + (not table.startswith("."))].split()
    decided = {
        (theirs, ours): merge(
            side(base), side(theirs), side(ours), ours_is_newer_than_base=is_owed, strategy=strategy
        )
        for theirs in THEIRS
        for ours in OURS
    }
    assert decided == {
        (theirs, ours): WORDS[letter]
        for theirs, letters in zip(THEIRS, line, strict=True)
        for ours, letter in zip(OURS, letters, strict=True)
    }


@pytest.mark.parametrize(
    ("theirs", "ours", "decision"),
    [
        ("0@9", "w@8", "owed"),
        ("300", "301", "nothing"),
        ("300", "500", "owed"),
        # Watched again since, or before.
        ("300@9", "w@8", "progress"),
        ("300@7", "w@8", "owed"),
        ("w300@9", "w@8", "progress"),
        ("w300@7", "w@8", "owed"),
    ],
)
def test_dates_and_distances_at_first_sight(theirs, ours, decision):
    assert merge(None, side(theirs), side(ours)) == decision


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "decision"),
    [
        # Further back is news all the same, but for less than servers round.
        ("500", "300", "500", "progress"),
        ("0", "300", "299", "nothing"),
        # What we hold as unwatched was finished once more: its date tells, where nobody counts.
        ("w@8", "w@9", "-", "watched"),
        ("w@8", "w@8", "-", "owed"),
        ("w@8", "w@9", "w@8", "nothing"),
    ],
)
def test_news_of_a_server_that_has_heard_all_of_ours(base, theirs, ours, decision):
    assert merge(side(base), side(theirs), side(ours)) == decision


@pytest.mark.parametrize(
    ("base", "theirs", "ours", "progressive", "last_write"),
    [
        # The later instant wins; at the same one, ours.
        ("w", "0@9", "w300@8", "unwatched", "unwatched"),
        ("w", "0@8", "w300@9", "nothing", "nothing"),
        ("w", "0@8", "w@8", "nothing", "nothing"),
        ("0", "300@9", "w@8", "progress", "progress"),
        ("0", "300@8", "w@9", "nothing", "nothing"),
        # But what was finished is history in any case.
        ("0", "w@9", "300@8", "watched", "watched"),
        ("0", "w@8", "300@9", "watched", "watched"),
        # Where one is unknown: watched, then further on; or what is known.
        ("0", "300", "w@9", "nothing", "nothing"),
        ("w", "0@9", "w300", "nothing", "unwatched"),
        ("0", "300@9", "500", "nothing", "progress"),
        ("0", "500", "300@9", "progress", "nothing"),
        ("w", "w300@9", "-", "progress", "progress"),
        ("w", "0@9", "-", "nothing", "nothing"),
    ],
)
def test_both_sides_have_changed(base, theirs, ours, progressive, last_write):
    sides = (side(base), side(theirs), side(ours))
    assert merge(*sides, ours_is_newer_than_base=True) == progressive
    assert merge(*sides, ours_is_newer_than_base=True, strategy="last-write-wins") == last_write


# Positions near to and far from each other, beside the many that no one would think of.
POSITIONS = st.sampled_from(
    [0, 1, TOLERANCE_MS, TOLERANCE_MS + 1, 300_000, 302_000, 302_001]
) | st.integers(0, 10**8)
TIMES = st.none() | st.integers(0, 3).map(lambda hours: NOON + timedelta(hours=hours))
SIDES = st.builds(
    Side,
    watched=st.booleans(),
    position_ms=POSITIONS,
    changed_at=TIMES,
    plays=st.integers(0, 3),
)
ANY = st.sampled_from(STRATEGIES)
many = settings(max_examples=500, deadline=None)


def taken_over(decision: Decision, theirs: Side, ours: Side | None) -> Side | None:
    """Our state after the decision was followed."""
    if decision in ("watched", "again"):
        return replace(theirs, plays=0)
    if decision == "unwatched":
        return Side(watched=False, position_ms=theirs.position_ms) if theirs.position_ms else None
    if decision == "progress":
        return replace(theirs, watched=bool(ours and ours.watched), plays=0)
    return ours


@many
@given(SIDES, st.none() | SIDES, st.booleans(), ANY)
def test_an_echo_is_never_news(theirs, ours, newer, strategy):
    decision = merge(theirs, theirs, ours, ours_is_newer_than_base=newer, strategy=strategy)
    assert decision in ("nothing", "owed")


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans(), ANY)
def test_the_same_news_a_second_time_are_none(base, theirs, ours, newer, strategy):
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer, strategy=strategy)
    ours = taken_over(decision, theirs, ours)
    assert merge(theirs, theirs, ours, strategy=strategy) in ("nothing", "owed")


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES)
def test_after_the_news_and_one_push_both_agree(base, theirs, ours):
    decision = merge(base, theirs, ours)
    ours = taken_over(decision, theirs, ours)
    assert (
        agree(theirs, ours or Side()) or decision == "owed" or merge(theirs, theirs, ours) == "owed"
    )
    told = ours or Side()
    assert merge(told, told, ours) == "nothing"


@many
@given(SIDES, st.none() | SIDES, st.booleans(), ANY)
def test_a_first_look_unwatches_nothing(theirs, ours, newer, strategy):
    decision = merge(None, theirs, ours, ours_is_newer_than_base=newer, strategy=strategy)
    assert decision != "unwatched"


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans(), ANY)
def test_only_a_mark_that_was_there_and_is_gone_unwatches(base, theirs, ours, newer, strategy):
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer, strategy=strategy)
    gone = base is not None and base.watched and not theirs.watched
    assert decision != "unwatched" or (gone and ours is not None and ours.watched)


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_what_we_have_watched_is_not_watched_for_the_first_time(base, theirs, ours, newer):
    """But for a rewatch that ended there."""
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer)
    new = ours is None or not ours.watched or ours.position_ms > 0
    assert decision != "watched" or (theirs.watched and new)


@many
@given(st.none() | SIDES, SIDES, st.none() | SIDES, st.booleans())
def test_what_is_always_ours_is_never_taken_over(base, theirs, ours, newer):
    decision = merge(base, theirs, ours, ours_is_newer_than_base=newer, strategy="always-local")
    assert decision in ("nothing", "owed")
