"""What a real Kodi announces, as news."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mydia_web.backends.kodi import Kodi, listening
from mydia_web.backends.values import Connection, Event, Target, Wanted
from tests.real_kodi import RealKodi, real_kodi

pytestmark = pytest.mark.kodi

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture(scope="module")
def real(kodi_media: Path) -> Iterator[RealKodi]:
    with real_kodi(kodi_media, "America/New_York") as kodi:
        yield kodi


@pytest.fixture
def there(real: RealKodi) -> Iterator[Kodi]:
    credentials = {**real.credentials, "websocket_port": str(real.tcp_port)}
    with closing(Kodi(Connection(real.url, credentials=credentials))) as backend:
        yield backend


@pytest.fixture
def film(real: RealKodi, there: Kodi) -> Target:
    """Unwatched."""
    number = real.rpc("VideoLibrary.GetMovies")["movies"][0]["movieid"]
    target = Target(remote_id=f"movie:{number}", kind="movie")
    there.push(target, Wanted(change_type="mark_unwatched", at=AT))
    return target


def hear(news: Iterator[Event | None], number: int, within: float) -> list[Event]:
    until, found = time.monotonic() + within, []
    while len(found) < number:
        assert time.monotonic() < until, found
        if (event := next(news)) is not None:
            found.append(event)
    return found


def test_a_mark_is_heard(real, there, film):
    number = int(film.remote_id.partition(":")[2])
    with closing(there.listen()) as news:
        assert next(news) is None
        real.rpc("VideoLibrary.SetMovieDetails", {"movieid": number, "playcount": 1})
        (event,) = hear(news, 1, within=30)
    assert event.item
    assert (event.action, event.item.remote_id) == ("state", film.remote_id)
    assert event.item.state
    assert event.item.state.watched


def test_our_own_push_comes_back_as_what_it_was(there, film):
    with closing(there.listen()) as news:
        assert next(news) is None
        pushed = there.push(
            film, Wanted(change_type="mark_watched", at=AT, watched=True, watched_at=AT)
        )
        (event,) = hear(news, 1, within=30)
    assert event.item
    assert event.item.state == pushed


def test_a_player_is_heard_to_begin_pause_and_end(real, there, film):
    number = int(film.remote_id.partition(":")[2])
    with closing(there.listen()) as news:
        assert next(news) is None
        resume = {"hours": 0, "minutes": 10, "seconds": 0, "milliseconds": 0}
        real.rpc("Player.Open", {"item": {"movieid": number}, "options": {"resume": resume}})
        playing = hear(news, 1, within=30)[0]
        time.sleep(2)
        real.rpc("Player.PlayPause", {"playerid": 1, "play": False})
        paused = hear(news, 1, within=30)[0]
        real.rpc("Player.Stop", {"playerid": 1})
        ended = hear(news, 3, within=30)
    assert [playing.action, paused.action] == ["playing", "paused"]
    assert paused.item
    assert paused.item.state
    assert abs(paused.item.state.position_ms - 600_000) < 20_000
    assert [one.action for one in ended].count("stopped") == 1
    positions = [
        one.item.state.position_ms
        for one in ended
        if one.action == "state" and one.item and one.item.state
    ]
    assert positions
    assert all(abs(one - 600_000) < 20_000 for one in positions), positions


def test_it_stays_connected_while_nothing_happens(there, monkeypatch):
    monkeypatch.setattr(listening, "PING_SECONDS", 0.5)
    monkeypatch.setattr(listening, "TICK_SECONDS", 0.1)
    with closing(there.listen()) as news:
        until = time.monotonic() + 3
        while time.monotonic() < until:
            assert next(news) is None
