"""A folder is tested before it is used, and a refusal says what to do."""

from pathlib import Path

import pytest

from mydia_web.backends.errors import BackendError, Rejected, SignInRefused, Unreachable
from mydia_web.backends.folder import Folder
from mydia_web.backends.values import Connection, ServerInfo
from tests.backends.folder.conftest import Disk


def check(base_url: str) -> ServerInfo:
    return Folder(Connection(base_url)).check()


def test_a_folder_is_named_by_the_last_part_of_its_path(disk: Disk) -> None:
    assert check(str(disk.path)) == ServerInfo(product="Folder", name="library", version="")


@pytest.mark.parametrize("form", ["{}/", "file://{}", "file://localhost{}", "file:{}", " {} "])
def test_a_folder_is_found_however_its_path_is_written(disk: Disk, form: str) -> None:
    assert check(form.format(disk.path)).name == "library"


def test_a_file_address_is_unquoted(tmp_path: Path) -> None:
    (tmp_path / "My Films #1").mkdir()
    assert check(f"file://{tmp_path}/My%20Films%20%231").name == "My Films #1"


@pytest.mark.parametrize(
    ("base_url", "error", "words"),
    [
        ("films", Rejected, "full path"),
        ("./films", Rejected, "full path"),
        ("~/films", Rejected, "full path"),
        ("", Rejected, "full path"),
        ("file://", Rejected, "full path"),
        ("file:films", Rejected, "full path"),
        ("http://films.example/x", Rejected, "full path"),
        ("file://nas/films", Rejected, "another machine"),
        ("file://[nas/films", Rejected, "not a valid"),
        ("/srv/fi\0lms", Rejected, "full path"),
        ("/nowhere/films", Unreachable, "not there now"),
        ("/" + "x" * 300, Unreachable, "cannot be read"),
    ],
)
def test_a_wrong_path_is_refused_in_words(
    base_url: str, error: type[BackendError], words: str
) -> None:
    with pytest.raises(error, match=words):
        check(base_url)
    with pytest.raises(error, match=words):
        list(Folder(Connection(base_url)).library())
    with pytest.raises(error, match=words):
        Folder(Connection(base_url)).artwork("poster.jpg")


def test_a_file_in_place_of_a_folder_is_refused(disk: Disk) -> None:
    disk.put("Heat (1995).mkv")
    with pytest.raises(Rejected, match="a file, not a folder"):
        check(str(disk.path / "Heat (1995).mkv"))


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(BackendError, match="loop"):
        check(str(tmp_path / "loop"))


def test_a_folder_that_may_not_be_read_asks_for_the_right(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(SignInRefused, match="the right to read"):
        check(str(disk.path))
