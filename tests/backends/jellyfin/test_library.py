"""Reading a Jellyfin's library, its people and what is being played."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from mydia_web.backends.errors import (
    NotOnServer,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.mediabrowser import listing
from mydia_web.backends.values import (
    Connection,
    LibraryPage,
    Playing,
    RemoteItem,
    RemoteLibrary,
    RemoteShow,
    RemoteState,
    RemoteUser,
    Wanted,
)
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import Device, FakeJellyfin
from tests.fakes.mediabrowser_library import Person

EARLIER = datetime(2026, 1, 2, 3, 4, 5, 678_900, tzinfo=UTC)


def items(backend: Jellyfin) -> list[RemoteItem]:
    return [item for page in backend.library() for item in page.items]


def problems(backend: Jellyfin) -> list[str]:
    return [problem for page in backend.library() for problem in page.problems]


def picture(title_id: str, tag: str) -> str:
    return f"Items/{title_id}/Images/Primary?tag={tag}&maxWidth=960&quality=90"


def test_a_film_comes_with_its_ids_its_file_and_its_state(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    film = jellyfin.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587", tmdb="45745")
    jellyfin.watch(alice, film, EARLIER)
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


def test_an_episode_comes_with_its_show(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    show = jellyfin.add_show("Harbour Lights", year=2019, tvdb="990001")
    jellyfin.add_episode(show, 0, 0, "Behind the lights", tvdb="991000", minutes=25)
    (episode,) = items(backend)
    poster = picture(show.id, show.picture_tag)
    assert episode.show == RemoteShow(
        title="Harbour Lights", year=2019, external_ids={"tvdb": "990001"}, artwork_url=poster
    )
    assert (episode.season_number, episode.episode_number) == (0, 0)
    assert (episode.title, episode.external_ids) == ("Behind the lights", {"tvdb": "991000"})
    assert (episode.air_date, episode.runtime_seconds) == (date(2019, 3, 1), 1500)
    assert episode.state == RemoteState(watched=False)


@pytest.mark.parametrize(
    ("number", "through", "further"),
    [
        (1, None, ()),
        (1, 1, ()),
        (0, 1, (1,)),
        (1, 2, (2,)),
        (3, 5, (4, 5)),
        pytest.param(3, 2, (), id="the end before the beginning"),
        pytest.param(1, -1, (), id="below nothing"),
        pytest.param(1, 20, tuple(range(2, 21)), id="twenty"),
        pytest.param(1, 720, (), id="a misread name"),
        pytest.param(None, 2, (), id="no beginning"),
    ],
)
def test_a_file_of_several_episodes_is_its_first_one_with_the_numbers_of_the_others(
    jellyfin: FakeJellyfin,
    backend: Jellyfin,
    number: int | None,
    through: int | None,
    further: tuple[int, ...],
) -> None:
    show = jellyfin.add_show("Harbour Lights")
    jellyfin.add_episode(show, 1, number, through=through)
    (episode,) = items(backend)
    assert (episode.season_number, episode.episode_number, episode.further_episodes) == (
        1,
        number,
        further,
    )


def test_an_episode_without_numbers_has_none(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    jellyfin.add_episode(jellyfin.add_show("Harbour Lights"), None, None)
    (episode,) = items(backend)
    assert (episode.season_number, episode.episode_number) == (None, None)


def test_an_episode_of_a_show_that_is_not_listed_keeps_its_name(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    show = jellyfin.add_show("Harbour Lights")
    jellyfin.add_episode(show, 1, 1)
    jellyfin.remove(show)
    (episode,) = items(backend)
    assert episode.show == RemoteShow(title="Harbour Lights")


def test_copies_in_several_libraries_are_listed_apart_and_versions_as_one(
    bench: JellyfinBench, jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    copies = bench.add_movie("Sintel", copies=2)
    film = jellyfin.add_movie("Caminandes", versions=2)
    assert [item.remote_id for item in items(backend)] == [
        *(copy.remote_id for copy in copies),
        film.id,
    ]


def test_a_play_count_is_no_mark(jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person) -> None:
    film = jellyfin.add_movie("Sintel", minutes=15)
    jellyfin.stop(alice, film, 60_000, EARLIER)
    assert items(backend)[0].state == RemoteState(
        watched=False, position_ms=60_000, play_count=1, last_played_at=EARLIER
    )


def test_pages_are_counted_and_no_title_comes_twice(
    jellyfin: FakeJellyfin, backend: Jellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(5):
        jellyfin.add_movie(f"Film {number}")
    pages = list(backend.library())
    assert [(page.done, page.total) for page in pages] == [(2, 5), (4, 5), (5, 5)]
    assert len({item.remote_id for page in pages for item in page.items}) == 5
    listings = [request for request in jellyfin.requests if request.path == "/Items"]
    counted = [request.asked("enableTotalRecordCount") for request in listings]
    assert counted == ["true", "true", "false", "false"]


def test_ten_thousand_titles_take_22_requests(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    for number in range(10_000):
        jellyfin.add_movie(f"Film {number}")
    assert sum(len(page.items) for page in backend.library()) == 10_000
    assert len(jellyfin.told()) == 22
    jellyfin.exchanges.clear()  # checking them against the description takes a minute


def test_an_empty_library_says_so(backend: Jellyfin) -> None:
    assert list(backend.library()) == [LibraryPage(items=[], done=0, total=0, problems=[])]


def test_a_page_that_fails_ends_the_listing_with_an_error(
    jellyfin: FakeJellyfin, backend: Jellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(3):
        jellyfin.add_movie(f"Film {number}")
    pages = backend.library()
    next(pages)
    jellyfin.close()
    with pytest.raises(Unreachable):
        next(pages)


@pytest.mark.parametrize(
    "answer",
    [
        "[]",
        "{}",
        '{"Items": []}',
        '{"Items": {}, "TotalRecordCount": 0}',
        '{"Items": [], "TotalRecordCount": "3"}',
    ],
)
@pytest.mark.parametrize("times", [1, 2])
def test_what_is_no_listing_is_never_an_empty_library(
    jellyfin: FakeJellyfin, backend: Jellyfin, answer: str, times: int
) -> None:
    jellyfin.fail_next(200, answer, content_type="application/json", times=times)
    with pytest.raises(ServerTrouble):
        list(backend.library())


def test_titles_that_were_counted_and_do_not_come_are_no_empty_library(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    shows = '{"Items": [], "TotalRecordCount": 0}'
    films = '{"Items": [], "TotalRecordCount": 3}'
    jellyfin.fail_next(200, shows, content_type="application/json")
    jellyfin.fail_next(200, films, content_type="application/json", path="/Items", times=2)
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(backend.library())


def test_a_film_that_goes_while_we_read_spoils_the_reading(
    jellyfin: FakeJellyfin, backend: Jellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    films = [jellyfin.add_movie(f"Film {number}") for number in range(3)]
    pages = backend.library()
    next(pages)
    jellyfin.remove(films[0])
    with pytest.raises(ServerTrouble, match="It will be read again"):
        list(pages)


def test_a_film_that_comes_while_we_read_is_no_trouble(
    jellyfin: FakeJellyfin, backend: Jellyfin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    for number in range(3):
        jellyfin.add_movie(f"Film {number}")
    pages = backend.library()
    seen = len(next(pages).items)
    jellyfin.add_movie("New")
    assert seen + sum(len(page.items) for page in pages) == 4


def test_a_count_that_is_always_wrong_is_said_and_not_fatal(
    jellyfin: FakeJellyfin, backend: Jellyfin, bench: JellyfinBench
) -> None:
    film = jellyfin.add_movie("Sintel")
    entry = (
        f'{{"Items": [{{"Id": "{film.id}", "Type": "Movie", "Name": "Sintel"}}], '
        '"TotalRecordCount": 2}'
    )
    jellyfin.fail_next(200, '{"Items": [], "TotalRecordCount": 0}', content_type="application/json")
    jellyfin.fail_next(200, entry, content_type="application/json", times=3, path="/Items")
    pages = list(backend.library())
    assert [item.title for page in pages for item in page.items] == ["Sintel"]
    assert [problem for page in pages for problem in page.problems] == [
        "Jellyfin counts 2 titles, but listed 1."
    ]


def test_an_entry_without_state_is_not_unwatched(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    jellyfin.add_movie("Sintel", broken={"UserData": None})
    assert items(backend)[0].state is None
    jellyfin.exchanges.clear()


@pytest.mark.parametrize(
    "broken",
    [
        {"Name": ""},
        {"Name": None},
        {"Name": ["Sintel"]},
        {"Id": 5},
        {"Id": None},
        {"Type": "Trailer"},
        {"RunTimeTicks": "long"},
        {"RunTimeTicks": 1e300},
        {"ProviderIds": "tt1"},
        {"UserData": {}},
        {"UserData": {"Played": "perhaps"}},
        {"UserData": {"Played": True, "PlaybackPositionTicks": 2**70}},
        {"UserData": {"Played": True, "PlayCount": 2**40}},
        {"ProductionYear": "MMX"},
    ],
)
def test_one_strange_entry_spoils_nothing_else(
    jellyfin: FakeJellyfin, backend: Jellyfin, broken: dict[str, Any]
) -> None:
    jellyfin.add_movie("Before")
    jellyfin.add_movie("Strange", broken=broken)
    jellyfin.add_movie("After")
    pages = list(backend.library())
    assert [item.title for page in pages for item in page.items] == ["Before", "After"]
    assert len([problem for page in pages for problem in page.problems]) == 1
    jellyfin.exchanges.clear()


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ("0001-01-01T00:00:00.0000000Z", None),
        ("1970-01-01T00:00:00.0000000Z", None),
        ("yesterday", None),
        ("", None),
        (None, None),
        ("9999-12-31T23:59:59.9999999-05:00", None),
        ("2026-01-02T03:04:05.1234567Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T04:04:05+01:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
    ],
)
def test_a_date_is_an_instant_or_nothing(
    jellyfin: FakeJellyfin, backend: Jellyfin, told: str | None, read: datetime | None
) -> None:
    data = {"Played": True, "LastPlayedDate": told, "Key": "k"}
    jellyfin.add_movie("Sintel", broken={"UserData": data})
    state = items(backend)[0].state
    assert state is not None
    assert state.last_played_at == read
    jellyfin.exchanges.clear()


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"Imdb": "tt1", "Tmdb": "2", "Tvdb": "3"}, {"imdb": "tt1", "tmdb": "2", "tvdb": "3"}),
        ({"IMDB": " tt1 ", "tmdb": "02"}, {"imdb": "tt1", "tmdb": "2"}),
        ({"Imdb": "1", "Tmdb": "0", "Tvdb": "-1"}, {}),
        ({"TmdbCollection": "5", "Zap2It": "x"}, {}),
        ({"Imdb": None, "Tmdb": ""}, {}),
    ],
)
def test_ids_are_kept_only_where_their_number_means_something(
    jellyfin: FakeJellyfin, backend: Jellyfin, told: dict[str, str | None], read: dict[str, str]
) -> None:
    jellyfin.add_movie("Sintel", broken={"ProviderIds": told})
    assert items(backend)[0].external_ids == read


def test_only_the_chosen_libraries_are_read(jellyfin: FakeJellyfin, bench: JellyfinBench) -> None:
    jellyfin.add_movie("Sintel")
    other = jellyfin.add_place("More films", "movies")
    jellyfin.add_movie("Caminandes", place=other)
    jellyfin.add_episode(jellyfin.add_show("Harbour Lights"), 1, 1)
    base = bench.connection()
    chosen = frozenset({other.id, jellyfin.shows.id})
    backend = Jellyfin(replace(base, library_ids=chosen))
    pages = list(backend.library())
    assert {item.title for page in pages for item in page.items} == {
        "Caminandes",
        "Part 1 of season 1",
    }
    assert [(page.done, page.total) for page in pages] == [(1, 2), (2, 2)]


def test_the_state_of_one_title_takes_one_request(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    film = jellyfin.add_movie("Sintel")
    jellyfin.watch(alice, film, EARLIER)
    assert backend.state(target(film)) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=EARLIER
    )
    assert jellyfin.told() == ["GET /Items"]
    film.hidden_from.add(alice.id)
    with pytest.raises(NotOnServer):
        backend.state(target(film))


def test_the_people_are_those_who_may_sign_in(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    bob = jellyfin.add_person("bob")
    jellyfin.add_person("carol", is_disabled=True)
    assert backend.users() == [RemoteUser(alice.id, "alice"), RemoteUser(bob.id, "bob")]


def test_a_strange_person_hides_no_other(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    told = '[3, {"Name": "nobody"}, {"Id": "b", "Name": "bob"}]'
    jellyfin.fail_next(200, told, content_type="application/json")
    assert backend.users() == [RemoteUser("b", "bob")]


def test_the_libraries_are_those_of_films_and_shows(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    jellyfin.add_place("Records", "music")
    mixed = jellyfin.add_place("All sorts")
    assert backend.libraries() == [
        RemoteLibrary(jellyfin.films.id, "Films"),
        RemoteLibrary(jellyfin.shows.id, "Shows"),
        RemoteLibrary(mixed.id, "All sorts"),
    ]


def test_what_is_being_played_is_told(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    show = jellyfin.add_show("Harbour Lights")
    episode = jellyfin.add_episode(show, 1, 1, "Pilot", minutes=25)
    jellyfin.devices[alice.id, "tv"] = Device(
        "tv", "Living room TV", "Jellyfin Web", alice.id, episode.id, 600_000_000, paused=True
    )
    jellyfin.devices[alice.id, "phone"] = Device("phone", "Phone", "Jellyfin Android", alice.id)
    assert backend.playing() == [
        Playing(
            remote_id=episode.id,
            title="Harbour Lights · Pilot",
            remote_user_id=alice.id,
            position_ms=60_000,
            duration_ms=1_500_000,
            paused=True,
            device="Living room TV",
        )
    ]


@pytest.mark.parametrize(
    "dashed", ["8e6cc409-bb4f-4a70-d728-19bac7ade62a", "8E6CC409BB4F4A70D72819BAC7ADE62A"]
)
def test_what_plays_has_the_id_it_is_listed_by(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person, dashed: str
) -> None:
    item = f'{{"Id": "{dashed}", "Type": "Movie", "Name": "2001"}}'
    told = f'[{{"UserId": "{alice.id.upper()}", "NowPlayingItem": {item}}}]'
    jellyfin.fail_next(200, told, content_type="application/json")
    assert backend.playing() == [
        Playing(remote_id="8e6cc409bb4f4a70d72819bac7ade62a", title="2001", remote_user_id=alice.id)
    ]
    assert jellyfin.told() == ["GET /Sessions"]


def test_no_request_repeats_a_parameter(
    jellyfin: FakeJellyfin, backend: Jellyfin, alice: Person
) -> None:
    """Servers that speak as a Jellyfin may read only the first or the last of them."""
    film = jellyfin.add_movie("Sintel")
    jellyfin.add_episode(jellyfin.add_show("Harbour Lights"), None, 1)
    jellyfin.watch(alice, film, EARLIER)
    list(backend.library())
    list(backend.changes(EARLIER))
    backend.push(
        target(film), Wanted(change_type="mark_unwatched", at=EARLIER, watched=False, position_ms=0)
    )
    asked = [values for request in jellyfin.news() for values in request.query.values()]
    assert asked
    assert all(len(values) == 1 for values in asked)


def test_a_strange_player_hides_no_other(jellyfin: FakeJellyfin, backend: Jellyfin) -> None:
    told = (
        '[7, {"NowPlayingItem": 3}, {"NowPlayingItem": {"Id": "a", "Type": "Audio"}},'
        ' {"NowPlayingItem": {"Id": "b", "Type": "Movie", "Name": "Sintel"}}]'
    )
    jellyfin.fail_next(200, told, content_type="application/json")
    assert backend.playing() == [Playing(remote_id="b", title="Sintel")]


def test_pictures_are_fetched_and_nothing_else_is(
    jellyfin: FakeJellyfin, backend: Jellyfin
) -> None:
    film = jellyfin.add_movie("Sintel")
    (item,) = items(backend)
    assert backend.artwork(item.artwork_url).content == jellyfin.picture_of(film)
    jellyfin.told()
    for url in (
        "Users",
        "Items/x",
        "http://elsewhere/Items/1/Images/Primary",
        "Items/../Users/Images/",
    ):
        with pytest.raises(Rejected):
            backend.artwork(url)
    assert jellyfin.told() == []
    jellyfin.remove(film)
    with pytest.raises(NotOnServer):
        backend.artwork(item.artwork_url)


def test_a_title_opens_in_jellyfins_own_player(
    jellyfin: FakeJellyfin, bench: JellyfinBench, backend: Jellyfin
) -> None:
    (film,) = bench.add_movie("Sintel")
    there = Connection(jellyfin.url)
    assert Jellyfin.web_link(there, film) == f"{jellyfin.url}/web/#/details?id={film.remote_id}"
    known = replace(there, server_id=backend.check().server_id)
    assert Jellyfin.web_link(known, film).endswith(f"&serverId={jellyfin.server_id}")


def test_a_token_that_was_revoked_is_refused(bench: JellyfinBench) -> None:
    with pytest.raises(SignInRefused, match="no longer accepts this sign-in"):
        list(Jellyfin(bench.wrong_connection()).library())
