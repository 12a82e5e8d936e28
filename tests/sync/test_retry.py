"""When a failed push is tried again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mydia_web.sync.outbound.retry import (
    DOWN_AFTER,
    FEW_ATTEMPTS,
    FIRST_PAUSE,
    MAX_DELAY,
    MAX_PAUSE,
    backoff,
    pause_after,
    retry_at,
)

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
ATTEMPTS = st.integers(1, 10_000)
quickly = settings(deadline=None)


def plain(attempt: int) -> timedelta:
    return backoff(attempt, lambda *_bounds: 1.0)


def test_the_pauses_double_from_15_seconds_to_6_hours():
    seconds = [plain(attempt).total_seconds() for attempt in range(1, 14)]
    assert seconds[:5] == [15, 30, 60, 120, 240]
    assert seconds[-3:] == [15_360, 21_600, 21_600]


@quickly
@given(ATTEMPTS)
def test_the_pauses_never_get_shorter(attempt):
    assert plain(attempt) <= plain(attempt + 1) <= MAX_DELAY == timedelta(hours=6)


@quickly
@given(ATTEMPTS)
def test_a_pause_is_at_most_a_fifth_off(attempt):
    assert 0.8 * plain(attempt) <= backoff(attempt) <= 1.2 * plain(attempt)


def test_rows_that_failed_together_do_not_march_in_step():
    assert len({backoff(5) for _ in range(50)}) > 1


@quickly
@given(ATTEMPTS)
def test_a_server_that_is_down_is_tried_for_as_long_as_it_takes(attempt):
    due = retry_at("transient", attempt, NOW)
    assert NOW + timedelta(seconds=12) <= due <= NOW + 1.2 * MAX_DELAY


@pytest.mark.parametrize(
    ("attempt", "again"), [(1, True), (2, True), (FEW_ATTEMPTS, False), (FEW_ATTEMPTS + 1, False)]
)
@pytest.mark.parametrize("failure", ["bug", "unconfirmed"])
def test_what_trying_again_seldom_mends_is_tried_three_times(failure, attempt, again):
    assert FEW_ATTEMPTS == 3
    assert (retry_at(failure, attempt, NOW) is not None) is again


@pytest.mark.parametrize("attempt", range(1, FEW_ATTEMPTS))
def test_what_was_changed_there_meanwhile_goes_out_again_at_once(attempt):
    assert retry_at("overtaken", attempt, NOW) == NOW


def test_a_title_that_changes_whenever_one_looks_is_tried_less_and_less_often():
    pauses = [retry_at("overtaken", attempt, NOW) - NOW for attempt in range(FEW_ATTEMPTS, 2000, 5)]
    assert pauses[0] >= timedelta(seconds=12)
    assert pauses[-1] >= 0.8 * MAX_DELAY


@pytest.mark.parametrize("failure", ["auth", "unmatched", "invalid"])
def test_what_waiting_does_not_mend_waits_for_a_person(failure):
    assert retry_at(failure, 1, NOW) is None


def test_a_server_is_left_alone_from_its_fifth_failure_on_for_half_a_minute_to_one():
    assert [pause_after(failures) for failures in range(DOWN_AFTER)] == [None] * 5
    pauses = [pause_after(DOWN_AFTER + more).total_seconds() for more in range(7)]
    assert pauses == [30, 60, 60, 60, 60, 60, 60]


@quickly
@given(st.integers(DOWN_AFTER, 10_000))
def test_a_server_is_never_left_alone_for_longer_than_a_minute(failures):
    assert FIRST_PAUSE <= pause_after(failures) <= pause_after(failures + 1) <= MAX_PAUSE
