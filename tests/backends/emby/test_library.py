"""Reading an Emby's library, what has changed in it, its people and what is being played."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.emby import Emby
from mydia_web.backends.errors import NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.mediabrowser import listing
from mydia_web.backends.values import (
    LibraryPage,
    Playing,
    RemoteItem,
    RemoteLibrary,
    RemoteShow,
    RemoteState,
    RemoteUser,
)
from tests.backends.emby.bench import EmbyBench
from tests.backends.mediabrowser.bench import target
from tests.fakes.emby import FakeEmby
from tests.fakes.mediabrowser_library import Person

EARLIER = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)
NOW = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)


def items(backend: Emby) -> list[RemoteItem]:
    return [item for page in backend.library() for item in page.items]


def changed(backend: Emby, since: datetime) -> dict[str, RemoteState | None]:
    return {item.title: item.state for page in backend.changes(since) for item in page.items}


def picture(title_id: str, tag: str) -> str:
    return f"Items/{title_id}/Images/Primary?tag={tag}&maxWidth=960&quality=90"


def test_a_film_comes_with_its_ids_its_file_and_its_state(
    emby: FakeEmby, backend: Emby, alice: Person
) -> None:
    film = emby.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587", tmdb="45745")
    emby.watch(alice, film, EARLIER)
    film.state(alice.id).position = 3_000_000_000
    assert items(backend) == [
        RemoteItem(
            remote_id=film.id,
            kind="movie",
            title="Sintel",
            external_ids={"imdb": "tt1727587", "tmdb": "45745"},
            year=2010,
            runtime_seconds=900,
            path=film.path,
            artwork_url=picture(film.id, film.picture_tag),
            state=RemoteState(
                watched=True, position_ms=300_000, play_count=1, last_played_at=EARLIER
            ),
        )
    ]


def test_an_episode_comes_with_its_show(emby: FakeEmby, backend: Emby) -> None:
    show = emby.add_show("Harbour Lights", year=2019, tvdb="990001")
    emby.add_episode(show, 0, 0, "Behind the lights", tvdb="991000", minutes=25, through=1)
    (episode,) = items(backend)
    poster = picture(show.id, show.picture_tag)
    assert episode.show == RemoteShow(
        title="Harbour Lights", year=2019, external_ids={"tvdb": "990001"}, artwork_url=poster
    )
    assert (episode.season_number, episode.episode_number, episode.further_episodes) == (0, 0, (1,))
    assert (episode.title, episode.external_ids) == ("Behind the lights", {"tvdb": "991000"})
    assert (episode.air_date, episode.runtime_seconds) == (date(2019, 3, 1), 1500)


def test_an_episode_that_is_only_announced_is_left_out(emby: FakeEmby, backend: Emby) -> None:
    emby.add_episode(emby.add_show("Harbour Lights"), 1, 1, broken={"LocationType": "Virtual"})
    (page,) = backend.library()
    assert (page.items, page.done, page.problems) == ([], 1, [])


def test_ten_thousand_titles_take_21_requests(emby: FakeEmby, backend: Emby) -> None:
    for number in range(10_000):
        emby.add_movie(f"Film {number}")
    assert sum(len(page.items) for page in backend.library()) == 10_000
    assert len(emby.told()) == 21
    emby.exchanges.clear()  # checking them against the description takes a minute


def test_an_empty_library_says_so(backend: Emby) -> None:
    assert list(backend.library()) == [LibraryPage(items=[], done=0, total=0, problems=[])]


@pytest.mark.parametrize(
    "broken", [{"Name": None}, {"UserData": {"Played": "x"}}, {"Type": "Trailer"}, {"Id": 7}]
)
def test_one_strange_entry_spoils_nothing_else(
    emby: FakeEmby, backend: Emby, broken: dict[str, Any]
) -> None:
    emby.add_movie("Before")
    emby.add_movie("Strange", broken=broken)
    emby.add_movie("After")
    pages = list(backend.library())
    assert [item.title for page in pages for item in page.items] == ["Before", "After"]
    assert len([problem for page in pages for problem in page.problems]) == 1
    emby.exchanges.clear()


def test_a_film_that_goes_while_we_read_spoils_the_reading(
    emby: FakeEmby, backend: Emby, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    films = [emby.add_movie(f"Film {number}") for number in range(3)]
    pages = backend.library()
    next(pages)
    emby.remove(films[0])
    with pytest.raises(ServerTrouble, match="It will be read again"):
        list(pages)


def test_only_the_chosen_libraries_are_read(emby: FakeEmby, bench: EmbyBench) -> None:
    emby.add_movie("Sintel")
    other = emby.add_place("More films", "movies")
    emby.add_movie("Caminandes", place=other)
    base = bench.connection()
    chosen = frozenset({other.id})
    backend = Emby(replace(base, library_ids=chosen))
    assert [item.title for item in items(backend)] == ["Caminandes"]
    backend.close()


def test_only_what_has_changed_since_is_read_unwatching_included(
    emby: FakeEmby, backend: Emby, alice: Person
) -> None:
    old, watched, unwatched, stopped = (
        emby.add_movie(name) for name in ("Old", "Watched", "Unwatched", "Stopped")
    )
    emby.add_movie("Never touched")
    emby.now = lambda: NOW - timedelta(days=1)
    for film in (old, unwatched):
        emby.watch(alice, film, EARLIER)
    emby.now = lambda: NOW
    emby.watch(alice, watched, EARLIER)
    emby.unwatch(alice, unwatched)
    emby.stop(alice, stopped, 60_000, EARLIER)
    assert changed(backend, NOW - timedelta(minutes=5)) == {
        "Watched": RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=EARLIER),
        "Unwatched": RemoteState(watched=False),
        "Stopped": RemoteState(
            watched=False, position_ms=60_000, play_count=1, last_played_at=EARLIER
        ),
    }


def test_a_clock_that_goes_wrong_by_half_an_hour_hides_no_change(
    emby: FakeEmby, backend: Emby, alice: Person
) -> None:
    emby.now = lambda: NOW - timedelta(minutes=30)
    emby.watch(alice, emby.add_movie("Sintel"), EARLIER)
    assert set(changed(backend, NOW)) == {"Sintel"}


def test_of_shows_only_those_are_read_whose_episodes_have_changed(
    emby: FakeEmby, backend: Emby, alice: Person
) -> None:
    emby.now = lambda: NOW
    shows = [
        emby.add_show(name, tvdb=str(990_001 + number))
        for number, name in enumerate(("One", "Two"))
    ]
    episodes = [emby.add_episode(show, 1, 1) for show in shows]
    emby.watch(alice, episodes[1], EARLIER)
    (page,) = backend.changes(NOW)
    assert [item.show and item.show.external_ids for item in page.items] == [{"tvdb": "990002"}]
    asked = [request.asked("Ids") for request in emby.news()]
    assert asked == ["", shows[1].id]


def test_nothing_new_takes_one_request(emby: FakeEmby, backend: Emby) -> None:
    emby.add_movie("Sintel")
    assert [page.items for page in backend.changes(NOW)] == [[]]
    assert len(emby.told()) == 1


def test_the_state_of_one_title_takes_one_request(
    emby: FakeEmby, backend: Emby, alice: Person
) -> None:
    film = emby.add_movie("Sintel")
    emby.watch(alice, film, EARLIER)
    assert backend.state(target(film)) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=EARLIER
    )
    assert len(emby.told()) == 1
    emby.remove(film)
    with pytest.raises(NotOnServer):
        backend.state(target(film))


def test_everyone_is_shown_to_an_administrator_and_who_is_public_to_others(
    emby: FakeEmby, backend: Emby, alice: Person, admin: Person
) -> None:
    everyone = [RemoteUser(alice.id, "alice"), RemoteUser(admin.id, "root")]
    assert backend.users() == everyone
    assert [line.rpartition("/")[2] for line in emby.told()] == ["Query", "Public"]
    alice.is_admin = True
    assert backend.users() == everyone
    assert [line.rpartition("/")[2] for line in emby.told()] == ["Query"]


def test_the_libraries_are_those_of_films_and_shows(emby: FakeEmby, backend: Emby) -> None:
    emby.add_place("Records", "music")
    mixed = emby.add_place("All sorts")
    assert backend.libraries() == [
        RemoteLibrary(emby.films.id, "Films"),
        RemoteLibrary(emby.shows.id, "Shows"),
        RemoteLibrary(mixed.id, "All sorts"),
    ]


def test_what_is_being_played_is_told(emby: FakeEmby, backend: Emby, alice: Person) -> None:
    item = {"Id": "4916", "Type": "Movie", "Name": "Sintel", "RunTimeTicks": 9_000_000_000}
    play = {"PositionTicks": 600_000_000, "IsPaused": True}
    told = {
        "Id": "s1",
        "UserId": alice.id,
        "DeviceName": "Phone",
        "NowPlayingItem": item,
        "PlayState": play,
    }
    emby.sessions = [told, {"Id": "s2", "DeviceName": "Idle"}]
    assert backend.playing() == [
        Playing(
            remote_id="4916",
            title="Sintel",
            remote_user_id=alice.id,
            position_ms=60_000,
            duration_ms=900_000,
            paused=True,
            device="Phone",
        )
    ]


def test_pictures_are_fetched_and_nothing_else_is(emby: FakeEmby, backend: Emby) -> None:
    film = emby.add_movie("Sintel")
    (item,) = items(backend)
    assert backend.artwork(item.artwork_url).content == emby.picture_of(film)
    for url in ("Users/Query", "Items/1", "Items/../Users/Query?/Images/"):
        with pytest.raises(Rejected):
            backend.artwork(url)
