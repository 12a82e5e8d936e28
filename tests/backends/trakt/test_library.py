"""Reading the account: whole or not at all, and one bad entry spoils nothing else."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import RateLimited, ServerTrouble, Unreachable
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import RemoteItem, RemoteShow, RemoteState, Target
from tests.fakes.trakt import FakeTrakt
from tests.fakes.trakt_account import UNKNOWN
from tests.fakes.trakt_api import Reply
from tests.fakes.trakt_catalogue import Movie

SEEN = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def items(backend: Trakt) -> list[RemoteItem]:
    return [item for page in backend.library() for item in page.items]


def problems(backend: Trakt) -> list[str]:
    return [problem for page in backend.library() for problem in page.problems]


def test_a_film_comes_with_its_ids_and_its_plays(trakt: FakeTrakt, backend: Trakt) -> None:
    film = trakt.add_movie(
        "Sintel",
        minutes=15,
        imdb="tt1727587",
        tmdb=45745,
        poster="media.trakt.tv/images/movies/1.jpg.webp",
    )
    for days in (3, 0, 9):
        trakt.alice.watch(film, SEEN - days * DAY)
    assert items(backend) == [
        RemoteItem(
            remote_id="movie:1",
            kind="movie",
            title="Sintel",
            external_ids={"imdb": "tt1727587", "tmdb": "45745"},
            year=2010,
            runtime_seconds=900,
            artwork_url="https://media.trakt.tv/images/movies/1.jpg.webp",
            state=RemoteState(watched=True, position_ms=0, play_count=3, last_played_at=SEEN),
        )
    ]


def test_an_episode_comes_with_its_show(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights", imdb="tt9000001", tvdb=990001, minutes=25)
    special = trakt.add_episode(show, 0, 0, "Behind the lights", tvdb=991000, minutes=None)
    trakt.alice.watch(special, SEEN)
    (episode,) = items(backend)
    assert episode.show == RemoteShow(
        title="Harbour Lights", year=2019, external_ids={"imdb": "tt9000001", "tvdb": "990001"}
    )
    assert (episode.remote_id, episode.season_number, episode.episode_number) == ("episode:1", 0, 0)
    assert (episode.title, episode.external_ids) == ("Behind the lights", {"tvdb": "991000"})
    assert (episode.air_date, episode.runtime_seconds) == (date(2019, 3, 1), 1500)
    assert episode.artwork_url == "https://media.trakt.tv/images/episodes/1.jpg.webp"
    assert episode.state == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=SEEN
    )


def test_what_is_paused_is_listed_too(trakt: FakeTrakt, backend: Trakt) -> None:
    film = trakt.add_movie("Sintel", minutes=60)
    trakt.alice.pause(film, 41.5, SEEN)
    (item,) = items(backend)
    assert item.state == RemoteState(
        watched=False, position_ms=24 * 60_000 + 54_000, play_count=0, last_played_at=SEEN
    )


def test_what_is_paused_of_unknown_length_keeps_its_share(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights", minutes=None)
    trakt.alice.pause(trakt.add_movie("Sintel", minutes=None), 41.5, SEEN)
    trakt.alice.pause(trakt.add_episode(show, 1, 1, minutes=None), 12.25, SEEN)
    found = items(backend)
    assert [item.position_percent for item in found] == [41.5, 12.25]
    assert [item.state for item in found] == [
        RemoteState(watched=False, position_ms=0, play_count=0, last_played_at=SEEN)
    ] * 2


def test_what_is_counted_are_titles(trakt: FakeTrakt, backend: Trakt) -> None:
    for number in range(3):
        film = trakt.add_movie(f"Film {number}")
        for days in range(4):
            trakt.alice.watch(film, SEEN - days * DAY)
    episode = trakt.add_episode(trakt.add_show("Harbour Lights"), 1, 1)
    trakt.alice.watch(episode, SEEN)
    trakt.alice.pause(episode, 41.5, SEEN)
    pages = list(backend.library())
    assert (pages[-1].done, pages[-1].total) == (4, 4)
    assert [page.done for page in pages] == sorted(page.done for page in pages)


def test_an_episode_without_a_title_has_its_number(trakt: FakeTrakt, backend: Trakt) -> None:
    episode = trakt.add_episode(trakt.add_show("Harbour Lights"), 2, 5, None)
    trakt.alice.watch(episode, SEEN)
    assert items(backend)[0].title == "Episode 5"


def test_a_film_and_an_episode_of_one_number_are_two(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.alice.watch(trakt.add_movie("Sintel"), SEEN)
    trakt.alice.watch(trakt.add_episode(trakt.add_show("Harbour Lights"), 1, 1), SEEN)
    assert [item.remote_id for item in items(backend)] == ["movie:1", "episode:1"]


def test_an_empty_account_says_so(backend: Trakt) -> None:
    pages = list(backend.library())
    assert [page for page in pages if page.items or page.problems] == []
    assert (pages[-1].done, pages[-1].total) == (0, 0)


def test_ten_thousand_titles_take_few_requests(trakt: FakeTrakt, backend: Trakt) -> None:
    show = trakt.add_show("Harbour Lights")
    for number in range(5000):
        trakt.alice.watch(trakt.add_movie(f"Film {number}"), SEEN - number * timedelta(hours=1))
        trakt.alice.watch(trakt.add_episode(show, number // 20, number % 20), SEEN)
    pages = list(backend.library())
    assert len({item.remote_id for page in pages for item in page.items}) == 10_000
    assert max(len(page.items) for page in pages) == 500
    assert (pages[-1].done, pages[-1].total) == (10_000, 10_000)
    assert len(trakt.exchanges) == 42
    # Each request was checked in smaller accounts; thousands of rows take long to check.
    trakt.exchanges.clear()


def test_pages_that_are_smaller_than_asked_for_are_all_read(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    trakt.routes.habits.page = 7
    for number in range(30):
        trakt.alice.watch(trakt.add_movie(f"Film {number}"), SEEN - number * DAY)
    assert len(items(backend)) == 30


def test_a_play_that_is_removed_between_two_pages_spoils_the_reading(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    trakt.routes.habits.page = 10
    films = [trakt.add_movie(f"Film {number}") for number in range(30)]
    for number, film in enumerate(films):
        trakt.alice.watch(film, SEEN - number * DAY)
    pages = backend.library()
    next(pages)
    trakt.alice.unwatch(films[0])
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(pages)


def test_a_play_that_is_added_between_two_pages_spoils_nothing(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    trakt.routes.habits.page = 10
    films = [trakt.add_movie(f"Film {number}") for number in range(31)]
    for number, film in enumerate(films[:30]):
        trakt.alice.watch(film, SEEN - number * DAY)
    pages = backend.library()
    next(pages)
    trakt.alice.watch(films[30], SEEN + DAY)
    assert len({item.remote_id for page in pages for item in page.items}) == 30


def test_the_page_that_comes_twice_for_an_added_play_counts_no_play_twice(
    trakt: FakeTrakt, backend: Trakt
) -> None:
    trakt.routes.habits.page = 1
    first, second = (trakt.add_movie(f"Film {number}") for number in range(2))
    trakt.alice.watch(first, SEEN)
    trakt.alice.watch(first, SEEN - DAY)
    pages = backend.library()
    next(pages)
    trakt.alice.watch(second, SEEN + DAY)
    found = [item for page in pages for item in page.items]
    assert [item.state.play_count for item in found if item.state] == [2]


def test_plays_that_are_counted_and_not_listed_are_named(trakt: FakeTrakt, backend: Trakt) -> None:
    film = trakt.add_movie("Sintel")
    for days in range(3):
        trakt.alice.watch(film, SEEN - days * DAY)
    trakt.routes.habits.ghosts = 1
    assert problems(backend)[0] == "Trakt counts 4 entries and lists 3."
    assert len(items(backend)) == 1


def test_half_a_listing_is_no_listing(trakt: FakeTrakt, backend: Trakt) -> None:
    for number in range(10):
        trakt.alice.watch(trakt.add_movie(f"Film {number}"), SEEN)
    trakt.routes.habits.ghosts = 10
    with pytest.raises(ServerTrouble):
        items(backend)


def test_a_history_without_a_count_is_not_trusted(trakt: FakeTrakt, backend: Trakt) -> None:
    with trakt.answering(Reply(200, [])), pytest.raises(ServerTrouble, match="how many entries"):
        items(backend)


def test_pauses_may_come_without_a_count(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.routes.habits.counts_pauses = False
    trakt.alice.pause(trakt.add_movie("Sintel"), 40, SEEN)
    assert len(items(backend)) == 1


def test_a_failing_page_raises(trakt: FakeTrakt, backend: Trakt) -> None:
    trakt.routes.habits.page = 10
    for number in range(30):
        trakt.alice.watch(trakt.add_movie(f"Film {number}"), SEEN)
    for reply, error in (
        (Reply(502, b"<html>Bad gateway</html>", {"Content-Type": "text/html"}), ServerTrouble),
        (Reply(200, b"<html>Sign in</html>", {"Content-Type": "text/html"}), ServerTrouble),
        (Reply(200, {"error": "no"}), ServerTrouble),
        (Reply(429, None, {"Retry-After": "12"}), RateLimited),
        (Reply(404), ServerTrouble),
    ):
        pages = backend.library()
        next(pages)
        with trakt.answering(reply), pytest.raises(error):
            list(pages)
    with trakt.losing_answers(), pytest.raises(Unreachable):
        items(backend)


@pytest.mark.parametrize(
    "broken",
    [
        {"ids": {}},
        {"ids": {"trakt": 0}},
        {"ids": None},
        {"title": None},
        {"title": ""},
        {"year": "soon"},
        {"runtime": -5},
        {"images": "none"},
    ],
)
def test_one_strange_entry_becomes_a_problem(
    trakt: FakeTrakt, backend: Trakt, broken: dict[str, Any]
) -> None:
    trakt.alice.watch(trakt.add_movie("Sintel"), SEEN)
    trakt.alice.watch(trakt.add_movie("Strange", broken=broken), SEEN)
    trakt.alice.pause(trakt.movies[2], 20, SEEN + DAY)
    pages = list(backend.library())
    assert [item.title for page in pages for item in page.items] == ["Sintel"]
    assert [problem for page in pages for problem in page.problems]
    trakt.exchanges.clear()  # the entry breaks Trakt's description, as it should


@pytest.mark.parametrize(
    "broken",
    [
        {"ids": {"trakt": 2, "imdb": "949", "tmdb": 0, "tvdb": None}},
        {"ids": {"trakt": 2, "imdb": ["tt1"], "tmdb": "x"}},
        {"images": {"poster": [None]}},
        {"images": {"poster": []}},
        {"images": {"poster": "x"}},
        {"images": None, "runtime": None, "year": None},
    ],
)
def test_what_trakt_does_not_know_is_left_out(
    trakt: FakeTrakt, backend: Trakt, broken: dict[str, Any]
) -> None:
    trakt.add_movie("Sintel")
    trakt.alice.watch(trakt.add_movie("Strange", broken=broken), SEEN)
    (item,) = items(backend)
    assert (item.external_ids, item.artwork_url) == ({}, "")
    trakt.exchanges.clear()


def test_a_play_without_a_date_has_none(trakt: FakeTrakt, backend: Trakt) -> None:
    old, film = trakt.add_movie("Old"), trakt.add_movie("Sintel")
    trakt.alice.watch(old, UNKNOWN)
    for at in (UNKNOWN, SEEN):
        trakt.alice.watch(film, at)
    states = {item.title: item.state for item in items(backend)}
    assert states == {
        "Old": RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=None),
        "Sintel": RemoteState(watched=True, position_ms=0, play_count=2, last_played_at=SEEN),
    }


def test_the_state_of_one_title_is_what_the_library_says(trakt: FakeTrakt, backend: Trakt) -> None:
    film: Movie = trakt.add_movie("Sintel", minutes=90)
    trakt.alice.watch(film, SEEN)
    trakt.alice.watch(film, SEEN - DAY)
    trakt.alice.pause(film, 12.34, SEEN + DAY)
    (item,) = items(backend)
    assert backend.state(Target(remote_id="movie:1", kind="movie")) == item.state
    assert item.state == RemoteState(
        watched=True, position_ms=666_360, play_count=2, last_played_at=SEEN + DAY
    )
