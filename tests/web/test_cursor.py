"""Cursors: what one page writes into the address of the next, and what is read there."""

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from mydia_web.errors import InvalidValue
from mydia_web.web import history, library, watch
from mydia_web.web.queue import board

EVENING = datetime(2026, 11, 21, 20, 4, 5, 123456, tzinfo=UTC)
TIME = "2026-11-21T20:04:05.123456+00:00"

CURSORS = {
    "history": history.CURSOR,
    "library": library.CURSOR,
    "queue": board.CURSOR,
    "watch": watch.CURSOR,
}


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("history", (EVENING, 46), f"{TIME}~46"),
        ("history", (None, 46), "unknown~46"),
        ("watch", (EVENING, "movie", 7), f"{TIME}~movie~7"),
        ("watch", (EVENING, "episode", 7), f"{TIME}~episode~7"),
        ("library", (12, "low tide"), "12~low tide"),
        ("library", (12, "a_title~of_all"), "12~a_title~of_all"),
        ("library", (12, ""), "12~"),
        ("queue", (EVENING, 191), f"{TIME}~191"),
    ],
)
def test_a_cursor_is_read_as_it_was_written(name, values, text):
    cursor = CURSORS[name]
    assert cursor.write(*values) == text
    assert cursor.read(text) == cursor.place(*values)


@pytest.mark.parametrize(
    ("name", "text", "values"),
    [
        ("library", "12_low tide", (12, "low tide")),
        ("library", "12_a_title~of_all", (12, "a_title~of_all")),
        ("queue", f"{TIME}_191", (EVENING, 191)),
    ],
)
def test_addresses_of_earlier_versions_are_read(name, text, values):
    assert CURSORS[name].read(text) == CURSORS[name].place(*values)


@pytest.mark.parametrize("name", ["history", "queue"])
def test_a_time_may_be_in_any_zone(name):
    abroad = EVENING.astimezone(timezone(timedelta(hours=5)))
    cursor = CURSORS[name]
    assert cursor.read(cursor.write(abroad, 7)) == cursor.place(EVENING, 7)


BAD_TIMES = [
    *("", "yesterday", "2026-11-21", "2026-11-21T12:00:00"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
]
BAD_IDS = ["", "x", "-1", "²", "1" * 19, str(2**63)]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *(("history", text) for text in ("", "~", "5", "unknown", TIME, f"{TIME}~5~5")),
        *(("history", f"{at}~5") for at in BAD_TIMES),
        *(("history", f"unknown~{number}") for number in BAD_IDS),
        *(("watch", text) for text in ("", TIME, f"{TIME}~7", "unknown~movie~7")),
        *(("watch", f"{at}~movie~7") for at in BAD_TIMES),
        *(("watch", f"{TIME}~movie~{number}") for number in BAD_IDS),
        *(("watch", f"{TIME}~{kind}~7") for kind in ("", "show", "MOVIE")),
        *(("library", text) for text in ("", "x", "12")),
        *(("library", f"{number}~title") for number in BAD_IDS),
        *(("queue", text) for text in ("", TIME, "unknown~5")),
        *(("queue", f"{at}~5") for at in BAD_TIMES),
        *(("queue", f"{TIME}~{number}") for number in BAD_IDS),
    ],
)
def test_a_cursor_that_leads_nowhere_is_refused(name, text):
    with pytest.raises(InvalidValue) as refusal:
        CURSORS[name].read(text)
    assert refusal.value.field == CURSORS[name].parameter
    assert refusal.value.message == CURSORS[name].error


@given(st.sampled_from(sorted(CURSORS)), st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_cursor(name, text):
    with suppress(InvalidValue):
        CURSORS[name].read(text)


@pytest.mark.parametrize("name", CURSORS)
def test_an_address_without_a_cursor_asks_for_the_first_page(app: Flask, name):
    for address in ("/", f"/?{CURSORS[name].parameter}="):
        with app.test_request_context(address):
            assert CURSORS[name].asked() is None
