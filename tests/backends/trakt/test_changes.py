"""Reading only changes: one request without any, all where a time cannot find them."""

from datetime import UTC, datetime, timedelta

import pytest

from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import RemoteItem, RemoteState
from tests.fakes.trakt import FakeTrakt
from tests.fakes.trakt_catalogue import Movie

NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=1)
LONG_AGO = NOW - timedelta(days=30)


@pytest.fixture
def film(trakt: FakeTrakt) -> Movie:
    trakt.wall = lambda: NOW
    return trakt.add_movie("Sintel", minutes=100)


def changed(backend: Trakt) -> list[RemoteItem] | None:
    pages = backend.changes(SINCE)
    return None if pages is None else [item for page in pages for item in page.items]


def at(trakt: FakeTrakt, time: datetime) -> None:
    trakt.wall = lambda: time


def test_where_nothing_moved_one_question_is_enough(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    at(trakt, LONG_AGO)
    trakt.alice.watch(film, LONG_AGO)
    at(trakt, NOW)
    assert changed(backend) == []
    assert [exchange.path for exchange in trakt.exchanges] == ["/sync/last_activities"]


def test_an_account_that_never_did_anything_has_no_news(backend: Trakt, film: Movie) -> None:
    assert changed(backend) == []


def test_a_new_play_comes_with_those_before(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    other = trakt.add_movie("Other")
    for time in (LONG_AGO, NOW):
        at(trakt, time)
        trakt.alice.watch(film if time == NOW else other, time)
    trakt.alice.watch(film, LONG_AGO)
    found = changed(backend)
    assert found
    assert [(item.title, item.state) for item in found] == [
        ("Sintel", RemoteState(watched=True, position_ms=0, play_count=2, last_played_at=NOW))
    ]


def test_a_pause_comes_with_the_plays_before(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    other = trakt.add_movie("Other")
    at(trakt, LONG_AGO)
    trakt.alice.watch(film, LONG_AGO)
    trakt.alice.pause(other, 10, LONG_AGO)
    at(trakt, NOW)
    trakt.alice.pause(film, 50, NOW)
    found = changed(backend)
    assert found
    assert [(item.title, item.state) for item in found] == [
        (
            "Sintel",
            RemoteState(watched=True, position_ms=50 * 60_000, play_count=1, last_played_at=NOW),
        )
    ]
    assert not [one for one in trakt.exchanges if "episodes" in one.path]


def test_a_pause_of_something_never_played_comes_with_its_title(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.pause(film, 50, NOW)
    found = changed(backend)
    assert found
    assert (found[0].title, found[0].runtime_seconds) == ("Sintel", 6000)


def test_episodes_and_films_are_told_apart(trakt: FakeTrakt, backend: Trakt, film: Movie) -> None:
    episode = trakt.add_episode(trakt.add_show("Harbour Lights"), 1, 1)
    trakt.alice.watch(episode, NOW)
    trakt.alice.watch(film, NOW)
    found = changed(backend)
    assert found
    assert [item.remote_id for item in found] == ["movie:1", "episode:1"]


def test_a_removal_is_in_no_list_so_all_is_to_be_read(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.watch(film, LONG_AGO)
    trakt.alice.unwatch(film)
    assert changed(backend) is None


def test_a_play_of_long_ago_that_was_added_now_is_not_missed(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    trakt.alice.watch(film, LONG_AGO)
    assert changed(backend) is None


def test_after_many_changes_all_is_to_be_read(
    trakt: FakeTrakt, backend: Trakt, film: Movie
) -> None:
    for number in range(51):
        trakt.alice.watch(trakt.add_movie(f"Film {number}"), NOW)
    assert changed(backend) is None
    assert len(trakt.exchanges) < 5


@pytest.mark.parametrize("reads_time", [True, False])
def test_what_was_played_just_before_is_read_again(
    trakt: FakeTrakt, backend: Trakt, film: Movie, reads_time: bool
) -> None:
    trakt.routes.habits.reads_time = reads_time
    just_before = SINCE - timedelta(minutes=30)
    at(trakt, just_before)
    trakt.alice.watch(film, just_before)
    found = changed(backend)
    assert found
    assert found[0].title == "Sintel"
