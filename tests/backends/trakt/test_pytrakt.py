"""An independent client and ours agree on the account: the fake is not made to measure."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import RemoteState, Target, Wanted
from tests.fakes.trakt import FakeTrakt
from tests.fakes.trakt_oauth import Token

pytest.importorskip("trakt", reason="PyTrakt is not installed")
SCRIPT = Path(__file__).with_name("with_pytrakt.py")
SEEN = datetime(2026, 11, 18, 20, 0, tzinfo=UTC)
Pytrakt = Callable[[str], dict[str, Any]]


@pytest.fixture
def pytrakt(trakt: FakeTrakt, token: Token) -> Pytrakt:
    def run(act: str) -> dict[str, Any]:
        command = [sys.executable, SCRIPT, trakt.url, trakt.oauth.client_id, token.access, act]
        already = len(trakt.exchanges)
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stderr
        # PyTrakt's own requests are not ours to check.
        del trakt.exchanges[already:]
        told: dict[str, Any] = json.loads(done.stdout)
        return told

    return run


@pytest.fixture(autouse=True)
def titles(trakt: FakeTrakt) -> None:
    trakt.add_movie("Sintel", minutes=90, imdb="tt1727587")
    trakt.add_episode(trakt.add_show("Harbour Lights"), 1, 1, "Pilot", minutes=40)


def test_what_we_write_another_client_reads(backend: Trakt, pytrakt: Pytrakt) -> None:
    film, pilot = (
        Target(remote_id="movie:1", kind="movie"),
        Target(remote_id="episode:1", kind="episode"),
    )
    backend.push(film, Wanted(change_type="mark_watched", at=SEEN))
    backend.push(film, Wanted(change_type="mark_watched", at=SEEN + timedelta(days=1)))
    backend.push(pilot, Wanted(change_type="mark_watched", at=SEEN))
    backend.push(pilot, Wanted(change_type="progress_update", at=SEEN, position_ms=10 * 60_000))
    assert pytrakt("read") == {
        "films": [["Sintel", 2, "2026-11-19T20:00:00.000Z"]],
        "shows": [["Harbour Lights", 1]],
        "paused": [["episode", 1, 25.0]],
        "found": ["Sintel"],
    }
    backend.push(film, Wanted(change_type="mark_unwatched", at=SEEN))
    backend.push(pilot, Wanted(change_type="progress_update", at=SEEN, position_ms=0))
    told = pytrakt("read")
    assert (told["films"], told["paused"]) == ([], [])


def test_what_another_client_writes_we_read(
    trakt: FakeTrakt, backend: Trakt, pytrakt: Pytrakt
) -> None:
    pytrakt("write")
    assert backend.state(Target(remote_id="movie:1", kind="movie")) == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=SEEN
    )
    trakt.lift_limit()
    pytrakt("pause")
    assert backend.state(Target(remote_id="episode:1", kind="episode")).position_ms == 10 * 60_000


def test_a_mark_after_another_client_scrobbled_is_the_same_play(
    trakt: FakeTrakt, backend: Trakt, pytrakt: Pytrakt
) -> None:
    pytrakt("scrobble")
    (play,) = trakt.alice.plays
    trakt.lift_limit()
    shown = backend.push(
        Target(remote_id="movie:1", kind="movie"),
        Wanted(change_type="mark_watched", at=play.watched_at + timedelta(seconds=40)),
    )
    assert (shown.play_count, len(trakt.alice.plays)) == (1, 1)
