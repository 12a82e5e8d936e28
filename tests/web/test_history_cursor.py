"""The written form of a place in History: read as it was written, and refused otherwise."""

from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mydia_web.errors import InvalidValue
from mydia_web.playback.history import Cursor
from mydia_web.web.history import CURSOR

ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(3000, 1, 1), timezones=ZONES)  # noqa: DTZ001


@given(st.builds(Cursor, st.none() | TIMES, st.integers(1, 10**18 - 1)))
def test_a_cursor_is_read_as_it_was_written(cursor):
    assert CURSOR.read(CURSOR.write(cursor.watched_at, cursor.play_id)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        *("", "~", "unknown", "unknown~", "unknown~x", "~5", "5", "yesterday~5", "2026-11-21~5"),
        *("2026-11-21T12:00:00~5", "2026-11-21T12:00:00+00:00", "2026-11-21T12:00:00+00:00~"),
        *(f"unknown~{2**63}", "0001-01-01T00:00:00+14:00~5", "9999-12-31T23:59:59-14:00~5"),
    ],
)
def test_a_cursor_that_leads_nowhere_is_refused(text):
    with pytest.raises(InvalidValue) as refusal:
        CURSOR.read(text)
    assert refusal.value.field == "before"


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_cursor(text):
    with suppress(InvalidValue):
        CURSOR.read(text)
