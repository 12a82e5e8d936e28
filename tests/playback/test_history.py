"""History, read page by page."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import strategies as st

from mydia_web.db import db
from mydia_web.playback import history, mark_unwatched, mark_watched
from mydia_web.playback.acts import Act
from mydia_web.playback.history import Cursor, HistoryEntry, count_plays, history_of
from mydia_web.playback.models import Play

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(3000, 1, 1), timezones=ZONES)  # noqa: DTZ001


def add_plays(user, film, *times: datetime | None) -> None:
    for time in times:
        db.session.add(Play(user_id=user.id, media_item_id=film.id, watched_at=time, origin="web"))
        db.session.flush()


def pages(user, size: int) -> list[Sequence[HistoryEntry]]:
    """The whole history as the pages' links lead through it."""
    found, before = [], None
    while page := history(user.id, before=before, limit=size):
        found.append(page)
        before = Cursor(page[-1].watched_at, page[-1].play_id)
    return found


def test_the_newest_play_stands_first(alice, film, pilot):
    mark_watched(alice.id, film, at=NOON)
    mark_watched(alice.id, pilot, at=NOON - timedelta(days=1))
    first, second = history(alice.id)
    assert (first.item, first.episode, first.watched_at) == (film, None, NOON)
    assert (second.item, second.episode) == (pilot.show, pilot)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 50])
def test_pages_leave_nothing_out_and_repeat_nothing(alice, film, size):
    hours = [3, 1, 1, 1, 2, 1, 3]
    add_plays(alice, film, *(NOON - timedelta(hours=hour) for hour in hours), None, None, None)
    entries = [entry for page in pages(alice, size) for entry in page]
    assert len({entry.play_id for entry in entries}) == len(entries) == 10
    dated = [(entry.watched_at, entry.play_id) for entry in entries[:7]]
    assert dated == sorted(dated, reverse=True)
    undated = [entry.play_id for entry in entries[7:]]
    assert undated == sorted(undated, reverse=True)
    assert all(entry.watched_at is None for entry in entries[7:])


def test_a_play_that_comes_in_meanwhile_moves_no_later_page(alice, film):
    add_plays(alice, film, *(NOON - timedelta(hours=hour) for hour in range(4)))
    first = history(alice.id, limit=2)
    add_plays(alice, film, NOON + timedelta(hours=1))
    second = history(alice.id, before=Cursor(first[-1].watched_at, first[-1].play_id), limit=2)
    assert [entry.watched_at for entry in second] == [
        NOON - timedelta(hours=hour) for hour in (2, 3)
    ]


def test_microseconds_are_not_lost_between_pages(alice, film):
    add_plays(alice, film, *(NOON + timedelta(microseconds=number) for number in (1, 2, 3)))
    assert [len(page) for page in pages(alice, 1)] == [1, 1, 1]


def test_a_place_given_in_another_zone_is_the_same_place(alice, film):
    add_plays(alice, film, NOON, NOON - timedelta(minutes=1))
    [newest, _] = history(alice.id)
    abroad = Cursor(newest.watched_at.astimezone(timezone(timedelta(hours=5))), newest.play_id)
    assert len(history(alice.id, before=abroad)) == 1


def test_plays_outlive_the_mark(alice, film):
    mark_watched(alice.id, film)
    mark_unwatched(alice.id, film)
    assert [entry.item for entry in history(alice.id)] == [film]


def test_a_play_says_where_it_came_from(alice, film, server):
    with Act(alice.id, "pull", source_id=server.id) as act:
        act.mark_watched(film)
    [entry] = history(alice.id)
    assert (entry.origin, entry.source_name) == ("pull", "Living room")


def test_everyone_has_a_history_of_their_own(alice, bob, film, pilot):
    mark_watched(alice.id, film)
    mark_watched(bob.id, pilot)
    assert [entry.item for entry in history(alice.id)] == [film]
    assert (count_plays(alice.id), count_plays(bob.id)) == (1, 1)


def test_the_plays_of_one_title_end_with_those_of_unknown_date(alice, film, pilot):
    add_plays(alice, film, NOON - timedelta(days=1), None, NOON)
    mark_watched(alice.id, pilot)
    times = [entry.watched_at for entry in history_of(alice.id, film)]
    assert times == [NOON, NOON - timedelta(days=1), None]
    assert [entry.episode for entry in history_of(alice.id, pilot)] == [pilot]
