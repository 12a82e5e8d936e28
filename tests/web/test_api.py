"""The API for players and scripts."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mydia_web.accounts.models import ApiToken
from mydia_web.db import db
from mydia_web.library.models import ExternalId
from mydia_web.playback import get_progress, mark_watched
from mydia_web.playback.history import count_plays
from tests.cast import Cast
from tests.conftest import Clock

Headers = dict[str, str]
HALF = {"position_seconds": 1250, "duration_seconds": 5400}


@pytest.mark.parametrize("kind", ["movie", "episode"])
def test_a_position_is_saved_and_read_back(
    client: FlaskClient, cast: Cast, token: Headers, kind: str
) -> None:
    address = f"/api/v1/playback/{kind}/1"
    nothing = client.get(address, headers=token)
    assert nothing.status_code == 200
    assert nothing.json == {
        "position_seconds": 0,
        "duration_seconds": 900 if kind == "movie" else 1500,
        "completion_percentage": 0,
        "watched": False,
        "last_watched_at": None,
    }
    saved = client.post(address, json=HALF, headers=token)
    assert saved.status_code == 200
    assert saved.json
    assert {name: saved.json[name] for name in HALF} == HALF
    assert saved.json["completion_percentage"] == pytest.approx(23.148, abs=0.001)
    assert saved.json["watched"] is False
    assert datetime.fromisoformat(saved.json["last_watched_at"]).tzinfo is not None
    assert client.get(address, headers=token).json == saved.json


def test_ninety_percent_is_watched(client: FlaskClient, cast: Cast, token: Headers) -> None:
    body = {"position_seconds": 4860.5, "duration_seconds": 5400}
    answer = client.post("/api/v1/playback/movie/1", json=body, headers=token)
    assert answer.json
    assert answer.json["watched"] is True
    assert count_plays(cast.alice.id) == 1


def test_a_position_may_come_with_its_time(
    client: FlaskClient, cast: Cast, token: Headers, set_clock: Clock
) -> None:
    at = set_clock.now() - timedelta(hours=2)
    client.post("/api/v1/playback/movie/1", json=HALF | {"at": at.isoformat()}, headers=token)
    progress = get_progress(cast.alice.id, cast.film)
    assert progress
    assert progress.last_watched_at == at


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"duration_seconds": 5400}, "position_seconds"),
        ({"position_seconds": "1250", "duration_seconds": 5400}, "position_seconds"),
        ({"position_seconds": True, "duration_seconds": 5400}, "position_seconds"),
        ({"position_seconds": None, "duration_seconds": 5400}, "position_seconds"),
        ({"position_seconds": -1, "duration_seconds": 5400}, "position_seconds"),
        ({"position_seconds": 1, "duration_seconds": 0}, "duration_seconds"),
        ({"position_seconds": 1, "duration_seconds": 1e300}, "duration_seconds"),
        (HALF | {"at": "2026-11-21T20:00:00"}, "at"),
        (HALF | {"at": "2999-11-21T20:00:00Z"}, "at"),
        ([1, 2], "body"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(
    client: FlaskClient, cast: Cast, token: Headers, body: object, field: str
) -> None:
    answer = client.post("/api/v1/playback/movie/1", json=body, headers=token)
    assert answer.status_code == 422
    assert answer.json
    assert list(answer.json["errors"]) == [field]
    assert all(isinstance(text, str) for text in answer.json["errors"][field])
    assert get_progress(cast.alice.id, cast.film) is None


@pytest.mark.parametrize(
    "text", ["", "{", '{"position_seconds": NaN, "duration_seconds": 5400}', "\x00", "[" * 5000]
)
def test_what_is_no_json_is_refused_in_json(
    client: FlaskClient, cast: Cast, token: Headers, text: str
) -> None:
    answer = client.post(
        "/api/v1/playback/movie/1", data=text, headers=token | {"Content-Type": "application/json"}
    )
    assert answer.status_code == 422
    assert answer.json
    assert answer.json["errors"]


def test_a_form_is_no_json(client: FlaskClient, cast: Cast, token: Headers) -> None:
    answer = client.post("/api/v1/playback/movie/1", data=HALF, headers=token)
    assert (answer.status_code, answer.content_type) == (415, "application/json")


@pytest.mark.parametrize(
    "address", ["playback/movie/99", "playback/episode/99", "playback/movie/2", "nothing"]
)
def test_what_is_unknown_is_404_in_json(
    client: FlaskClient, cast: Cast, token: Headers, address: str
) -> None:
    answer = client.get(f"/api/v1/{address}", headers=token)
    assert (answer.status_code, answer.content_type) == (404, "application/json")
    assert answer.json
    assert answer.json["error"]


@pytest.mark.parametrize(
    "header", ["Bearer wrong", "Bearer ", "Basic YWxpY2U6eA==", "Bearer", "x" * 3000]
)
def test_a_wrong_token_is_401_in_json(client: FlaskClient, cast: Cast, header: str) -> None:
    for method in ("GET", "POST"):
        answer = client.open(
            "/api/v1/playback/movie/1", method=method, headers={"Authorization": header}, json=HALF
        )
        assert (answer.status_code, answer.content_type) == (401, "application/json")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_token_opens_no_page(client: FlaskClient, cast: Cast, token: Headers) -> None:
    assert client.get("/history", headers=token).status_code == 303


def test_the_use_of_a_token_is_noted(client: FlaskClient, cast: Cast, token: Headers) -> None:
    client.get("/api/v1/playback/movie/1", headers=token)
    db.session.rollback()
    assert db.session.query(ApiToken).one().last_used_at is not None


def test_a_player_needs_no_form_token_but_a_browser_does(
    strict_app: Flask, cast: Cast, token: Headers
) -> None:
    player = strict_app.test_client()
    assert player.post("/api/v1/playback/movie/1", json=HALF, headers=token).status_code == 200
    strict_app.config["WTF_CSRF_ENABLED"] = False
    browser = strict_app.test_client()
    browser.post("/login", data={"name": "alice", "password": "correct horse"})
    strict_app.config["WTF_CSRF_ENABLED"] = True
    assert browser.get("/api/v1/playback/movie/1").status_code == 200
    refused = browser.post("/api/v1/playback/movie/1", json=HALF)
    assert (refused.status_code, refused.content_type) == (400, "application/json")


def test_everybody_has_a_position_of_their_own(
    client: FlaskClient, cast: Cast, token: Headers
) -> None:
    client.post("/api/v1/playback/movie/1", json=HALF, headers=token)
    assert get_progress(cast.bob.id, cast.film) is None


def test_marking_and_unmarking_by_a_script(client: FlaskClient, cast: Cast, token: Headers) -> None:
    marked = client.post("/api/v1/playback/episode/2/watched", headers=token).json
    assert marked
    assert marked["watched"] is True
    unmarked = client.delete("/api/v1/playback/episode/2/watched", headers=token).json
    assert unmarked
    assert (unmarked["watched"], unmarked["last_watched_at"]) == (False, None)


def test_continue_watching_lists_what_is_under_way(
    client: FlaskClient, cast: Cast, token: Headers
) -> None:
    client.post("/api/v1/playback/movie/1", json=HALF, headers=token)
    client.post(f"/api/v1/playback/episode/{cast.episode(1, 1).id}/watched", headers=token)
    lists = client.get("/api/v1/continue-watching", headers=token).json
    assert lists
    assert [(card["kind"], card["id"], card["title"]) for card in lists["continue_watching"]] == [
        ("movie", 1, "Sintel")
    ]
    assert lists["continue_watching"][0]["position_seconds"] == 1250
    assert [card["episode_title"] for card in lists["up_next"]] == ["Chapter 1.2"]


def test_history_is_read_page_by_page(client: FlaskClient, cast: Cast, token: Headers) -> None:
    for number in (1, 2, 3):
        mark_watched(
            cast.alice.id, cast.episode(1, number), at=datetime(2026, 11, number, tzinfo=UTC)
        )
    mark_watched(cast.alice.id, cast.film, date_unknown=True)
    db.session.commit()
    titles: list[str] = []
    before: str | None = ""
    while before is not None:
        query = {"limit": 3} | ({"before": before} if before else {})
        page = client.get("/api/v1/history", query_string=query, headers=token).json
        assert page
        titles += [play["episode_title"] or play["title"] for play in page["plays"]]
        before = page["next"]
    assert titles == ["Chapter 1.3", "Chapter 1.2", "Chapter 1.1", "Sintel"]


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=x", "limit=-1", "before=x", "limit=²"]
)
def test_a_wrong_page_of_history_is_refused(
    client: FlaskClient, cast: Cast, token: Headers, query: str
) -> None:
    answer = client.get(f"/api/v1/history?{query}", headers=token)
    assert answer.status_code == 422
    assert answer.json
    assert list(answer.json["errors"]) == [query.partition("=")[0]]


def test_a_script_finds_ids_by_what_catalogues_say_and_by_title(
    client: FlaskClient, cast: Cast, token: Headers
) -> None:
    db.session.add(
        ExternalId(episode_id=cast.episode(1, 2).id, provider="tvdb", kind="episode", value="77")
    )
    db.session.commit()
    by_id = client.get("/api/v1/library?external_id=imdb:tt1727587", headers=token).json
    assert by_id == {"items": [{"kind": "movie", "id": 1, "title": "Sintel", "year": 2010}]}
    episode = client.get("/api/v1/library?external_id=tvdb:77", headers=token).json
    assert episode
    assert [(one["kind"], one["show"], one["episode_number"]) for one in episode["items"]] == [
        ("episode", "Harbour Lights", 2)
    ]
    by_title = client.get("/api/v1/library?q=harbour", headers=token).json
    assert by_title
    assert [one["kind"] for one in by_title["items"]] == ["show"]
    assert client.get("/api/v1/library?external_id=imdb:tt0", headers=token).json == {"items": []}
    assert client.get("/api/v1/library", headers=token).status_code == 422
    assert client.get("/api/v1/library?external_id=tt1727587", headers=token).status_code == 422
    listed = client.get(f"/api/v1/shows/{cast.show.id}/episodes", headers=token).json
    assert listed
    assert len(listed["episodes"]) == 7


def test_json_answers_carry_no_page_of_words(
    client: FlaskClient, cast: Cast, token: Headers
) -> None:
    answer = client.delete("/api/v1/history", headers=token)
    assert (answer.status_code, answer.content_type) == (405, "application/json")
    assert json.loads(answer.text)["error"]
