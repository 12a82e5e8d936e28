"""A folder of films and shows on the real disk, and real videos where ffmpeg can make them."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from mydia_web.backends.folder import Folder
from mydia_web.backends.values import Connection, RemoteItem

JPEG = b"\xff\xd8\xff\xe0" + bytes(20)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


class Disk:
    """The library's folder: files are put into it, and it is listed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def put(self, *names: str, content: str | bytes = b"not a video") -> None:
        for name in names:
            file = self.path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content.encode() if isinstance(content, str) else content)

    def folder(self) -> Folder:
        return Folder(Connection(str(self.path)))

    def items(self) -> dict[str, RemoteItem]:
        return {item.remote_id: item for page in self.folder().library() for item in page.items}

    def only(self) -> RemoteItem:
        (item,) = self.items().values()
        return item

    def problems(self) -> Sequence[str]:
        return [problem for page in self.folder().library() for problem in page.problems]


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    path = tmp_path / "library"
    path.mkdir()
    return Disk(path)


@pytest.fixture(autouse=True)
def without_ffprobe(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Most files here are no videos: only tests that make one look for `ffprobe`."""
    if "make_video" not in request.fixturenames:
        monkeypatch.setenv("PATH", "/nowhere")


@pytest.fixture(scope="session")
def make_video(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path, int], None]:
    """Make a black video of so many seconds."""
    if not (ffmpeg := shutil.which("ffmpeg")) or not shutil.which("ffprobe"):
        pytest.skip("ffmpeg and ffprobe are not installed")

    def make(file: Path, seconds: int) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        source = f"color=black:size=32x32:rate=2:duration={seconds}"
        command = [
            ffmpeg,
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            source,
            "-c:v",
            "mpeg4",
            f"file:{file}",
        ]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    return make
