"""Pictures are handed out from inside the folder, and nothing else is."""

from pathlib import Path

import pytest

from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.folder import files
from tests.backends.folder.conftest import JPEG, PNG, Disk

WEBP = b"RIFF\x10\0\0\0WEBPVP8 "


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(JPEG, "image/jpeg"), (PNG, "image/png"), (WEBP, "image/webp"), (b"GIF89a..", "image/gif")],
)
def test_a_picture_is_what_its_first_bytes_say(
    disk: Disk, content: bytes, content_type: str
) -> None:
    disk.put("Heat (1995)/poster.jpg", content=content)
    artwork = disk.folder().artwork("Heat (1995)/poster.jpg")
    assert (artwork.content, artwork.content_type) == (content, content_type)


@pytest.mark.parametrize(
    "url", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "link.jpg", "linked/secret.jpg"]
)
def test_a_picture_outside_the_folder_is_refused(disk: Disk, tmp_path: Path, url: str) -> None:
    disk.put("a/Heat (1995).mkv")
    (tmp_path / "secret.jpg").write_bytes(JPEG)
    (disk.path / "link.jpg").symlink_to(tmp_path / "secret.jpg")
    (disk.path / "linked").symlink_to(tmp_path)
    with pytest.raises(Rejected, match="outside"):
        disk.folder().artwork(url)


def test_a_folder_whose_name_only_begins_alike_is_outside(disk: Disk, tmp_path: Path) -> None:
    (tmp_path / "library2").mkdir()
    (tmp_path / "library2" / "poster.jpg").write_bytes(JPEG)
    with pytest.raises(Rejected, match="outside"):
        disk.folder().artwork("../library2/poster.jpg")


@pytest.mark.parametrize(
    "url", ["gone.jpg", "", ".", "folder", "po\0ster.jpg", "x" * 5000, "loop.jpg"]
)
def test_a_picture_that_is_not_there_is_not_on_the_server(disk: Disk, url: str) -> None:
    disk.put("folder/Heat (1995).mkv")
    (disk.path / "loop.jpg").symlink_to(disk.path / "loop.jpg")
    with pytest.raises(NotOnServer):
        disk.folder().artwork(url)


@pytest.mark.parametrize("content", [b"", b"<svg onload='alert(1)'/>", b"RIFF....AVI "])
def test_a_file_that_is_no_picture_is_not_handed_out(disk: Disk, content: bytes) -> None:
    disk.put("poster.jpg", content=content)
    with pytest.raises(NotOnServer, match="not a picture"):
        disk.folder().artwork("poster.jpg")


def test_a_picture_that_is_too_large_is_not_handed_out(disk: Disk) -> None:
    disk.put("poster.jpg", content=JPEG + bytes(files.LARGEST_PICTURE))
    with pytest.raises(NotOnServer, match="10 MiB"):
        disk.folder().artwork("poster.jpg")


def test_a_picture_that_cannot_be_opened_is_not_on_the_server(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    disk.put("poster.jpg", content=JPEG)
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(NotOnServer, match="Permission denied"):
        disk.folder().artwork("poster.jpg")
