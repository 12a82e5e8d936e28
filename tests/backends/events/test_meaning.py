"""Rules that no captured payload shows."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import parse
from mydia_web.backends.values import Event, RemoteState
from tests.backends.events.payloads import payload

SAVED = payload("made.jellyfin.UserDataSaved.movie.TogglePlayed.json")
STOPPED = payload("made.jellyfin.PlaybackStop.movie.json")
EMBY = payload("made.emby.playback.stop.episode.completed.json")
PLEX = payload("made.plex.media.stop.movie.json")


@pytest.mark.parametrize(
    ("reason", "action", "is_playing"),
    [
        ("TogglePlayed", "marked", None),
        ("UpdateUserData", "marked", None),
        ("Import", "marked", None),
        ("PlaybackStart", "saved", True),
        ("PlaybackProgress", "saved", True),
        ("PlaybackFinished", "saved", False),
        ("", "saved", None),
    ],
)
def test_jellyfin_tells_all_of_the_state_and_why_it_was_saved(reason, action, is_playing):
    event = parse("jellyfin", SAVED | {"SaveReason": reason})
    assert (event.action, event.is_playing) == (action, is_playing)
    assert event.tells_watched
    assert event.tells_position


def test_jellyfin_has_no_news_when_only_a_rating_was_saved():
    event = parse("jellyfin", SAVED | {"SaveReason": "UpdateUserRating", "PlayCount": 9})
    assert (event.action, event.item) == ("other", None)


@pytest.mark.parametrize(
    "type_", ["ItemAdded", "ItemDeleted", "SessionStart", "PluginInstalled", "SomethingNew"]
)
def test_jellyfin_library_news_carry_no_state(type_):
    event = parse("jellyfin", SAVED | {"NotificationType": type_, "SaveReason": None})
    assert (event.action, event.name, event.item) == ("other", type_, None)


def test_jellyfin_finished_playing():
    event = parse("jellyfin", STOPPED | {"PlayedToCompletion": True})
    assert (event.action, event.tells_watched, event.tells_position) == ("played", True, False)
    assert event.item.state == RemoteState(watched=True)


def test_jellyfin_paused():
    paused = STOPPED | {"NotificationType": "PlaybackProgress", "IsPaused": True}
    assert parse("jellyfin", paused).action == "paused"


def test_jellyfin_tries_the_connection():
    about_nothing = {"NotificationType": "PlaybackStop", "ItemType": "Movie", "ServerId": "abc"}
    assert parse("jellyfin", about_nothing).action == "test"
    assert (
        parse(
            "jellyfin", about_nothing | {"NotificationType": "UserDataSaved", "ItemType": "None"}
        ).action
        == "test"
    )


def test_jellyfin_season_0_and_the_first_of_several_episodes():
    told = {
        "ItemType": "Episode",
        "SeriesName": "Severance",
        "SeasonNumber": 0,
        "EpisodeNumber": 0,
        "EpisodeNumberEnd": 2,
    }
    item = parse("jellyfin", STOPPED | told).item
    assert (item.season_number, item.episode_number) == (0, 0)


def test_jellyfin_year_is_the_shows_only_where_the_show_is_dated():
    told = STOPPED | {"ItemType": "Episode", "SeriesName": "Severance", "Year": 2025}
    assert parse("jellyfin", told).item.show.year is None
    assert parse("jellyfin", told | {"SeriesPremiereDate": "2022-02-18"}).item.show.year == 2025


def test_jellyfin_never_played_is_no_date():
    never = parse("jellyfin", SAVED | {"LastPlayedDate": "0001-01-01T00:00:00.0000000Z"})
    assert never.item.state.last_played_at is None


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("playback.start", "playing"),
        ("playback.unpause", "playing"),
        ("playback.pause", "paused"),
        ("item.rate", "other"),
        ("item.markfavorite", "other"),
        ("library.new", "other"),
        ("something.new", "other"),
    ],
)
def test_emby_events(event, action):
    assert parse("emby", EMBY | {"Event": event}).action == action


def test_emby_position_is_not_that_of_the_episode_that_follows():
    told = EMBY | {"PlaybackInfo": {"PositionTicks": 600_000_000}}
    event = parse("emby", told)
    assert (event.action, event.item.state.position_ms) == ("stopped", 60_000)
    without = parse("emby", EMBY | {"PlaybackInfo": None})
    assert (without.action, without.tells_position) == ("stopped", False)


def test_emby_numbers_are_ids_too():
    assert parse("emby", EMBY | {"Item": EMBY["Item"] | {"Id": 87146}}).item.remote_id == "87146"


def plex(event: str, **metadata: Any) -> Event:
    return parse("plex", PLEX | {"event": event, "Metadata": PLEX["Metadata"] | metadata})


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("media.play", "playing"),
        ("media.resume", "playing"),
        ("media.pause", "paused"),
        ("media.rate", "other"),
        ("library.new", "other"),
        ("library.on.deck", "other"),
        ("admin.database.backup", "other"),
        ("media.something.new", "other"),
    ],
)
def test_plex_events(event, action):
    assert plex(event).action == action


def test_plex_count_may_be_of_the_time_before():
    event = plex("media.stop", viewCount=3, lastViewedAt=1600000000)
    assert (event.tells_watched, event.item.state.watched, event.at) == (False, False, None)


def test_plex_without_an_offset_tells_no_position():
    assert not plex("media.stop", viewOffset=None).tells_position
    assert plex("media.stop", viewOffset=0).tells_position


@pytest.mark.parametrize(
    ("guid", "own", "show"),
    [
        ("com.plexapp.agents.imdb://tt0113277?lang=en", {"imdb": "tt0113277"}, {}),
        ("com.plexapp.agents.thetvdb://73255/3/7?lang=en", {}, {"tvdb": "73255"}),
        ("com.plexapp.agents.themoviedb://1396/1/1?lang=en", {}, {"tmdb": "1396"}),
        ("com.plexapp.agents.hama://tvdb4-81797/22/70?lang=en", {}, {"tvdb": "81797"}),
        ("com.plexapp.agents.none://a1b2", {}, {}),
        ("plex://episode/5d776b59ad5437001f79c6f8", {}, {}),
        ("local://4711", {}, {}),
    ],
)
def test_plex_guids_of_all_ages(guid, own, show):
    item = plex("media.stop", type="episode", grandparentTitle="A Show", guid=guid, Guid=None).item
    if "/" not in guid.partition("://")[2]:
        show = own
    assert (item.external_ids, item.show.external_ids) == (own, show)


def generic(**told: Any) -> Event:
    return parse("generic", {"type": "movie", "title": "Heat", "year": 1995} | told)


def test_generic_watched_and_unwatched():
    watched = generic(
        event="watched", user="alice", at="2026-11-21T21:04:05+01:00", position_seconds=3
    )
    assert (watched.action, watched.remote_user_name) == ("played", "alice")
    assert (watched.tells_watched, watched.tells_position) == (True, False)
    assert watched.at == datetime(2026, 11, 21, 20, 4, 5, tzinfo=UTC)
    unwatched = generic(event="unwatched")
    assert (unwatched.action, unwatched.tells_watched, unwatched.item.state.watched) == (
        "marked",
        True,
        False,
    )


def test_generic_position():
    event = generic(event="progress", position_seconds=12.3456, duration_seconds="6000")
    assert (event.action, event.tells_watched, event.tells_position) == ("state", False, True)
    assert (event.item.state.position_ms, event.item.runtime_seconds) == (12_346, 6000)
    assert generic(event="progress", position_seconds=0).tells_position


@pytest.mark.parametrize("event", ["playing", "paused", "stopped"])
def test_generic_session(event):
    assert generic(event=event, position_seconds="60").item.state.position_ms == 60_000
    assert (generic(event=event).action, generic(event=event).tells_position) == (event, False)


def test_generic_words_that_are_not_known():
    assert generic(event="rated").action == "other"
    assert parse("generic", {"event": "TEST"}).action == "test"


def test_generic_episode_by_its_place():
    told = {
        "event": "watched",
        "type": "episode",
        "title": "",
        "season": 0,
        "episode": 0,
        "show": {"title": "Severance"},
    }
    item = generic(**told).item
    assert (item.show.title, item.season_number, item.episode_number, item.year) == (
        "Severance",
        0,
        0,
        None,
    )


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"event": "progress"}, "position_seconds"),
        ({"event": "progress", "position_seconds": -1}, "position_seconds"),
        ({"event": "watched", "type": "song"}, "type"),
        ({"event": "watched", "title": ""}, "which title"),
        ({"event": "watched", "type": "episode"}, "which title"),
        (
            {"event": "watched", "type": "episode", "show": {"title": "Severance"}, "season": 1},
            "which title",
        ),
    ],
)
def test_generic_says_what_is_missing(told, words):
    with pytest.raises(BadPayload, match=words):
        generic(**told)


def test_a_number_is_an_id_wherever_one_is_meant():
    told = json.loads(
        '{"event": "watched", "ids": {"TMDB": 949, "tvdb": "", "imdb": "949"}, "id": 7}'
    )
    item = generic(**told).item
    assert (item.remote_id, item.external_ids) == ("7", {"tmdb": "949"})
