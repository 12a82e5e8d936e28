"""/settings: one's own time zone, look, password and API tokens."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mydia_web.accounts.models import ApiToken, User
from mydia_web.accounts.users import add_token, authenticate, user_of_token
from mydia_web.db import db
from tests.conftest import PASSWORD
from tests.web.conftest import HTMX


def test_the_time_zone_is_kept(browser_of_alice: FlaskClient, alice: User) -> None:
    answer = browser_of_alice.post(
        "/settings", data={"time_zone": "Europe/Berlin", "theme": "dark"}
    )
    assert (answer.status_code, answer.location) == (303, "/settings")
    db.session.expire_all()
    assert alice.time_zone == "Europe/Berlin"


def test_the_look_is_kept_by_the_browser(browser_of_alice: FlaskClient) -> None:
    browser_of_alice.post("/settings", data={"time_zone": "UTC", "theme": "dark"})
    assert 'data-theme="dark"' in browser_of_alice.get("/settings").text
    browser_of_alice.post("/settings", data={"time_zone": "UTC", "theme": "system"})
    assert "data-theme=" not in browser_of_alice.get("/settings").text


@pytest.mark.parametrize("wrong", [{"time_zone": "Mars/Base"}, {"theme": "mauve"}])
def test_a_value_there_is_not_changes_nothing(
    browser_of_alice: FlaskClient, alice: User, wrong: dict[str, str]
) -> None:
    asked = {"time_zone": "Europe/Berlin", "theme": "dark", **wrong}
    assert browser_of_alice.post("/settings", data=asked).status_code == 422
    db.session.expire_all()
    assert alice.time_zone == "UTC"


def test_a_password_is_changed_with_the_old_one_and_ends_other_sessions(
    app: Flask, browser_of_alice: FlaskClient, alice: User
) -> None:
    other = app.test_client()
    other.post("/login", data={"name": "alice", "password": PASSWORD})
    new = {"old_password": PASSWORD, "password": "a better horse"}
    assert browser_of_alice.post("/settings/password", data=new).status_code == 303
    db.session.expire_all()
    assert authenticate("alice", "a better horse") is not None
    assert browser_of_alice.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 303


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"old_password": "wrong one", "password": "a better horse"}, "not your present password"),
        ({"old_password": PASSWORD, "password": "tiny"}, "at least 8 characters"),
    ],
)
def test_a_wrong_password_changes_nothing_and_is_not_shown(
    browser_of_alice: FlaskClient, asked: dict[str, str], words: str
) -> None:
    answer = browser_of_alice.post("/settings/password", data=asked)
    assert answer.status_code == 422
    assert words in answer.text
    assert asked["password"] not in answer.text
    assert authenticate("alice", PASSWORD) is not None


def test_a_token_is_shown_once(browser_of_alice: FlaskClient, alice: User) -> None:
    answer = browser_of_alice.post("/settings/tokens", data={"name": "player"})
    found = re.search(r"mydia_[\w-]{40,}", answer.text)
    assert found is not None
    assert user_of_token(found[0]) is not None
    page = browser_of_alice.get("/settings").text
    assert "player" in page
    assert "mydia_" not in page.replace("mydia_session", "")


def test_a_token_without_a_name_is_refused_where_it_was_asked_for(
    browser_of_alice: FlaskClient,
) -> None:
    answer = browser_of_alice.post("/settings/tokens", data={"name": " "}, headers=HTMX)
    assert answer.status_code == 422
    assert "Choose a label" in answer.text
    assert "<html" not in answer.text


def test_a_revoked_token_opens_nothing(browser_of_alice: FlaskClient, alice: User) -> None:
    token = add_token(alice, "player")
    db.session.commit()
    kept = db.session.query(ApiToken).one()
    assert (
        browser_of_alice.post(f"/settings/tokens/{kept.id}/revoke", headers=HTMX).status_code == 200
    )
    assert user_of_token(token) is None


def test_a_foreign_token_is_not_found(browser_of_bob: FlaskClient, alice: User) -> None:
    token = add_token(alice, "player")
    db.session.commit()
    kept = db.session.query(ApiToken).one()
    assert browser_of_bob.post(f"/settings/tokens/{kept.id}/revoke").status_code == 404
    assert user_of_token(token) is not None


def test_a_token_name_with_markup_is_shown_as_it_is_written(
    browser_of_alice: FlaskClient, alice: User
) -> None:
    add_token(alice, "<script>alert(1)</script>")
    db.session.commit()
    assert "<script>alert" not in browser_of_alice.get("/settings").text
