"""What changed since: the newest plays and positions, and the newest titles; what moves no date is
not among them.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.errors import ServerTrouble
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.mediabrowser import listing
from mydia_web.backends.values import RemoteItem, RemoteState
from tests.backends.jellyfin.bench import JellyfinBench
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person, Place

SINCE = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AFTER, LONG_BEFORE = SINCE + timedelta(minutes=10), SINCE - timedelta(days=3)


@pytest.fixture
def page_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "NEWEST", 2)


@pytest.fixture
def chosen(bench: JellyfinBench, jellyfin: FakeJellyfin) -> Iterator[tuple[Jellyfin, Place, Place]]:
    """A client that reads two of three libraries."""
    other = jellyfin.add_place("More films", "movies")
    ids = frozenset({other.id, jellyfin.shows.id})
    backend = Jellyfin(replace(bench.connection(), library_ids=ids))
    yield backend, other, jellyfin.shows
    backend.close()


def changed(backend: Jellyfin, since: datetime = SINCE) -> list[RemoteItem]:
    return [item for page in backend.changes(since) for item in page.items]


def orders(jellyfin: FakeJellyfin) -> list[tuple[str, int]]:
    """How the listings were asked for since the last call, after the one question for what is under
    way.
    """
    first, *others = jellyfin.news()
    assert first.path == "/UserItems/Resume"
    return [(one.listed("sortBy")[0], one.number("startIndex", -1)) for one in others]


def titles(backend: Jellyfin) -> list[str]:
    return [item.title for item in changed(backend)]


def test_plays_and_positions_are_changes_and_old_ones_are_not(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    played, stopped, old, _ = (
        jellyfin.add_movie(name) for name in ("Played", "Stopped", "Old", "Never played")
    )
    jellyfin.watch(alice, played, AFTER)
    jellyfin.stop(alice, stopped, 60_000, AFTER + timedelta(minutes=1))
    jellyfin.watch(alice, old, LONG_BEFORE)
    assert {item.title: item.state for item in changed(backend)} == {
        "Stopped": RemoteState(
            watched=False,
            position_ms=60_000,
            play_count=1,
            last_played_at=AFTER + timedelta(minutes=1),
        ),
        "Played": RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=AFTER),
    }


def test_a_play_that_began_long_before_is_a_change(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    """Jellyfin dates it by its start; it may have been stopped just now."""
    jellyfin.watch(alice, jellyfin.add_movie("The Long Orbit"), SINCE - timedelta(hours=11))
    assert titles(backend) == ["The Long Orbit"]


def test_a_title_that_comes_new_is_a_change(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    for name, created in (
        ("Old", LONG_BEFORE),
        ("New", AFTER),
        ("A day on its way", SINCE - timedelta(1)),
    ):
        jellyfin.add_movie(name).created = created
    assert titles(backend) == ["New", "A day on its way"]


def test_a_changed_episode_comes_with_the_ids_of_its_show(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    shows = [
        jellyfin.add_show(name, tvdb=f"99000{number}") for number, name in enumerate(("One", "Two"))
    ]
    for show in shows:
        episode = jellyfin.add_episode(show, 1, 1)
    jellyfin.watch(alice, episode, AFTER)
    (item,) = changed(backend)
    assert item.show
    assert item.show.external_ids == {"tvdb": "990001"}
    listings = [request for request in jellyfin.news() if request.path == "/Items"]
    assert [request.listed("ids") for request in listings] == [[], [shows[1].id], []]


def test_what_is_new_and_played_comes_once(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    film = jellyfin.add_movie("Sintel")
    film.created = AFTER
    jellyfin.watch(alice, film, AFTER)
    pages = list(backend.changes(SINCE))
    assert [(len(page.items), page.done) for page in pages] == [(1, 1), (0, 1)]


def test_without_news_there_are_three_requests_however_many_titles_there_are(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    for number in range(300):
        jellyfin.watch(
            alice, jellyfin.add_movie(f"Film {number}"), LONG_BEFORE - timedelta(hours=number)
        )
    show = jellyfin.add_show("Harbour Lights")
    for number in range(20):
        jellyfin.add_episode(show, 1, number)
    assert changed(backend) == []
    assert orders(jellyfin) == [("DatePlayed", 0), ("DateCreated", 0)]
    assert jellyfin.told() == []


@pytest.mark.usefixtures("page_of_two")
def test_more_than_a_page_is_read_page_by_page_until_one_shows_what_is_old(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    for number in range(9):
        film = jellyfin.add_movie(f"Film {number}")
        jellyfin.watch(alice, film, AFTER - timedelta(days=number // 5, seconds=number))
    assert titles(backend) == [f"Film {number}" for number in range(5)]
    assert orders(jellyfin) == [
        ("DatePlayed", 0),
        ("DatePlayed", 2),
        ("DatePlayed", 4),
        ("DateCreated", 0),
    ]


@pytest.mark.usefixtures("page_of_two")
def test_what_is_played_while_we_read_hides_nothing(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    for number in range(4):
        jellyfin.watch(
            alice, jellyfin.add_movie(f"Film {number}"), AFTER - timedelta(seconds=number)
        )
    pages = backend.changes(SINCE)
    found = [item.title for item in next(pages).items]
    jellyfin.watch(alice, jellyfin.add_movie("Just now"), AFTER + timedelta(hours=1))
    found += [item.title for page in pages for item in page.items]
    assert found == ["Film 0", "Film 1", "Film 2", "Film 3"]


@pytest.mark.usefixtures("page_of_two")
def test_a_server_that_gives_the_same_page_for_ever_is_not_asked_for_ever(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    told = [
        f'{{"Id": "{number:032}", "Type": "Movie", "Name": "Film {number}", "DateCreated": '
        f'"2026-11-21T00:00:00Z", '
        '"UserData": {"Played": true, "LastPlayedDate": "2026-11-21T00:00:00Z", "Key": "k"}}'
        for number in (1, 2)
    ]
    answer = f'{{"Items": [{", ".join(told)}], "TotalRecordCount": 0}}'
    jellyfin.fail_next(200, answer, content_type="application/json", times=99, path="/Items")
    assert titles(backend) == ["Film 1", "Film 2"]
    assert len(jellyfin.news()) == 5


@pytest.mark.usefixtures("page_of_two")
@pytest.mark.parametrize("date", [None, "", "yesterday", "0001-01-01T00:00:00.0000000Z", 5])
def test_what_has_no_date_does_no_harm(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, date: object
) -> None:
    strange: dict[str, Any] = {
        "DateCreated": date,
        "UserData": {"Played": True, "LastPlayedDate": date},
    }
    jellyfin.watch(
        alice, jellyfin.add_movie("Strange", broken=strange), AFTER + timedelta(minutes=1)
    )
    for number in range(3):
        jellyfin.watch(
            alice, jellyfin.add_movie(f"Film {number}"), AFTER - timedelta(minutes=number)
        )
    assert titles(backend) == ["Film 0", "Film 1", "Film 2"]
    jellyfin.exchanges.clear()  # it is not as Jellyfin describes it


@pytest.mark.parametrize("answer", ["[]", "{}", '{"Items": {}}', "<html>"])
@pytest.mark.parametrize("path", ["/Items", "/UserItems/Resume"])
def test_what_is_no_listing_is_never_taken_for_no_news(
    jellyfin: FakeJellyfin, backend: Jellyfin, answer: str, path: str
) -> None:
    jellyfin.fail_next(200, answer, content_type="application/json", path=path)
    with pytest.raises(ServerTrouble):
        changed(backend)


def test_only_the_chosen_libraries_are_asked_for(
    jellyfin: FakeJellyfin, chosen: tuple[Jellyfin, Place, Place], alice: Person
) -> None:
    backend, films, shows = chosen
    assert changed(backend) == []
    # Two for each, and what is under way.
    assert len(jellyfin.told()) == 5
    jellyfin.watch(alice, jellyfin.add_movie("Sintel"), AFTER)
    jellyfin.watch(alice, jellyfin.add_movie("Caminandes", place=films), AFTER)
    episode = jellyfin.add_episode(jellyfin.add_show("Harbour Lights", place=shows), 1, 1, "Pilot")
    episode.created = AFTER
    assert set(titles(backend)) == {"Caminandes", "Pilot"}


def test_the_plays_of_others_are_not_ours(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    jellyfin.watch(jellyfin.add_person("bob"), jellyfin.add_movie("Sintel"), AFTER)
    assert titles(backend) == []


def test_what_moves_no_date_is_found_by_reading_everything(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    """A mark that is taken away, and one on what was begun long ago: why `changes` alone is not
    enough.
    """
    unwatched, marked = jellyfin.add_movie("Unwatched"), jellyfin.add_movie("Marked")
    jellyfin.watch(alice, unwatched, AFTER)
    jellyfin.unwatch(alice, unwatched)
    jellyfin.stop(alice, marked, 60_000, LONG_BEFORE)
    marked.state(alice.id).played, marked.state(alice.id).position = True, 0
    assert titles(backend) == []
    states = {item.title: item.state for page in backend.library() for item in page.items}
    assert states == {
        "Unwatched": RemoteState(watched=False),
        "Marked": RemoteState(
            watched=True, position_ms=0, play_count=1, last_played_at=LONG_BEFORE
        ),
    }
