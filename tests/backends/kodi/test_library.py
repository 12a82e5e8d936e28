"""Reading the library: whole or not at all, and one bad entry spoils nothing else."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from mydia_web.backends.errors import ServerTrouble, Unreachable
from mydia_web.backends.kodi import Kodi, library
from mydia_web.backends.kodi.mapping import external_ids
from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteShow, RemoteState
from tests.fakes.kodi import FakeKodi


def items(backend: Kodi) -> list[RemoteItem]:
    return [item for page in backend.library() for item in page.items]


def problems(backend: Kodi) -> list[str]:
    return [problem for page in backend.library() for problem in page.problems]


def test_a_film_comes_with_its_ids_and_its_state(kodi: FakeKodi, backend: Kodi) -> None:
    film = kodi.add_movie(
        "Sintel", year=2010, minutes=15, imdb="tt1727587", tmdb="45745",
        playcount=2, lastplayed="2026-11-20 15:04:05", position=300,
    )  # fmt: skip
    assert items(backend) == [
        RemoteItem(
            remote_id="movie:1",
            kind="movie",
            title="Sintel",
            external_ids={"imdb": "tt1727587", "tmdb": "45745"},
            year=2010,
            runtime_seconds=900,
            path=film.file,
            artwork_url=film.art["poster"],
            state=RemoteState(
                watched=True,
                position_ms=300_000,
                play_count=2,
                last_played_at=datetime(2026, 11, 20, 20, 4, 5, tzinfo=UTC),
            ),
        )
    ]


def test_an_episode_comes_with_its_show(kodi: FakeKodi, backend: Kodi) -> None:
    show = kodi.add_show("Harbour Lights", year=2019, tvdb="990001")
    kodi.add_episode(show, 0, 0, "Behind the lights", tvdb="991000", minutes=25)
    (episode,) = items(backend)
    assert episode.show == RemoteShow(
        title="Harbour Lights",
        year=2019,
        external_ids={"tvdb": "990001"},
        artwork_url=show.art["poster"],
    )
    assert (episode.remote_id, episode.season_number, episode.episode_number) == ("episode:1", 0, 0)
    assert (episode.title, episode.external_ids) == ("Behind the lights", {"tvdb": "991000"})
    assert (episode.air_date, episode.runtime_seconds) == (date(2019, 3, 1), 1500)
    assert episode.artwork_url == show.episodes[0].art["thumb"]
    assert episode.state == RemoteState(watched=False)


def test_films_and_episodes_are_counted_together(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    for number in range(5):
        kodi.add_movie(f"Film {number}")
    kodi.add_show("Harbour Lights", seasons=1, episodes=3)
    pages = list(backend.library())
    assert [(page.done, page.total) for page in pages] == [(2, 8), (4, 8), (5, 8), (7, 8), (8, 8)]
    assert [item.remote_id for page in pages for item in page.items] == [
        *(f"movie:{number}" for number in range(1, 6)),
        *(f"episode:{number}" for number in range(1, 4)),
    ]


def test_an_empty_library_says_so(backend: Kodi) -> None:
    assert list(backend.library()) == [LibraryPage(items=(), done=0, total=0)]


def test_what_kodi_does_not_know_is_none_and_not_zero(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.add_movie("Home video", minutes=0, broken={"resume": {"position": 10.0, "total": 95.7}})
    kodi.add_movie("Clip", minutes=0)
    show = kodi.add_show("Specials")
    kodi.add_episode(show, 1, 1, broken={"season": -1, "episode": -1, "firstaired": ""})
    home_video, clip, episode = items(backend)
    assert (home_video.year, home_video.external_ids, home_video.runtime_seconds) == (None, {}, 95)
    assert clip.runtime_seconds is None
    assert (episode.season_number, episode.episode_number, episode.air_date) == (None, None, None)


def test_a_title_that_looks_like_html_comes_as_it_is(kodi: FakeKodi, backend: Kodi) -> None:
    kodi.add_movie("<script>alert(1)</script>")
    assert items(backend)[0].title == "<script>alert(1)</script>"


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({"imdb": "tt1", "tmdb": "2", "tvdb": "3"}, {"imdb": "tt1", "tmdb": "2", "tvdb": "3"}),
        ({"themoviedb": "2", "TheTVDB": "3"}, {"tmdb": "2", "tvdb": "3"}),
        ({"unknown": "tt0113277"}, {"imdb": "tt0113277"}),
        ({"unknown": "949"}, {}),
        ({"metadata.local": "1", "": "2"}, {}),
        ({"imdb": "949", "tmdb": "0", "tvdb": "-1"}, {}),
        ({"tmdb": 949, "tvdb": None, "imdb": ["tt1"]}, {"tmdb": "949"}),
    ],
)
def test_ids_are_kept_only_where_their_number_means_something(
    told: dict[str, Any], read: dict[str, str]
) -> None:
    assert external_ids(told) == read


@pytest.mark.parametrize(
    "broken",
    [
        {"movieid": None},
        {"title": "", "label": ""},
        {"playcount": "often"},
        {"resume": "here"},
        {"resume": {"position": 1e400, "total": 1}},
        {"runtime": 10**30},
        {"uniqueid": "tt1"},
        {"lastplayed": None},
        {"file": 3},
    ],
)
def test_a_malformed_entry_becomes_a_line_and_the_rest_is_read(
    kodi: FakeKodi, backend: Kodi, broken: dict[str, Any]
) -> None:
    kodi.add_movie("Broken", broken=broken)
    kodi.add_movie("Sintel")
    (page,) = backend.library()
    assert [item.title for item in page.items] == ["Sintel"]
    assert (page.done, page.total) == (2, 2)
    assert len(page.problems) == 1
    assert "Broken" in page.problems[0]


def test_an_episode_of_a_show_nobody_knows_is_a_problem(kodi: FakeKodi, backend: Kodi) -> None:
    show = kodi.add_show("Harbour Lights", episodes=2)
    show.episodes[0].broken["tvshowid"] = 99
    assert [item.remote_id for item in items(backend)] == ["episode:2"]
    assert problems(backend) == ["“Part 1 of season 1” belongs to a show that Kodi does not list."]


def test_a_date_that_is_none_is_no_date(kodi: FakeKodi, backend: Kodi) -> None:
    for text in ("", "1601-01-01 00:00:00", "yesterday", "9999-12-31 23:59:59"):
        kodi.add_movie("Sintel", lastplayed=text)
    assert [item.state.last_played_at for item in items(backend) if item.state] == [None] * 4


def test_a_library_that_shrinks_while_it_is_read_raises(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    films = [kodi.add_movie(f"Film {number}") for number in range(4)]
    pages = backend.library()
    next(pages)
    kodi.remove(films[0])
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        next(pages)


def test_rows_that_move_while_they_are_read_raise(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    for number in range(4):
        kodi.add_movie(f"Film {number}")
    pages = backend.library()
    next(pages)
    kodi.movies = {0: kodi.add_movie("New"), **kodi.movies}
    with pytest.raises(ServerTrouble, match="changed while it was being read"):
        list(pages)


def test_a_library_that_grows_while_it_is_read_is_read_to_its_end(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    for number in range(4):
        kodi.add_movie(f"Film {number}")
    pages = backend.library()
    next(pages)
    kodi.add_movie("New")
    last = list(pages)[-1]
    assert (last.done, last.total, last.items[-1].title) == (5, 5, "New")


def test_a_kodi_that_goes_off_half_way_raises(
    kodi: FakeKodi, backend: Kodi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE", 2)
    for number in range(4):
        kodi.add_movie(f"Film {number}")
    pages = backend.library()
    next(pages)
    kodi.down()
    with pytest.raises(Unreachable):
        next(pages)


@pytest.mark.parametrize(
    "answer",
    [
        '{"jsonrpc":"2.0","id":1,"result":{"movies":[]}}',
        '{"jsonrpc":"2.0","id":1,"result":{"movies":{},"limits":{"total":2}}}',
        '{"jsonrpc":"2.0","id":1,"result":{"limits":{"start":0,"end":0,"total":2}}}',
        '{"jsonrpc":"2.0","id":1,"result":null}',
        '{"jsonrpc":"2.0","id":7,"result":{}}',
        '{"jsonrpc":"2.0","id":1}',
    ],
)
def test_a_strange_answer_is_never_an_empty_library(
    kodi: FakeKodi, backend: Kodi, answer: str
) -> None:
    kodi.add_movie("Sintel")
    pages = backend.library()
    backend._time()
    total = '{"jsonrpc":"2.0","id":%d,"result":{"limits":{"start":0,"end":1,"total":2}}}'
    kodi.fail_next(200, f"[{total % 1},{total % 2}]")
    kodi.fail_next(200, answer)
    with pytest.raises(ServerTrouble):
        list(pages)
