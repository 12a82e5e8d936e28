"""What other plugins and templates of Jellyfin send: each act, and what it says of watched and
position.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import read
from mydia_web.backends.values import Event, RemoteShow, RemoteState

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WATCHED = {
    "Played": True,
    "PlaybackPositionTicks": 0,
    "PlayCount": 1,
    "LastPlayedDate": "2026-01-02T03:04:05Z",
}
BEGUN = {"Played": False, "PlaybackPositionTicks": 6_000_000_000, "PlayCount": 1}
EPISODE = {
    "Name": "The Pilot",
    "Id": "9250ab3d5e2f4cf6a3ab0e0aa52f7d77",
    "Type": "Episode",
    "SeriesName": "Harbour Lights",
    "ParentIndexNumber": 1,
    "IndexNumber": 0,
    "RunTimeTicks": 15_000_000_000,
}
PEOPLE = {"User": {"Name": "alice", "Id": "7f7f"}, "Server": {"Id": "5e5e", "Name": "Attic"}}


def sent(event: str, **item: Any) -> Event:
    payload = {"Event": event, "Item": {**EPISODE, **item}, **PEOPLE}
    return read("jellyfin", "application/json", json.dumps(payload).encode())


@pytest.mark.parametrize(
    ("event", "data", "action", "state", "tells"),
    [
        (
            "MarkPlayed",
            WATCHED,
            "marked",
            RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=AT),
            (True, True),
        ),
        ("MarkPlayed", {}, "marked", RemoteState(watched=True), (True, False)),
        ("MarkPlayed", {"Played": False}, "marked", RemoteState(watched=True), (True, False)),
        (
            "MarkUnplayed",
            {"Played": False, "PlaybackPositionTicks": 0},
            "marked",
            RemoteState(watched=False),
            (True, True),
        ),
        ("MarkUnplayed", {}, "marked", RemoteState(watched=False), (True, False)),
        ("Scrobble", BEGUN, "played", RemoteState(watched=True), (True, False)),
        (
            "Stop",
            WATCHED,
            "saved",
            RemoteState(watched=True, position_ms=0, play_count=1, last_played_at=AT),
            (True, True),
        ),
        (
            "Stop",
            BEGUN,
            "saved",
            RemoteState(watched=False, position_ms=600_000, play_count=1),
            (True, True),
        ),
        ("Stop", {"Played": True}, "played", RemoteState(watched=True), (True, False)),
        ("Stop", {"Played": "True"}, "played", RemoteState(watched=True), (True, False)),
        ("Stop", {"Played": False}, "stopped", RemoteState(watched=False), (False, False)),
        ("Stop", {"Played": ""}, "stopped", RemoteState(watched=False), (False, False)),
        (
            "Stop",
            {"PlaybackPositionTicks": 6_000_000_000},
            "stopped",
            RemoteState(watched=False, position_ms=600_000),
            (False, True),
        ),
        ("Play", BEGUN, "playing", None, (False, False)),
        ("Resume", WATCHED, "playing", None, (False, False)),
        ("Progress", BEGUN, "playing", None, (False, False)),
        ("Pause", BEGUN, "paused", None, (False, False)),
    ],
)
def test_each_act_says_what_it_says_and_no_more(
    event: str,
    data: dict[str, Any],
    action: str,
    state: RemoteState | None,
    tells: tuple[bool, bool],
) -> None:
    told = sent(event, UserData=data)
    assert told.item is not None
    assert (told.action, told.item.state) == (action, state)
    assert (told.tells_watched, told.tells_position) == tells
    assert (told.server_id, told.remote_user_id, told.remote_user_name) == ("5e5e", "7f7f", "alice")


@pytest.mark.parametrize("event", ["stop", "STOP", "Stop"])
def test_an_episode_comes_with_its_place_and_without_empty_ids(event: str) -> None:
    told = sent(
        event,
        ProviderIds={"Tmdb": "", "Imdb": "tt1", "Tvdb": None},
        UserData={"Played": True},
        Id="",
    )
    assert told.item is not None
    assert (told.item.remote_id, told.item.external_ids) == ("", {"imdb": "tt1"})
    assert (told.item.show, told.item.season_number, told.item.episode_number) == (
        RemoteShow(title="Harbour Lights"),
        1,
        0,
    )


@pytest.mark.parametrize(
    ("event", "type_"), [("Stop", "Audio"), ("Rate", "Movie"), ("ItemAdded", "Episode")]
)
def test_what_is_nothing_of_ours_is_passed_over(event: str, type_: str) -> None:
    assert sent(event, Type=type_, UserData=WATCHED).action == "other"


@pytest.mark.parametrize(
    ("kind", "payload", "words"),
    [
        (
            "emby",
            {"Event": "Stop", "Item": EPISODE},
            "This is what Jellyfin's Webhook plugin sends",
        ),
        ("jellyfin", {"Event": "playback.stop", "Item": EPISODE}, "This is what Emby sends"),
        ("jellyfin", {"Event": "Stop"}, "This JSON is not what Jellyfin's Webhook plugin sends"),
        ("emby", {"Event": "Stop"}, "This JSON is not what Emby sends"),
        (
            "jellyfin",
            {"event": "media.stop", "owner": True, "Metadata": {}},
            "or a plugin in its form",
        ),
    ],
)
def test_what_is_not_understood_is_refused_for_a_true_reason(
    kind: str, payload: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadPayload) as refused:
        read(kind, "application/json", json.dumps(payload).encode())
    assert words in refused.value.message
