"""Pushing to a server that does not know the route by which a state is written: by the ways it
knows, or not at all.
"""

from datetime import UTC, datetime

import pytest

from mydia_web.backends.errors import Rejected
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.values import ChangeKind, RemoteState, Wanted
from tests.backends.mediabrowser.bench import target
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person, State, Title

CLICK = datetime(2026, 11, 21, 20, 30, 15, tzinfo=UTC)
SECOND = 10_000_000
DATA = "POST /UserItems/.*/UserData"
TODAY = "(POST|DELETE) /UserPlayedItems/.*"
BEFORE = "(POST|DELETE) /Users/.*/PlayedItems/.*"
PLAYER = "POST /Sessions/Playing/.*"


@pytest.fixture
def film(jellyfin: FakeJellyfin) -> Title:
    return jellyfin.add_movie("Sintel", year=2010, minutes=15)


@pytest.fixture
def state(film: Title, alice: Person) -> State:
    return film.state(alice.id)


@pytest.fixture(params=[404, 405, 501])
def refusing(request: pytest.FixtureRequest, jellyfin: FakeJellyfin) -> FakeJellyfin:
    """It has no route for writing, and says so in one of three ways."""
    jellyfin.lacks[DATA] = request.param
    return jellyfin


def writes(jellyfin: FakeJellyfin) -> list[str]:
    return [line for line in jellyfin.told() if not line.startswith("GET")]


@pytest.mark.parametrize("also", [(), (TODAY,)])
def test_a_mark_goes_by_another_route_with_its_date(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State, also: tuple[str, ...]
) -> None:
    refusing.lacks |= dict.fromkeys(also, 404)
    shown = backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    assert shown == RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=CLICK)
    assert (state.played, state.play_count, state.last_played) == (True, 1, CLICK)


@pytest.mark.parametrize("also", [(), (TODAY,)])
def test_a_mark_is_taken_away_by_another_route(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State, also: tuple[str, ...]
) -> None:
    refusing.lacks |= dict.fromkeys(also, 404)
    state.played, state.position = True, 300 * SECOND
    assert backend.push(
        target(film), Wanted(change_type="mark_unwatched", at=CLICK)
    ) == RemoteState(watched=False)


def test_a_repeated_mark_counts_no_second_play(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State
) -> None:
    state.played, state.play_count, state.position = True, 4, 300 * SECOND
    backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    assert (state.played, state.play_count, state.position) == (True, 4, 0)


@pytest.mark.parametrize("watched", [None, True, False])
def test_a_position_is_told_as_a_player_tells_it(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State, watched: bool | None
) -> None:
    wanted = Wanted(change_type="progress_update", at=CLICK, watched=watched, position_ms=400_000)
    shown = backend.push(target(film), wanted)
    assert (shown.position_ms, shown.watched) == (400_000, bool(watched))
    assert (state.position, state.play_count) == (400 * SECOND, int(bool(watched)))
    assert refusing.told()[-1] == "GET /Items"


def test_a_position_is_cleared_by_a_player_too(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State
) -> None:
    state.position = 400 * SECOND
    backend.push(target(film), Wanted(change_type="progress_update", at=CLICK, position_ms=0))
    assert (state.position, state.played, state.play_count) == (0, False, 0)


@pytest.mark.parametrize(
    ("minutes", "seconds"),
    [(15, 10), (15, 14 * 60), (15, 15 * 60), (4, 120), (None, 600), (100, 240)],
)
def test_a_position_of_which_a_server_would_make_a_mark_or_nothing_is_not_told(
    refusing: FakeJellyfin, backend: Jellyfin, alice: Person, minutes: int | None, seconds: int
) -> None:
    film = refusing.add_movie("Tears of Steel", minutes=minutes or 1)
    if minutes is None:
        film.ticks = 0
    with pytest.raises(Rejected, match=r"cannot take this position"):
        backend.push(
            target(film),
            Wanted(change_type="progress_update", at=CLICK, position_ms=seconds * 1000),
        )
    assert (film.state(alice.id).played, film.state(alice.id).position) == (False, 0)
    assert not any("Sessions" in line for line in writes(refusing))


@pytest.mark.parametrize(
    ("change_type", "lacking", "words"),
    [
        ("mark_watched", (TODAY, BEFORE), "cannot take marks"),
        ("progress_update", (PLAYER,), "cannot take positions"),
    ],
)
def test_where_no_way_is_left_the_server_cannot_take_it(
    refusing: FakeJellyfin,
    backend: Jellyfin,
    film: Title,
    change_type: ChangeKind,
    lacking: tuple[str, ...],
    words: str,
) -> None:
    refusing.lacks |= dict.fromkeys(lacking, 404)
    with pytest.raises(Rejected, match=words):
        backend.push(target(film), Wanted(change_type=change_type, at=CLICK, position_ms=400_000))


def test_the_route_that_is_not_there_is_tried_once(
    refusing: FakeJellyfin, backend: Jellyfin, film: Title, state: State
) -> None:
    backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    refusing.told()
    state.played = False
    backend.push(target(film), Wanted(change_type="mark_watched", at=CLICK))
    assert refusing.told() == ["GET /Items", f"POST /UserPlayedItems/{film.id}"]
