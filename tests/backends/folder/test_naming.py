"""What names people give to files mean."""

from datetime import date
from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mydia_web.backends.folder import naming, seasons
from mydia_web.backends.folder.naming import Episode, Film, Unread


def read(path: str) -> Film | Episode | Unread:
    return naming.read(PurePosixPath("library") / path)


@pytest.mark.parametrize(
    ("path", "title", "year"),
    [
        ("Heat (1995)/Heat (1995).mkv", "Heat", 1995),
        ("Heat (1995)/Heat (1995) - 4K.mkv", "Heat", 1995),
        ("Heat (1995)/Heat (1995) [1080p][BluRay].mkv", "Heat", 1995),
        ("Heat (1995)/4K.mkv", "Heat", 1995),
        ("Heat (1995)/movie.mkv", "Heat", 1995),
        ("Heat (1995)/heat.1080p.x264-GRP.mkv", "Heat", 1995),
        ("Heat (1995) [1080p] [YTS.MX]/Heat.1995.1080p.BluRay.x264-[YTS.MX].mp4", "Heat", 1995),
        ("Heat.1995.2160p.UHD.BluRay.x265-TERMiNAL.mkv", "Heat", 1995),
        ("Heat (1995) - cd2.avi", "Heat", 1995),
        ("Movies/Heat.mkv", "Heat", None),
        ("The.Matrix.(1999).mkv", "The Matrix", 1999),
        (
            "2001 A Space Odyssey (1968)/2001 A Space Odyssey (1968).mkv",
            "2001 A Space Odyssey",
            1968,
        ),
        ("Blade Runner 2049 (2017).mkv", "Blade Runner 2049", 2017),
        ("1917 (2019).mkv", "1917", 2019),
        ("1917.mkv", "1917", None),
        ("300 (2006)/300.mkv", "300", 2006),
        ("300 (2006)/300 - 1080p.mkv", "300", 2006),
        ("Movies/300.mkv", "300", None),
        ("Movies/12 Monkeys.mkv", "12 Monkeys", None),
        ("Apollo 13.mkv", "Apollo 13", None),
        ("Movies/Toy Story 3.mkv", "Toy Story 3", None),
        ("(500) Days of Summer (2009).mkv", "(500) Days of Summer", 2009),
        ("[REC] (2007).mkv", "[REC]", 2007),
        ("[Group] Kimi no Na wa (2016) [1080p].mkv", "Kimi no Na wa", 2016),
        ("WALL·E (2008).mkv", "WALL·E", 2008),
        ("Amélie (2001).mkv", "Amélie", 2001),
        ("Ame\u0301lie (2001).mkv", "Amélie", 2001),
        ("Mission Impossible - Fallout 2018 1080p.mkv", "Mission Impossible - Fallout", 2018),
        ("Marvel (2008)/Iron Man (2008).mkv", "Iron Man", 2008),
        ("Classics (1990)/Other.Film.2001.1080p.mkv", "Other Film", 2001),
        ("-S.W.A.T (2003).mkv", "S.W.A.T", 2003),
    ],
)
def test_a_film_is_read_from_its_name(path: str, title: str, year: int | None) -> None:
    film = read(path)
    assert isinstance(film, Film)
    assert (film.name.title, film.name.year) == (title, year)


@pytest.mark.parametrize(
    ("path", "show", "year", "season", "numbers", "title"),
    [
        ("Severance (2022)/Season 01/Severance (2022) - s01e01 - Good News About Hell.mkv",
         "Severance", 2022, 1, (1,), "Good News About Hell"),
        ("Severance/Season 2/Severance S02E01 Hello Ms Cobel 2160p WEB-DL DDP5 1 H 265-NTb.mkv",
         "Severance", None, 2, (1,), "Hello Ms Cobel"),
        ("Severance/S01/Severance - S01E01 - Pilot WEBDL-1080p.mkv",
         "Severance", None, 1, (1,), "Pilot"),
        ("TV Shows/Severance (2022)/S01E02 - Half Loop.mkv",
         "Severance", 2022, 1, (2,), "Half Loop"),
        ("Severance/Season 1/S01E03.mkv", "Severance", None, 1, (3,), ""),
        ("Severance/S01/E04.mkv", "Severance", None, 1, (4,), ""),
        ("Severance/Season 1/01 - Pilot.mkv", "Severance", None, 1, (1,), "Pilot"),
        ("Severance/Season 1/Episode 7.mkv", "Severance", None, 1, (7,), ""),
        ("Severance/Staffel 2/Folge 7.mkv", "Severance", None, 2, (7,), ""),
        ("Severance/01.mkv", "Severance", None, 1, (1,), ""),
        ("Severance 1x02.mkv", "Severance", None, 1, (2,), ""),
        ("Severance/Season 1/Severance - 1x00 - Zero.mkv", "Severance", None, 1, (0,), "Zero"),
        ("Severance/Season 00/Severance - S00E00 - Teaser.mkv",
         "Severance", None, 0, (0,), "Teaser"),
        ("Severance/Specials/Severance - S00E03.mkv", "Severance", None, 0, (3,), ""),
        ("Severance/Specials/02 - Gala.mkv", "Severance", None, 0, (2,), "Gala"),
        ("Severance/Season 1/Severance.S01E01E02.mkv", "Severance", None, 1, (1, 2), ""),
        ("Severance/Season 1/Severance - S01E01-E03 - Info.avi",
         "Severance", None, 1, (1, 2, 3), "Info"),
        ("Severance/Severance.S01E01-02.mkv", "Severance", None, 1, (1, 2), ""),
        ("Severance/Severance S01E01-E99.mkv", "Severance", None, 1, (1,), ""),
        ("The.Office.US.S03E01E02.720p.mkv", "The Office (US)", None, 3, (1, 2), ""),
        ("The Office (US) (2005)/The.Office.US.S03E01.720p.mkv",
         "The Office (US)", 2005, 3, (1,), ""),
        ("Breaking.Bad.S01.1080p-GRP/Breaking.Bad.S01E05.Gray.Matter.1080p.BluRay-GRP.mkv",
         "Breaking Bad", None, 1, (5,), "Gray Matter"),
        ("Breaking Bad S01 1080p/Breaking Bad S01E05.mkv", "Breaking Bad", None, 1, (5,), ""),
        ("Breaking.Bad.S01E01.720p-GRP/bb.s01e01.720p.mkv", "Breaking Bad", None, 1, (1,), ""),
        ("Breaking Bad Season 2/05 - Breakage.mkv", "Breaking Bad", None, 2, (5,), "Breakage"),
        ("24/Season 01/24 - S01E01.mkv", "24", None, 1, (1,), ""),
        ("9-1-1/Season 1/9-1-1 - S01E01.mkv", "9-1-1", None, 1, (1,), ""),
        ("1923/Season 01/1923.S01E01.mkv", "1923", None, 1, (1,), ""),
        ("The 100 (2014)/Season 01/The 100 - S01E01.mkv", "The 100", 2014, 1, (1,), ""),
        ("Agents of S.H.I.E.L.D. - S01E01.mkv", "Agents of S.H.I.E.L.D.", None, 1, (1,), ""),
        ("[SubsPlease] One Piece - 1071 (1080p) [ABCDEF12].mkv", "One Piece", None, 1, (1071,), ""),
        ("One Piece/One Piece - 1071.mkv", "One Piece", None, 1, (1071,), ""),
        ("One Piece/Season 21/One Piece - 1071.mkv", "One Piece", None, 21, (1071,), ""),
        ("Naruto/Naruto 103.mkv", "Naruto", None, 1, (103,), ""),
        ("Attack on Titan (2013)/[HorribleSubs] Attack on Titan - 25v2 [720p].mkv",
         "Attack on Titan", 2013, 1, (25,), ""),
        ("[Erai-raws] Jujutsu Kaisen 2nd Season - 05 [1080p].mkv",
         "Jujutsu Kaisen", None, 2, (5,), ""),
        ("[SubsPlease] Mushoku Tensei S2 - 05 (1080p).mkv", "Mushoku Tensei", None, 2, (5,), ""),
        ("進撃の巨人 - 01.mkv", "進撃の巨人", None, 1, (1,), ""),
    ],
)  # fmt: skip
def test_an_episode_is_read_from_its_name(
    path: str, show: str, year: int | None, season: int, numbers: tuple[int, ...], title: str
) -> None:
    episode = read(path)
    assert isinstance(episode, Episode)
    assert episode.show
    assert (episode.show.title, episode.show.year) == (show, year)
    assert (episode.season, episode.numbers, episode.title) == (season, numbers, title)


@pytest.mark.parametrize(
    ("path", "season"),
    [
        ("The Daily Show/Season 2024/The Daily Show - 2024-01-15 - Guest.mkv", 2024),
        ("The Daily Show/The.Daily.Show.2024.01.15.Guest.720p.WEB.h264-GRP.mkv", None),
        ("The.Daily.Show.2024.01.15.Guest.720p.WEB.h264-GRP.mkv", None),
    ],
)
def test_an_episode_of_a_daily_show_is_known_by_its_day(path: str, season: int | None) -> None:
    episode = read(path)
    assert isinstance(episode, Episode)
    assert episode.show
    assert episode.show.title == "The Daily Show"
    assert (episode.season, episode.numbers, episode.air_date) == (season, (), date(2024, 1, 15))


@pytest.mark.parametrize(
    ("path", "ids"),
    [
        ("Heat (1995) {imdb-tt0113277}.mkv", {"imdb": "tt0113277"}),
        ("Heat (1995) {tmdb-949}/Heat (1995) - {edition-Director's Cut}.mkv", {"tmdb": "949"}),
        (
            "Heat (1995) [imdbid-tt0113277] [tmdbid=949]/Heat (1995) - 1080p.mkv",
            {"imdb": "tt0113277", "tmdb": "949"},
        ),
        ("Heat (1995) [tt0113277].mkv", {"imdb": "tt0113277"}),
        ("Heat {tmdb-949}/heat.mkv", {"tmdb": "949"}),
        ("Heat (1995) {tmdb-nonsense}.mkv", {}),
        ("Heat (1995) {tmdb-0}.mkv", {}),
        ("Marvel (2008)/Iron Man (2008) {tmdb-1726}.mkv", {"tmdb": "1726"}),
    ],
)
def test_the_ids_in_a_films_name_or_folder_are_read(path: str, ids: dict[str, str]) -> None:
    film = read(path)
    assert isinstance(film, Film)
    assert film.name.ids == ids
    assert film.name.title in ("Heat", "Iron Man")


@pytest.mark.parametrize(
    "path",
    [
        "Severance (2022) {tvdb-371980}/Season 1/Severance - S01E01.mkv",
        "Severance {tvdb-371980}/S01E01.mkv",
        "Severance [tvdbid-371980]/Severance.S01E01.1080p.mkv",
        "Severance/Season 1/Severance {tvdb-371980} - S01E01.mkv",
    ],
)
def test_the_ids_in_an_episodes_path_are_the_shows(path: str) -> None:
    episode = read(path)
    assert isinstance(episode, Episode)
    assert episode.show
    assert (episode.show.title, episode.show.ids) == ("Severance", {"tvdb": "371980"})


def test_a_folder_with_ids_names_the_film_in_it() -> None:
    film = read("Amélie (2001) [tmdbid-194]/Le Fabuleux Destin (2001).mkv")
    assert isinstance(film, Film)
    assert film.name.title == "Amélie"


def test_a_library_that_is_one_show_lends_it_its_name() -> None:
    episode = naming.read(PurePosixPath("Severance (2022)/Season 1/S01E01.mkv"))
    assert isinstance(episode, Episode)
    assert episode.show
    assert (episode.show.title, episode.show.year) == ("Severance", 2022)


@pytest.mark.parametrize("path", ["S01E01.mkv", "-S01E01.mkv", "Movies/S01E01.mkv"])
def test_an_episode_of_no_show_is_not_guessed(path: str) -> None:
    episode = read(path)
    assert isinstance(episode, Episode)
    assert episode.show is None


def test_a_file_of_a_season_without_a_number_has_none() -> None:
    episode = read("Severance/Season 1/Bonus.mkv")
    assert isinstance(episode, Episode)
    assert episode.numbers == ()


_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=80
) | st.from_regex(
    r"\A[A-Za-z \[\](){}._-]{0,20}"
    r"(s\d{1,3}e\d{1,3}|\d{4}|[0-9x.-]{1,9})"
    r"[A-Za-z0-9 \[\](){}._-]{0,30}\Z"
)


@given(folders=st.lists(_names, max_size=3), name=_names)
def test_no_name_of_a_file_stops_the_reading(folders: list[str], name: str) -> None:
    named = naming.read(PurePosixPath("library", *folders, f"{name}.mkv"))
    if isinstance(named, Film):
        assert named.name.title
        return
    assert named.show is None or named.show.title
    if isinstance(named, Episode):
        assert len(named.numbers) <= seasons.MOST_EPISODES
