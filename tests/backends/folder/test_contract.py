"""The half of the contract that a folder can keep: it lists, and takes nothing. On real videos."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mydia_web.backends.errors import BackendError, Rejected, Unreachable
from mydia_web.backends.values import Connection, Target, Wanted
from mydia_web.clock import now
from tests.backends.folder.conftest import Disk

MakeVideo = Callable[[Path, int], None]
FILM = "Sintel (2010) {imdb-tt1727587}/Sintel (2010)"
SHOW = "Harbour Lights (2019) {tvdb-990000}"


@pytest.fixture
def library(disk: Disk, make_video: MakeVideo) -> Disk:
    """A film in two copies, a special 0, an episode, and a file of two episodes."""
    names = (f"{FILM} - 4K.mkv", f"{FILM} - HD.mkv", f"{SHOW}/Specials/Harbour Lights S00E00.mkv")
    names += (
        f"{SHOW}/Season 02/Harbour Lights S02E03.mkv",
        f"{SHOW}/Season 02/Harbour Lights S02E04E05.mkv",
    )
    for seconds, name in enumerate(names, 2):
        make_video(disk.path / name, seconds)
    return disk


def test_films_and_episodes_are_listed_with_all_that_tells_them_apart(library: Disk) -> None:
    items = library.items().values()
    films = [item for item in items if item.kind == "movie"]
    assert {(one.title, one.year, one.external_ids["imdb"]) for one in films} == {
        ("Sintel", 2010, "tt1727587")
    }
    episodes = {
        (one.season_number, one.episode_number): one for one in items if one.kind == "episode"
    }
    assert episodes.keys() == {(0, 0), (2, 3), (2, 4), (2, 5)}
    for episode in episodes.values():
        assert episode.show
        assert (episode.show.title, episode.show.year) == ("Harbour Lights", 2019)
        assert episode.show.external_ids == {"tvdb": "990000"}
    assert (episodes[0, 0].runtime_seconds, episodes[2, 3].runtime_seconds) == (4, 5)


def test_each_copy_is_listed_with_its_own_file_and_length(library: Disk) -> None:
    copies = [item for item in library.items().values() if item.kind == "movie"]
    assert sorted(item.runtime_seconds or 0 for item in copies) == [2, 3]
    assert {Path(item.path).name for item in copies} == {
        "Sintel (2010) - 4K.mkv",
        "Sintel (2010) - HD.mkv",
    }


def test_a_listing_says_the_same_again(library: Disk) -> None:
    assert library.items() == library.items()


def test_nothing_is_said_of_what_anybody_has_watched(library: Disk) -> None:
    assert {item.state for item in library.items().values()} == {None}


def test_nothing_is_taken_and_nothing_is_written(library: Disk) -> None:
    before = {file: file.stat().st_mtime_ns for file in library.path.rglob("*")}
    folder, wanted = library.folder(), Wanted(change_type="mark_watched", at=now(), watched=True)
    for item in library.items().values():
        target = Target(remote_id=item.remote_id, kind=item.kind, path=item.path)
        assert folder.web_link(Connection(str(library.path)), target) == ""
        with pytest.raises(Rejected):
            folder.push(target, wanted)
    assert {file: file.stat().st_mtime_ns for file in library.path.rglob("*")} == before


def test_a_folder_that_is_away_is_never_an_empty_library(library: Disk) -> None:
    folder = library.folder()
    pages = folder.library()
    library.path.rename(library.path.with_name("away"))
    for act in (lambda: list(pages), folder.check):
        with pytest.raises(BackendError) as refusal:
            act()
        assert isinstance(refusal.value, Unreachable)
        assert refusal.value.source_wide
