"""Which files of a folder are listed, and as what."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import Rejected, Unreachable
from mydia_web.backends.folder import Folder, client
from mydia_web.backends.values import Connection, LibraryPage, Target, Wanted
from mydia_web.clock import now
from tests.backends.folder.conftest import JPEG, Disk


def test_a_film_is_listed_with_its_path_and_without_state(disk: Disk) -> None:
    disk.put("Heat (1995) {imdb-tt0113277}/Heat (1995).mkv")
    item = disk.only()
    assert (item.kind, item.title, item.year) == ("movie", "Heat", 1995)
    assert item.remote_id == "Heat (1995) {imdb-tt0113277}/Heat (1995).mkv"
    assert item.path == str(disk.path / item.remote_id)
    assert item.external_ids == {"imdb": "tt0113277"}
    assert (item.state, item.show, item.runtime_seconds) == (None, None, None)


def test_a_film_in_two_qualities_is_listed_twice(disk: Disk) -> None:
    disk.put(
        "Heat (1995) {tmdb-949}/Heat (1995) - 4K.mkv",
        "Heat (1995) {tmdb-949}/Heat (1995) - 1080p.mkv",
    )
    one, other = disk.items().values()
    assert one.remote_id != other.remote_id
    assert (one.title, one.year, one.external_ids) == (other.title, other.year, other.external_ids)


def test_an_episode_is_listed_with_its_show(disk: Disk) -> None:
    disk.put("Severance (2022) {tvdb-371980}/Season 01/Severance (2022) - S01E02 - Half Loop.mkv")
    item = disk.only()
    assert (item.kind, item.title, item.season_number, item.episode_number) == (
        "episode",
        "Half Loop",
        1,
        2,
    )
    assert item.show
    assert (item.show.title, item.show.year) == ("Severance", 2022)
    assert item.show.external_ids == {"tvdb": "371980"}


def test_a_file_of_two_episodes_is_listed_once_for_each(disk: Disk) -> None:
    disk.put("Severance/Season 1/Severance - S01E01E02.mkv")
    items = disk.items()
    assert list(items) == [
        "Severance/Season 1/Severance - S01E01E02.mkv#S01E01",
        "Severance/Season 1/Severance - S01E01E02.mkv#S01E02",
    ]
    assert len({item.path for item in items.values()}) == 1
    assert [item.title for item in items.values()] == ["Episode 1", "Episode 2"]


def test_specials_and_episode_zero_keep_their_zero(disk: Disk) -> None:
    disk.put("Severance/Specials/Severance - S00E00.mkv")
    item = disk.only()
    assert (item.season_number, item.episode_number) == (0, 0)


def test_a_film_on_two_discs_is_one_film(disk: Disk) -> None:
    disk.put("Heat (1995)/Heat (1995) - cd1.avi", "Heat (1995)/Heat (1995) - cd2.avi")
    assert disk.only().remote_id.endswith("cd1.avi")


@pytest.mark.parametrize(
    "name",
    [
        "...And Nothing (1979)/...And Nothing (1979).mkv",
        "..Two (1980).mkv",
        ".45 (2006)/.45 (2006).mkv",
    ],
)
def test_a_title_may_begin_with_dots(disk: Disk, name: str) -> None:
    disk.put(name)
    assert disk.only().remote_id == name


@pytest.mark.parametrize(
    ("names", "listed"),
    [
        (("A (1999)/A (1999).part1.mkv", "A (1999)/A (1999).part2.mkv"), 1),
        (("A (1999)/A (1999) - pt1.mkv", "A (1999)/A (1999) - pt2.mkv"), 1),
        (("A (1999)/CD1/a.avi", "A (1999)/CD2/a.avi"), 1),
        (("A (1999)/A (1999) part2.mkv",), 1),
        (("A (1999)/A (1999) cd1.mkv", "B (1999)/B (1999) cd2.mkv"), 2),
        (("A Part 1 (2010).mkv", "A Part 2 (2011).mkv"), 2),
        (("A/Season 1/A S01E01 - pt1.mkv", "A/Season 1/A S01E01 - pt2.mkv"), 1),
        (("A/Season 1/A S01E01 - Part 1.mkv", "A/Season 1/A S01E02 - Part 2.mkv"), 2),
    ],
)
def test_a_further_part_is_no_copy_where_the_first_is_there(
    disk: Disk, names: Sequence[str], listed: int
) -> None:
    disk.put(*names)
    assert len(disk.items()) == listed


@pytest.mark.parametrize(
    "names",
    [
        ("Concerts/Berlin.mkv", "Holidays/Berlin.mkv"),
        ("Alpha/Kapitel 1/01.mkv", "Beta/Kapitel 1/01.mkv"),
        ("Camera/IMG_0001.mov", "Camera/IMG_0002.mov"),
        ("Heat (1995)/One Day.mkv", "Heat (1995)/Another Day.mkv"),
        ("Pier/Season 1/Disc 1/01.mkv", "Pier/Season 1/Disc 2/01.mkv"),
        ("Pier/Season 1/01 - Quay.mkv", "Pier/Season 1/01 - Harbour.mkv"),
    ],
)
def test_two_files_that_nothing_tells_apart_are_not_recognised(
    disk: Disk, names: Sequence[str]
) -> None:
    disk.put(*names)
    items = disk.items()
    assert set(items) == set(names)
    assert all(item.not_recognised for item in items.values())


def test_shows_in_the_folder_of_another_are_not_taken_for_it(disk: Disk) -> None:
    disk.put("Nordic/Season 1/Bron S01E01.mkv", "Nordic/Season 1/Broen S01E01.mkv")
    shows = [item.show.title for item in disk.items().values() if item.show]
    assert sorted(shows) == ["Broen", "Bron"]


@pytest.mark.parametrize(
    "name",
    [
        ".hidden/Heat (1995).mkv",
        "Heat (1995)/._Heat (1995).mkv",
        "@eaDir/Heat (1995).mkv",
        "Heat (1995)/Trailers/One.mkv",
        "Heat (1995)/extras/One.mkv",
        "Heat (1995)/Behind The Scenes/One.mkv",
        "Heat (1995)/Other/One.mkv",
        "Heat (1995)/Sample/heat.mkv",
        "Heat (1995)/Heat (1995)-trailer.mkv",
        "Heat (1995)/trailer.mp4",
        "Heat (1995)/heat-sample.mkv",
        "Heat (1995)/sample.mkv",
        "Heat (1995)/Heat-featurette.mkv",
        "Severance/theme.mp4",
        "Heat (1995)/subtitles.srt",
        "no extension",
        "mkv",
    ],
)
def test_what_is_no_film_is_passed_over_in_silence(disk: Disk, name: str) -> None:
    disk.put(name)
    assert disk.items() == {}
    assert disk.problems() == []


@pytest.mark.parametrize(
    "name",
    [
        "Extras/Season 1/Extras - S01E01.mkv",
        "Shorts/Bao (2018).mkv",
        "The Sample (2020).mkv",
        "Trailer Park Boys/Season 1/S01E01.mkv",
        "Heat (1995)/HEAT (1995).MKV",
    ],
)
def test_what_only_looks_like_an_extra_is_listed(disk: Disk, name: str) -> None:
    disk.put(name)
    assert list(disk.items()) == [name]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("S01E01.mkv", "which show"),
        ("Severance/Season 1/Bonus.mkv", "which episode"),
        ("Pier/[Grp] Pier - 13.5 [1080p].mkv", "which episode"),
        ("Evening Desk/Evening Desk 10.02.2016.mkv", "may be one of two"),
        ("movie.mkv", "what it is"),
        ("Home/IMG_0012.mov", "what it is"),
    ],
)
def test_what_nobody_can_read_is_listed_as_not_recognised(
    disk: Disk, name: str, words: str
) -> None:
    disk.put(name)
    item = disk.only()
    assert item.remote_id == name
    assert words in item.not_recognised
    assert disk.problems() == []


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Heat (1995)/VIDEO_TS/VTS_01_1.VOB", "disc folders"),
        ("Heat (1995)/BDMV/STREAM/00001.m2ts", "disc folders"),
        ("Heat (1995)/Heat (1995).iso", "images of discs"),
        ("Heat (1995)/Heat (1995).IMG", "images of discs"),
        ("Pier/Season 1/Pier S01E01.strm", "links"),
    ],
)
def test_what_cannot_be_told_is_left_out_in_words(disk: Disk, name: str, words: str) -> None:
    disk.put(name)
    assert disk.items() == {}
    (problem,) = disk.problems()
    assert words in problem


def test_a_title_of_markup_stays_the_text_it_is(disk: Disk) -> None:
    disk.put("<script>alert(1)<script> (2020).mkv")
    assert disk.only().title == "<script>alert(1)<script>"


def test_the_listing_is_the_same_each_time(disk: Disk) -> None:
    disk.put("b/Heat (1995).mkv", "a/Alien (1979).mkv", "c.mkv", "a/Zodiac (2007).mkv")
    assert list(disk.items()) == list(disk.items())
    assert list(disk.items()) == [
        "c.mkv",
        "a/Alien (1979).mkv",
        "a/Zodiac (2007).mkv",
        "b/Heat (1995).mkv",
    ]


def test_a_long_listing_comes_in_pages_that_know_the_total(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "PAGE", 2)
    disk.put(*(f"Film {number} (2000).mkv" for number in range(5)))
    pages = list(disk.folder().library())
    assert [(len(page.items), page.done, page.total) for page in pages] == [
        (2, 2, 5),
        (2, 4, 5),
        (1, 5, 5),
    ]


def test_a_folder_without_videos_is_one_empty_page(disk: Disk) -> None:
    disk.put("notes.txt")
    assert list(disk.folder().library()) == [LibraryPage(items=[], done=0, total=0, problems=[])]


def test_a_bare_folder_may_be_an_unmounted_disk(disk: Disk) -> None:
    with pytest.raises(Unreachable, match="Mount its disk"):
        list(disk.folder().library())


def test_a_link_out_of_the_folder_is_not_followed(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "Secret (2001).mkv").write_bytes(b"")
    disk.put("Heat (1995).mkv")
    (disk.path / "folder").symlink_to(tmp_path / "outside")
    (disk.path / "Secret (2001).mkv").symlink_to(tmp_path / "outside" / "Secret (2001).mkv")
    assert list(disk.items()) == ["Heat (1995).mkv"]
    assert len(disk.problems()) == 2
    assert all("leaves the library's folder" in problem for problem in disk.problems())


def test_a_link_to_a_file_inside_is_a_copy(disk: Disk) -> None:
    disk.put(".store/abc.mkv")
    (disk.path / "Heat (1995).mkv").symlink_to(disk.path / ".store" / "abc.mkv")
    assert list(disk.items()) == ["Heat (1995).mkv"]


def test_a_folder_that_links_to_its_own_parent_is_walked_once(disk: Disk) -> None:
    disk.put("Heat (1995)/Heat (1995).mkv")
    (disk.path / "Heat (1995)" / "again").symlink_to(disk.path)
    assert list(disk.items()) == ["Heat (1995)/Heat (1995).mkv"]


def test_a_broken_link_is_told(disk: Disk) -> None:
    (disk.path / "Heat (1995).mkv").symlink_to(disk.path / "gone.mkv")
    assert disk.items() == {}
    assert disk.problems() == ["“Heat (1995).mkv” was left out: it is a link that leads nowhere."]


def test_a_name_that_is_no_text_is_told(disk: Disk) -> None:
    try:
        (disk.path / os.fsdecode(b"Am\xe9lie (2001).mkv")).write_bytes(b"")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    assert disk.items() == {}
    assert disk.problems() == [
        "“Am\\udce9lie (2001).mkv” was left out: its name is not valid text. Rename it."
    ]


def test_a_pipe_with_the_name_of_a_film_is_not_opened(disk: Disk) -> None:
    disk.put("Heat (1995).mkv")
    os.mkfifo(disk.path / "Alien (1979).mkv")
    assert list(disk.items()) == ["Heat (1995).mkv"]


def _failing_in(monkeypatch: pytest.MonkeyPatch, name: str, error: OSError) -> None:
    """Let the disk refuse to open the folder `name`."""
    scandir = os.scandir

    def refuse(path: os.PathLike[str] | int) -> Iterator[os.DirEntry[str]]:
        if not isinstance(path, int) and Path(path).name == name:
            raise error
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)


def test_a_folder_that_may_not_be_read_is_told_and_the_rest_listed(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.put("private/Secret (2001).mkv", "Heat (1995).mkv")
    _failing_in(monkeypatch, "private", PermissionError(13, "Permission denied"))
    assert list(disk.items()) == ["Heat (1995).mkv"]
    assert disk.problems() == ["“private” was left out: Permission denied."]


def test_a_failing_disk_is_no_smaller_library(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    disk.put("broken/Alien (1979).mkv", "Heat (1995).mkv")
    _failing_in(monkeypatch, "broken", OSError(5, "Input/output error"))
    with pytest.raises(Unreachable, match="Input/output error"):
        disk.items()


@pytest.mark.parametrize("leave_empty_folder", [False, True])
def test_a_folder_that_vanishes_half_way_is_no_empty_library(
    disk: Disk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leave_empty_folder: bool
) -> None:
    monkeypatch.setattr(client, "PAGE", 1)
    disk.put("Alien (1979).mkv", "Heat (1995).mkv")
    pages = disk.folder().library()
    next(pages)
    disk.path.rename(tmp_path / "unmounted")
    if leave_empty_folder:
        disk.path.mkdir()
    with pytest.raises(Unreachable):
        next(pages)


def test_a_folder_that_vanishes_during_the_walk_is_unreachable(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.put("a/Alien (1979).mkv")
    scandir = os.scandir

    def vanish(path: os.PathLike[str] | int) -> Iterator[os.DirEntry[str]]:
        if not isinstance(path, int) and Path(path).name == "a":
            disk.path.rename(disk.path.with_name("unmounted"))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", vanish)
    with pytest.raises(Unreachable, match="not there now"):
        disk.items()


def test_nothing_is_sent_to_a_folder(disk: Disk) -> None:
    folder: Backend = Folder(Connection(str(disk.path)))
    target, wanted = (
        Target(remote_id="Heat (1995).mkv", kind="movie"),
        Wanted(change_type="mark_watched", at=now()),
    )
    assert not folder.traits.takes_pushes
    assert folder.explain(target, wanted) == ("Nothing is sent: a folder keeps no watch state.",)
    with pytest.raises(Rejected, match="keeps no watch state"):
        folder.push(target, wanted)
    folder.close()


def test_a_films_poster_is_found_beside_it(disk: Disk) -> None:
    disk.put(
        "Heat (1995)/Heat (1995).mkv",
        "Alien (1979)/alien.mkv",
        "Jaws (1975)/Jaws.mkv",
        "Big (1988).mkv",
    )
    disk.put(
        "Heat (1995)/poster.JPG",
        "Alien (1979)/folder.jpg",
        "Jaws (1975)/Jaws-poster.png",
        content=JPEG,
    )
    disk.put("Jaws (1975)/poster.jpg", "Big (1988)-poster.jpg", "folder.jpg", content=JPEG)
    assert {name: item.artwork_url for name, item in disk.items().items()} == {
        "Heat (1995)/Heat (1995).mkv": "Heat (1995)/poster.JPG",
        "Alien (1979)/alien.mkv": "Alien (1979)/folder.jpg",
        "Jaws (1975)/Jaws.mkv": "Jaws (1975)/Jaws-poster.png",
        "Big (1988).mkv": "Big (1988)-poster.jpg",
    }


def test_the_picture_of_a_collection_is_no_films_poster(disk: Disk) -> None:
    disk.put("Heist/Heat (1995).mkv", "Heist/Ronin (1998).mkv")
    disk.put("Heist/folder.jpg", content=JPEG)
    assert {item.artwork_url for item in disk.items().values()} == {""}


@pytest.mark.parametrize("episode", ["Season 1/Severance - S01E01.mkv", "Severance - S01E01.mkv"])
def test_an_episode_has_its_still_and_its_show_the_poster(disk: Disk, episode: str) -> None:
    disk.put(f"Severance/{episode}")
    disk.put(
        f"Severance/{episode.removesuffix('.mkv')}-thumb.jpg", "Severance/poster.jpg", content=JPEG
    )
    item = disk.only()
    assert item.artwork_url == f"Severance/{episode.removesuffix('.mkv')}-thumb.jpg"
    assert item.show
    assert item.show.artwork_url == "Severance/poster.jpg"
