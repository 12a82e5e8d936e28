"""Other clients read the fake Jellyfin, and what our client wrote there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.values import Wanted
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Title

SHARED = Path(os.environ.get("MYDIA_SHARED", Path(__file__).parents[4] / "shared"))
PROBE = SHARED / "real-servers" / "jf_probe.py"
CLICK = datetime(2026, 11, 21, 20, 30, 15, tzinfo=UTC)


@pytest.fixture
def bench() -> Iterator[JellyfinBench]:
    bench = JellyfinBench("10.11.11")
    bench.alice.is_admin = True
    yield bench
    bench.close()


@pytest.fixture
def jellyfin(bench: JellyfinBench) -> FakeJellyfin:
    fake: FakeJellyfin = bench.fake
    return fake


@pytest.fixture
def film(jellyfin: FakeJellyfin) -> Title:
    show = jellyfin.add_show("Harbour Lights", year=2019, tvdb="990001")
    for number in (1, 2, 3):
        jellyfin.add_episode(show, 1, number, tvdb=f"99100{number}")
    return jellyfin.add_movie("Sintel", year=2010, minutes=15, imdb="tt1727587")


@pytest.mark.skipif(not PROBE.exists(), reason=f"{PROBE} is not at hand")
def test_the_fake_does_what_a_probe_of_real_servers_expects(
    jellyfin: FakeJellyfin, film: Title
) -> None:
    command = [sys.executable, PROBE, jellyfin.url, "alice", "secret"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    lines = found.stdout.strip().splitlines()
    assert [line for line in lines[:-2] if not line.startswith("ok ")] == [], found.stderr
    assert lines[-1] == "56 ok, 0 differ, 0 missing or failed"


@pytest.fixture
def other(jellyfin: FakeJellyfin) -> Any:
    """Somebody else's client, signed in as alice."""
    module = pytest.importorskip("jellyfin_apiclient_python")
    client = module.JellyfinClient()
    client.config.app("probe", "1.0", "desk", "probe-1")
    client.config.data["auth.ssl"] = False
    client.auth.connect_to_address(jellyfin.url)
    client.auth.login(jellyfin.url, "alice", "secret")
    return client.jellyfin


def test_another_client_reads_what_we_wrote(bench: JellyfinBench, film: Title, other: Any) -> None:
    backend = Jellyfin(bench.connection())
    backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    data = other.get_userdata_for_item(film.id)
    assert (data["Played"], data["PlayCount"]) == (True, 1)
    assert data["LastPlayedDate"] == "2026-11-21T20:30:15.0000000Z"
    backend.push(target(film), Wanted(change_type="progress_update", at=CLICK, position_ms=60_000))
    assert other.get_item(film.id)["UserData"]["PlaybackPositionTicks"] == 600_000_000
    backend.push(target(film), Wanted(change_type="mark_unwatched", at=CLICK))
    data = other.get_userdata_for_item(film.id)
    assert (data["Played"], data["PlayCount"], "LastPlayedDate" in data) == (False, 0, False)
    backend.close()


def test_we_read_what_another_client_wrote(bench: JellyfinBench, film: Title, other: Any) -> None:
    backend = Jellyfin(bench.connection())
    other.item_played(film.id, True, "2026-11-21T20:30:15Z")
    shown = backend.state(target(film))
    assert (shown.watched, shown.play_count, shown.last_played_at) == (True, 1, CLICK)
    other.item_played(film.id, False)
    assert not backend.state(target(film)).watched
    other.update_userdata_for_item(film.id, {"PlaybackPositionTicks": 600_000_000})
    assert backend.state(target(film)).position_ms == 60_000
    backend.close()
