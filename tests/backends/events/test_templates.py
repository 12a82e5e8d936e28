"""The templates we ship, filled in as the servers fill them in, say the same as the servers' own
payloads.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mydia_web.backends.events.reading import TEMPLATES, read
from mydia_web.backends.values import Event, RemoteShow
from tests.backends.events.handlebars import expand
from tests.backends.events.payloads import body, payload

DOCS = Path(__file__).parents[3] / "docs" / "webhooks.md"


def dashed(value: object) -> object:
    """In a template, ids have dashes."""
    if not isinstance(value, str) or not re.fullmatch("[0-9a-f]{32}", value):
        return value
    return "-".join((value[:8], value[8:12], value[12:16], value[16:20], value[20:]))


@pytest.mark.parametrize(
    "name",
    [
        "made.jellyfin.UserDataSaved.movie.TogglePlayed.json",
        "made.jellyfin.UserDataSaved.movie.UpdateUserData-progress.json",
        "made.jellyfin.UserDataSaved.episode.TogglePlayed-unplayed.json",
        "made.jellyfin.PlaybackProgress.movie.json",
        "made.jellyfin.PlaybackStop.movie.json",
    ],
)
def test_jellyfin_template_says_what_all_properties_say(name):
    values = {key: dashed(value) for key, value in payload(name).items()}
    filled = expand(TEMPLATES["jellyfin"], values)
    assert read("jellyfin", "text/plain; charset=utf-8", filled.encode()) == read(
        "jellyfin", "", body(name)
    )


def test_jellyfin_template_survives_quotes_and_signs():
    values = payload("made.jellyfin.PlaybackStop.movie.json") | {
        "Name": 'Tom & \\"Jerry\\"',
        "DeviceName": 'Tom\'s "TV" & <co>',
        "PlayedToCompletion": True,
    }
    event = read("jellyfin", "text/plain", expand(TEMPLATES["jellyfin"], values).encode())
    assert (event.action, event.item.title) == ("played", 'Tom & "Jerry"')
    assert event.device == 'Tom\'s "TV" & <co>'


TAUTULLI: Mapping[str, object] = {
    "action": "watched",
    "user_id": 1,
    "username": "alice",
    "server_machine_id": "abc",
    "rating_key": 4711,
    "player": "Living room",
    "media_type": "movie",
    "title": "Big Buck Bunny",
    "episode_name": "",
    "show_name": "",
    "season_num": "",
    "episode_num": "",
    "year": 2008,
    "duration_ms": 596458,
    "view_offset": 560000,
    "imdb_id": "tt1254207",
    "themoviedb_id": 10378,
    "thetvdb_id": "",
}
EPISODE: Mapping[str, object] = TAUTULLI | {
    "action": "pause",
    "media_type": "episode",
    "title": 'Severance - Say "Hello"',
    "episode_name": 'Say "Hello"',
    "show_name": "Severance",
    "season_num": 0,
    "episode_num": "6-7",
    "year": 2022,
    "imdb_id": "tt11280740",
    "themoviedb_id": 95396,
}


def tautulli(template: str, values: Mapping[str, object]) -> Event:
    """Tautulli fills in the strings of the parsed JSON, one by one."""

    def filled(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: filled(inner) for name, inner in value.items()}
        if not isinstance(value, str):
            return value
        return re.sub(r"\{(\w+)\}", lambda match: str(values.get(match[1], "")), value)

    return read("tautulli", "application/json", json.dumps(filled(json.loads(template))).encode())


def test_tautulli_template_for_a_film():
    event = tautulli(TEMPLATES["tautulli"], TAUTULLI)
    assert (event.action, event.name, event.at) == ("played", "tautulli.watched", None)
    assert (event.server_id, event.remote_user_id, event.remote_user_name) == ("abc", "1", "alice")
    assert (event.item.remote_id, event.item.title, event.item.year) == (
        "4711",
        "Big Buck Bunny",
        2008,
    )
    assert event.item.external_ids == {"imdb": "tt1254207", "tmdb": "10378"}
    assert (event.device, event.item.runtime_seconds) == ("Living room", 596)


def test_tautulli_template_for_an_episode():
    event = tautulli(TEMPLATES["tautulli"], EPISODE)
    assert (event.action, event.tells_position, event.item.state.position_ms) == (
        "paused",
        True,
        560_000,
    )
    assert (event.item.title, event.item.external_ids) == ('Say "Hello"', {})
    assert event.item.show == RemoteShow(
        title="Severance", external_ids={"imdb": "tt11280740", "tmdb": "95396"}
    )
    assert (event.item.season_number, event.item.episode_number) == (0, 6)


def test_tautulli_template_that_was_made_for_another_program():
    template = body("tautulli.template.watchstate.json").decode()
    ours, theirs = tautulli(TEMPLATES["tautulli"], EPISODE), tautulli(template, EPISODE)
    assert theirs == ours
    film = tautulli(template, TAUTULLI | {"episode_name": "Big Buck Bunny"})
    assert replace(film.item, year=2008) == tautulli(TEMPLATES["tautulli"], TAUTULLI).item


def test_a_template_that_was_not_filled_in_is_a_test():
    assert read("tautulli", "", TEMPLATES["tautulli"].encode()).action == "test"


def test_generic_template_is_an_example_that_works():
    event = read("generic", "", TEMPLATES["generic"].encode())
    assert (event.action, event.item.state.position_ms) == ("state", 1_250_000)


@pytest.mark.parametrize("kind", TEMPLATES)
def test_the_documentation_has_the_template(kind):
    assert TEMPLATES[kind] in DOCS.read_text(encoding="utf-8")


def test_every_example_in_the_documentation_is_read():
    text = DOCS.read_text(encoding="utf-8").split("## Anything else")[1]
    examples = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    actions = [read("generic", "application/json", example.encode()).action for example in examples]
    assert set(actions) == {"played", "marked", "state", "playing", "paused", "stopped", "test"}
