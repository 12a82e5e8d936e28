"""The meaning of each captured payload."""

import json
from datetime import UTC, date, datetime

import pytest

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import read
from mydia_web.backends.values import Event, RemoteShow, RemoteState
from tests.backends.events.payloads import FOLDER, body, payload

AT = datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
PLAYED_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
JELLYFIN = "6c41d884a9c1490f8fd0863e04d75a69"
EMBY = "15596ac9bbc24127b9f01db6f33630c7"
ALICE = "02700c8344d542619b39319296c0d4c7"
FILM_IDS = {"imdb": "tt1254207", "tmdb": "10378"}


def news(kind: str, name: str) -> Event:
    return read(kind, "application/json", body(name))


def inner(kind: str, value: object) -> Event:
    return read(kind, "text/plain; charset=utf-8", json.dumps(value).encode())


def test_every_payload_has_its_origin_told_and_is_read_here():
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    here = "".join(path.read_text(encoding="utf-8") for path in FOLDER.parent.glob("test_*.py"))
    names = [path.name for path in FOLDER.glob("*.json")]
    assert len(names) == 24
    assert [name for name in names if f"`{name}`" not in readme] == []
    assert [name for name in names if f'"{name}"' not in here] == []


def test_jellyfin_film_toggled_watched():
    event = news("jellyfin", "made.jellyfin.UserDataSaved.movie.TogglePlayed.json")
    assert (event.action, event.name, event.at) == ("marked", "UserDataSaved (TogglePlayed)", AT)
    assert (event.server_id, event.remote_user_id, event.remote_user_name) == (
        JELLYFIN,
        ALICE,
        "alice",
    )
    assert (event.tells_watched, event.tells_position, event.device) == (True, True, "")
    assert event.item.remote_id == "514941104216969e74a8d87fc7893ad5"
    assert (event.item.kind, event.item.title, event.item.year) == ("movie", "Big Buck Bunny", 2008)
    assert (event.item.external_ids, event.item.runtime_seconds) == (FILM_IDS, 596)
    assert event.item.state == RemoteState(
        watched=True, position_ms=0, play_count=1, last_played_at=PLAYED_AT
    )


def test_jellyfin_position_was_set():
    event = news("jellyfin", "made.jellyfin.UserDataSaved.movie.UpdateUserData-progress.json")
    assert (event.action, event.tells_watched, event.tells_position) == ("marked", True, True)
    assert event.item.state == RemoteState(
        watched=False, position_ms=180_000, play_count=1, last_played_at=PLAYED_AT
    )


def test_jellyfin_episode_toggled_unwatched():
    event = news("jellyfin", "made.jellyfin.UserDataSaved.episode.TogglePlayed-unplayed.json")
    assert (event.action, event.tells_watched) == ("marked", True)
    assert event.item.state == RemoteState(
        watched=False, position_ms=0, play_count=0, last_played_at=None
    )
    assert event.item.show == RemoteShow(title='Example "Quoted" Show', year=2021)
    assert (event.item.season_number, event.item.episode_number, event.item.year) == (1, 1, None)
    assert event.item.air_date == date(2021, 4, 11)
    assert event.item.external_ids == {"imdb": "tt0000001", "tmdb": "2683915", "tvdb": "8296437"}


@pytest.mark.parametrize(
    ("name", "action"),
    [
        ("made.jellyfin.PlaybackProgress.movie.json", "playing"),
        ("made.jellyfin.PlaybackStop.movie.json", "stopped"),
    ],
)
def test_jellyfin_session(name, action):
    event = news("jellyfin", name)
    assert (event.action, event.device, event.at) == (action, "Firefox", AT)
    assert (event.tells_watched, event.tells_position) == (False, True)
    assert event.item.state.position_ms == 180_000


def test_jellyfin_music_is_nothing_of_ours():
    event = inner(
        "jellyfin", payload("jellyfin.PlaybackProgress.audio.multi-scrobbler.json")[0]["data"]
    )
    assert (event.action, event.name, event.item) == ("other", "PlaybackProgress", None)


def test_payloads_of_next_to_nothing_are_understood():
    both = payload("mediabrowser.minimal.watchstate.json")
    stopped, marked = (
        inner("jellyfin", both["webhook_jellyfin"]),
        inner("emby", both["webhook_emby"]),
    )
    assert (stopped.action, stopped.item.remote_id, stopped.item.state.position_ms) == (
        "stopped",
        "item-1",
        80_000,
    )
    assert (marked.action, marked.item.remote_id, marked.item.state.watched) == (
        "marked",
        "item-1",
        True,
    )
    assert stopped.item.external_ids == marked.item.external_ids == {"imdb": "tt123", "tmdb": "123"}


@pytest.mark.parametrize(
    ("name", "watched"),
    [
        ("made.emby.item.markplayed.movie.json", True),
        ("made.emby.item.markunplayed.movie.json", False),
    ],
)
def test_emby_marks(name, watched):
    event = news("emby", name)
    assert (event.action, event.at) == ("marked", datetime(2026, 1, 2, 3, 4, 5, 175082, UTC))
    assert (event.server_id, event.remote_user_id) == (EMBY, "aac3a78d9f184ea480fb1629e76aad57")
    assert (event.tells_watched, event.tells_position) == (True, False)
    assert event.item.state == RemoteState(watched=watched)
    assert (event.item.remote_id, event.item.year, event.item.external_ids) == (
        "4916",
        2008,
        FILM_IDS,
    )
    assert event.item.path == "/media/movies/Big Buck Bunny (2008).mkv"


def test_emby_stopped_half_way():
    event = news("emby", "made.emby.playback.stop.movie.json")
    assert (event.action, event.device, event.item.state.position_ms) == (
        "stopped",
        "Chrome",
        180_000,
    )
    assert (event.tells_watched, event.tells_position) == (False, True)


def test_emby_finished_an_episode():
    event = news("emby", "made.emby.playback.stop.episode.completed.json")
    assert (event.action, event.tells_watched, event.tells_position) == ("played", True, False)
    assert event.item.state.watched
    assert event.item.show == RemoteShow(title="Example Show")
    assert (event.item.title, event.item.season_number, event.item.episode_number) == (
        "Pilot",
        1,
        1,
    )


def test_emby_tries_the_connection():
    event = news("emby", "made.emby.system.notificationtest.json")
    assert (event.action, event.item, event.server_id) == ("test", None, EMBY)


def test_plex_scrobbled_a_film():
    event = news("plex", "made.plex.media.scrobble.movie.json")
    assert (event.action, event.tells_watched, event.tells_position) == ("played", True, False)
    assert event.server_id == "546684a3d18ac5c39037360ec9ce900b7af9cc36"
    assert (event.remote_user_id, event.remote_user_name, event.device) == ("1", "alice", "Chrome")
    assert (event.item.remote_id, event.item.external_ids) == ("12345", FILM_IDS)
    # The date of the item may be that of the time before: it is the item's, not the event's.
    assert (event.at, event.item.state.last_played_at) == (
        None,
        datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    )


def test_plex_stopped_half_way():
    event = news("plex", "made.plex.media.stop.movie.json")
    assert (event.action, event.tells_watched, event.tells_position) == ("stopped", False, True)
    assert (event.item.state.position_ms, event.item.runtime_seconds) == (180_000, 596)


def test_plex_episode_of_an_old_agent_names_its_show():
    event = news("plex", "plex.media.scrobble.episode.hama.shinkro.json")
    assert event.action == "played"
    assert event.item.external_ids == {}
    assert event.item.show == RemoteShow(title="One Piece", external_ids={"tvdb": "81797"})
    assert (event.item.season_number, event.item.episode_number) == (22, 70)


def test_plex_ids_in_a_lower_case_list():
    event = news("plex", "plex.media.scrobble.episode.plexagent.shinkro.json")
    assert (event.action, event.item.remote_id) == ("played", "")
    assert event.item.external_ids == {"tvdb": "362753", "tmdb": "12345"}
    assert (event.item.season_number, event.item.episode_number) == (2, 12)


@pytest.mark.parametrize(
    "name",
    [
        "plex.media.rate.movie.shinkro.json",
        "plex.media.play.plex-api-rs.json",
        "plex.minimal.shinkro.json",
    ],
)
def test_plex_news_of_ratings_music_and_nothing_are_not_ours(name):
    event = news("plex", name)
    assert (event.action, event.name, event.item) == ("other", payload(name)["event"], None)


def test_tautulli_ids_of_an_episode_may_be_its_show():
    event = news("tautulli", "tautulli.episode.plexagent.shinkro.json")
    ids = {"tvdb": "362753", "tmdb": "12345"}
    assert (event.action, event.item.external_ids) == ("played", ids)
    assert event.item.show == RemoteShow(title="Demon Slayer")
    assert (event.item.season_number, event.item.episode_number) == (2, 12)


def test_tautulli_ratings_are_not_ours():
    assert news("tautulli", "tautulli.movie.shinkro.json").action == "other"


@pytest.mark.parametrize("kind", ["jellyfin", "emby", "plex", "tautulli", "generic"])
@pytest.mark.parametrize(
    "name", ["made.kodi.notifications.json", "plex.status-session.multi-scrobbler.json"]
)
def test_what_no_webhook_sends_is_refused(kind, name):
    with pytest.raises(BadPayload):
        news(kind, name)
