"""The first run."""

from flask import Flask
from flask.testing import FlaskClient

from mydia_web.accounts.users import get_user
from tests.cast import Cast

FIRST = {"name": "alice", "password": "correct horse", "time_zone": "Asia/Tokyo"}


def test_every_page_leads_to_setup_while_nobody_is_there(empty_app: Flask) -> None:
    client = empty_app.test_client()
    for page in ("/", "/history", "/login"):
        assert client.get(page).location == "/setup"
    assert client.get("/setup").status_code == 200


def test_the_first_user_is_an_admin_signed_in_and_asked_for_a_source(empty_app: Flask) -> None:
    client = empty_app.test_client()
    answer = client.post("/setup", data=FIRST)
    assert (answer.status_code, answer.location) == (303, "/sources/new")
    assert client.get("/").status_code == 200
    with empty_app.app_context():
        user = get_user("alice")
        assert (user.is_admin, user.time_zone) == (True, "Asia/Tokyo")


def test_a_time_zone_only_the_browser_knows_is_no_reason_to_stop(empty_app: Flask) -> None:
    empty_app.test_client().post("/setup", data=FIRST | {"time_zone": "Mars/Olympus"})
    with empty_app.app_context():
        assert get_user("alice").time_zone == "UTC"


def test_setup_says_what_is_wrong_and_keeps_the_name(empty_app: Flask) -> None:
    answer = empty_app.test_client().post("/setup", data=FIRST | {"password": "short"})
    assert answer.status_code == 422
    assert "at least 8 characters" in answer.text
    assert 'value="alice"' in answer.text


def test_setup_is_over_once_there_is_a_user(client: FlaskClient, cast: Cast) -> None:
    assert client.get("/setup").location == "/login"
    assert client.post("/setup", data=FIRST | {"name": "mallory"}).location == "/login"
    answer = client.post("/login", data={"name": "mallory", "password": FIRST["password"]})
    assert answer.status_code == 422


def test_of_two_who_set_up_at_once_one_wins(empty_app: Flask) -> None:
    first, second = empty_app.test_client(), empty_app.test_client()
    first.get("/setup")
    second.get("/setup")
    assert first.post("/setup", data=FIRST).location == "/sources/new"
    assert second.post("/setup", data=FIRST | {"name": "mallory"}).location == "/login"
