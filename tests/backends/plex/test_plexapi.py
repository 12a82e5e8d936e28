"""An independent client reads back what ours has written: plexapi, which speaks XML."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import plexapi
import pytest
from plexapi.exceptions import Unauthorized
from plexapi.server import PlexServer

from mydia_web.backends.plex import Plex
from mydia_web.backends.values import RemoteState, Target, Wanted
from tests.backends.plex.conftest import Open, signed_in
from tests.fakes.plex import BOB, FakePlex, Title

CLICK = datetime(2026, 11, 1, 20, 30, 15, tzinfo=UTC)
MINUTE = 60_000


@pytest.fixture
def film(plex: FakePlex) -> Title:
    return plex.add_movie("Sintel", minutes=100, guids=["imdb://tt1727587", "tmdb://45745"])


@pytest.fixture
def oracle(plex: FakePlex) -> Iterator[PlexServer]:
    server = PlexServer(plex.url, "account-of-alice")
    yield server
    server._session.close()


def push(backend: Plex, film: Title, change_type: Any, **state: Any) -> RemoteState:
    return backend.push(
        Target(remote_id=str(film.key), kind="movie"),
        Wanted(change_type=change_type, at=CLICK, **state),
    )


def shown(oracle: PlexServer, film: Title) -> tuple[bool, int, int, datetime | None]:
    """Played, count, position, and when, as plexapi understands it."""
    seen = oracle.fetchItem(film.key)
    at = seen.lastViewedAt.astimezone(UTC) if seen.lastViewedAt else None
    return seen.isPlayed, seen.viewCount, seen.viewOffset, at


def test_both_see_the_same_server(plex: FakePlex, backend: Plex, oracle: PlexServer) -> None:
    found = backend.check()
    assert (oracle.friendlyName, oracle.version, oracle.machineIdentifier) == (
        found.name,
        found.version,
        found.server_id,
    )
    assert [str(one.key) for one in oracle.library.sections() if one.type in ("movie", "show")] == [
        one.remote_id for one in backend.libraries()
    ]


def test_both_list_the_same_titles(
    plex: FakePlex, backend: Plex, oracle: PlexServer, film: Title
) -> None:
    show = plex.add_show("Harbour Lights", guids=["tvdb://990001"])
    plex.add_episode(show, 0, 0, guids=["tvdb://991000"])
    movie, episode = (item for page in backend.library() for item in page.items)
    (theirs,) = oracle.library.sectionByID(1).all()
    assert (str(theirs.ratingKey), theirs.title, theirs.year) == (
        movie.remote_id,
        movie.title,
        movie.year,
    )
    assert {guid.id for guid in theirs.guids} == {
        f"{name}://{value}" for name, value in movie.external_ids.items()
    }
    assert (theirs.duration // 1000, theirs.locations[0]) == (movie.runtime_seconds, movie.path)
    (theirs,) = oracle.library.sectionByID(2).searchEpisodes()
    assert (
        (theirs.parentIndex, theirs.index)
        == (episode.season_number, episode.episode_number)
        == (0, 0)
    )
    assert episode.show
    assert theirs.grandparentTitle == episode.show.title


def test_plexapi_reads_our_mark_and_its_end(backend: Plex, oracle: PlexServer, film: Title) -> None:
    state = push(backend, film, "mark_watched", watched=True, position_ms=0)
    assert shown(oracle, film) == (True, 1, 0, state.last_played_at)
    push(backend, film, "mark_unwatched", watched=False, position_ms=0)
    assert shown(oracle, film) == (False, 0, 0, None)


def test_plexapi_reads_our_position_and_a_rewatch(
    backend: Plex, oracle: PlexServer, film: Title
) -> None:
    state = push(backend, film, "progress_update", position_ms=33 * MINUTE)
    assert shown(oracle, film) == (False, 0, 33 * MINUTE, state.last_played_at)
    push(backend, film, "progress_update", watched=True, position_ms=12 * MINUTE)
    assert shown(oracle, film)[:3] == (True, 1, 12 * MINUTE)


def test_plexapi_finds_an_unfinished_film_unfinished(
    backend: Plex, oracle: PlexServer, film: Title
) -> None:
    push(backend, film, "progress_update", position_ms=99 * MINUTE)
    assert shown(oracle, film)[:3] == (False, 0, 90 * MINUTE - 1000)


def test_plexapi_sees_the_state_of_one_person_only(
    plex: FakePlex, open_plex: Open, oracle: PlexServer, film: Title
) -> None:
    push(open_plex(signed_in(plex, BOB)), film, "mark_watched", watched=True)
    assert shown(oracle, film)[:2] == (False, 0)


def test_we_read_what_plexapi_has_written(backend: Plex, oracle: PlexServer, film: Title) -> None:
    theirs = oracle.fetchItem(film.key)
    theirs.markPlayed()
    theirs.updateTimeline(25 * MINUTE, state="stopped")
    state = backend.state(Target(remote_id=str(film.key), kind="movie"))
    assert (state.watched, state.position_ms, state.play_count) == (True, 25 * MINUTE, 1)
    assert state.last_played_at
    assert abs(state.last_played_at - datetime.now(UTC)) < timedelta(minutes=1)
    theirs.markUnplayed()
    assert backend.state(Target(remote_id=str(film.key), kind="movie")) == RemoteState(
        watched=False
    )


def test_plexapi_is_told_what_is_being_played(
    plex: FakePlex, oracle: PlexServer, film: Title
) -> None:
    plex.sessions = [(film, BOB, 60_000, False)]
    (session,) = oracle.sessions()
    assert (session.title, session.viewOffset, session.usernames) == ("Sintel", 60_000, ["Bob"])


def test_plexapi_is_refused_like_us(plex: FakePlex) -> None:
    with pytest.raises(Unauthorized):
        PlexServer(plex.url, "no-such-token")


def test_without_asking_for_json_the_answer_is_xml(plex: FakePlex, oracle: PlexServer) -> None:
    assert plexapi.VERSION >= "4.16"
    assert {one.reply.content_type for one in plex.exchanges} == {"text/xml;charset=utf-8"}
