"""How long a video runs is asked of ffprobe; without it, of the NFO file."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from mydia_web.backends.folder import ffprobe
from tests.backends.folder.conftest import Disk

MakeVideo = Callable[[Path, int], None]
NFO = "<movie><title>Heat</title><runtime>170</runtime></movie>"


@pytest.mark.parametrize(
    "name", ["Heat (1995).mkv", "-v (1995).mp4", "Hé%41at [x] 'q' \"p\" (1995).avi", "pipe:0.mkv"]
)
def test_a_video_is_measured_whatever_its_name(
    disk: Disk, make_video: MakeVideo, name: str
) -> None:
    make_video(disk.path / name, 7)
    assert disk.only().runtime_seconds == 7
    assert disk.problems() == []


def test_what_is_measured_counts_more_than_the_nfo(disk: Disk, make_video: MakeVideo) -> None:
    make_video(disk.path / "Heat (1995).mkv", 7)
    disk.put("Heat (1995).nfo", content=NFO)
    assert disk.only().runtime_seconds == 7


def test_two_episodes_in_one_file_share_its_time(disk: Disk, make_video: MakeVideo) -> None:
    make_video(disk.path / "Severance/Season 1/Severance - S01E01E02.mkv", 8)
    assert [item.runtime_seconds for item in disk.items().values()] == [4, 4]


def test_a_corrupt_video_is_listed_and_told(disk: Disk, make_video: MakeVideo) -> None:
    disk.put("Heat (1995).mkv", content=b"garbage" * 100)
    disk.put("Alien (1979).mkv", content=b"")
    assert {item.runtime_seconds for item in disk.items().values()} == {None}
    alien, heat = disk.problems()
    assert alien == "“Alien (1979).mkv” has no running time: it is empty."
    assert heat.startswith("“Heat (1995).mkv” has no running time: ffprobe says")


def test_a_playlist_dressed_as_a_film_fetches_nothing(disk: Disk, make_video: MakeVideo) -> None:
    disk.put(
        "Heat (1995).mkv", content="#EXTM3U\n#EXTINF:10,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n"
    )
    assert disk.only().title == "Heat"
    assert len(disk.problems()) == 1


def test_a_changed_file_is_measured_again(disk: Disk, make_video: MakeVideo) -> None:
    make_video(disk.path / "Heat (1995).mkv", 7)
    assert disk.only().runtime_seconds == 7
    make_video(disk.path / "Heat (1995).mkv", 9)
    assert disk.only().runtime_seconds == 9


def test_an_unchanged_file_is_measured_once(
    disk: Disk, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(disk.path / "Heat (1995).mkv", 7)
    disk.items()
    monkeypatch.setattr(subprocess, "run", None)
    assert disk.only().runtime_seconds == 7


def test_an_exact_time_in_the_nfo_saves_the_measuring(
    disk: Disk, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(disk.path / "Heat (1995).mkv", 7)
    video = "<video><durationinseconds>10212</durationinseconds></video>"
    streams = f"<fileinfo><streamdetails>{video}</streamdetails></fileinfo>"
    disk.put("Heat (1995).nfo", content=f"<movie>{streams}</movie>")
    monkeypatch.setattr(subprocess, "run", None)
    assert disk.only().runtime_seconds == 10212


def test_a_video_that_takes_too_long_is_told(
    disk: Disk, make_video: MakeVideo, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_video(disk.path / "Heat (1995).mkv", 7)
    monkeypatch.setattr(ffprobe, "TIME_LIMIT", 0)
    assert disk.only().runtime_seconds is None
    (problem,) = disk.problems()
    assert "took longer" in problem


def test_without_ffprobe_the_nfo_tells(disk: Disk) -> None:
    disk.put("Heat (1995).mkv", "Alien (1979).mkv")
    disk.put("Heat (1995).nfo", content=NFO)
    assert {item.title: item.runtime_seconds for item in disk.items().values()} == {
        "Alien": None,
        "Heat": 170 * 60,
    }
    assert disk.problems() == []


@pytest.mark.parametrize(
    ("output", "seconds"),
    [
        (b'{"format": {"duration": "7.6"}}', 8),
        (b'{"format": {"duration": "N/A"}}', None),
        (b'{"format": {"duration": "inf"}}', None),
        (b'{"format": {"duration": "-3"}}', None),
        (b'{"format": {}}', None),
        (b'["format"]', None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_any_answer_of_ffprobe_is_borne(
    disk: Disk, monkeypatch: pytest.MonkeyPatch, output: bytes, seconds: int | None
) -> None:
    disk.put("Heat (1995).mkv")
    monkeypatch.setattr(ffprobe, "program", lambda: "/usr/bin/ffprobe")
    answer = subprocess.CompletedProcess([], 0, output, b"")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    assert disk.only().runtime_seconds == seconds


def test_an_ffprobe_that_cannot_be_started_is_told(
    disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk.put("Heat (1995).mkv")
    monkeypatch.setattr(ffprobe, "program", lambda: "/nowhere/ffprobe")
    assert disk.only().runtime_seconds is None
    (problem,) = disk.problems()
    assert "could not be started" in problem
