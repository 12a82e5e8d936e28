"""Who gets in."""

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.accounts.users import hash_password
from mydia_web.db import db
from tests.cast import Cast
from tests.conftest import PASSWORD
from tests.web.conftest import HTMX


def _addresses(app: Flask) -> list[tuple[str, str, str]]:
    """Every (endpoint, method, address), with 1 for every number and a word for every name."""
    found = []
    for rule in app.url_map.iter_rules():
        address = re.sub(r"<any\(([^,)]+)[^>]*>", r"\1", rule.rule)
        address = re.sub(r"<[^>]+>", "1", address)
        methods = (rule.methods or set()) - {"HEAD", "OPTIONS"}
        found += [(rule.endpoint, method, address) for method in methods]
    return found


def _is_public(app: Flask, endpoint: str) -> bool:
    return endpoint == "static" or bool(getattr(app.view_functions[endpoint], "public", False))


def test_every_page_that_is_not_public_asks_to_sign_in(
    app: Flask, client: FlaskClient, cast: Cast
) -> None:
    closed = [one for one in _addresses(app) if not _is_public(app, one[0])]
    assert len(closed) > 20
    for endpoint, method, address in closed:
        answer = client.open(address, method=method)
        if address.startswith(("/api/", "/metrics")):
            assert (answer.status_code, answer.content_type) == (401, "application/json"), (
                endpoint,
                method,
            )
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        else:
            assert answer.status_code == 303, (endpoint, method)
            assert answer.location.startswith("/login"), (endpoint, method)


def test_only_these_pages_are_public(app: Flask) -> None:
    public = {endpoint for endpoint in app.view_functions if _is_public(app, endpoint)}
    assert public == {
        *("static", "auth.login", "auth.sign_in_with_password", "auth.logout"),
        *("setup.index", "setup.create_first_user", "monitoring.health", "webhooks.receive"),
    }


def test_the_way_in_leads_back_to_the_page_that_was_asked_for(
    client: FlaskClient, cast: Cast
) -> None:
    turned_away = client.get("/history?before=unknown~3")
    assert turned_away.location == "/login?next=/history?before%3Dunknown~3"
    answer = client.post(turned_away.location, data={"name": "alice", "password": PASSWORD})
    assert (answer.status_code, answer.location) == (303, "/history?before=unknown~3")


def test_a_part_of_a_page_is_not_replaced_by_the_sign_in_form(
    client: FlaskClient, cast: Cast
) -> None:
    answer = client.get("/history", headers=HTMX)
    assert answer.headers["HX-Redirect"] == "/login"
    assert answer.text == ""


@pytest.mark.parametrize(
    "elsewhere",
    [
        "https://evil.example/",
        "//evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:x",
    ],
)
def test_sign_in_leads_to_no_other_site(client: FlaskClient, cast: Cast, elsewhere: str) -> None:
    answer = client.post("/login", data={"name": "alice", "password": PASSWORD, "next": elsewhere})
    assert answer.location == "/"


def test_a_wrong_password_and_an_unknown_name_get_the_same_words(
    client: FlaskClient, cast: Cast
) -> None:
    wrong = client.post("/login", data={"name": "alice", "password": "wrong password"})
    unknown = client.post("/login", data={"name": "alice2", "password": "wrong password"})
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text.replace("alice", "") == unknown.text.replace("alice2", "")
    assert "Wrong name or password." in wrong.text


def test_names_have_no_case_at_sign_in(client: FlaskClient, cast: Cast) -> None:
    assert client.post("/login", data={"name": " Alice ", "password": PASSWORD}).status_code == 303


def test_after_signing_out_pages_are_closed_again(browser_of_alice: FlaskClient) -> None:
    assert browser_of_alice.get("/history").status_code == 200
    assert browser_of_alice.post("/logout").status_code == 303
    assert browser_of_alice.get("/history").status_code == 303


def test_nobody_is_signed_out_by_a_link(browser_of_alice: FlaskClient) -> None:
    assert browser_of_alice.get("/logout").status_code == 405
    assert browser_of_alice.get("/history").status_code == 200


def test_a_new_password_ends_every_session(browser_of_alice: FlaskClient, alice: User) -> None:
    alice.password_hash = hash_password("another password")
    db.session.commit()
    assert browser_of_alice.get("/history").location.startswith("/login")


def test_a_removed_user_is_signed_out(browser_of_alice: FlaskClient, alice: User) -> None:
    db.session.delete(alice)
    db.session.commit()
    assert browser_of_alice.get("/history").status_code == 303


def test_what_a_session_held_before_sign_in_is_gone(client: FlaskClient, cast: Cast) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by someone else"
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    with client.session_transaction() as session:
        assert "planted" not in session


def test_the_eleventh_try_within_a_minute_is_refused_in_words(app: Flask, cast: Cast) -> None:
    from mydia_web.web.frame.auth import limiter  # noqa: PLC0415 - one test switches it on

    limiter.enabled = True
    try:
        client = app.test_client()
        answers = [client.post("/login", data={"name": "x", "password": "y"}) for _ in range(11)]
    finally:
        limiter.enabled = False
        limiter.reset()
    assert answers[9].status_code == 422
    assert answers[10].status_code == 429
    assert "Wait a minute" in answers[10].text


def test_a_form_without_its_token_is_refused_and_says_why(strict_app: Flask, cast: Cast) -> None:
    client = strict_app.test_client()
    answer = client.post("/login", data={"name": "alice", "password": PASSWORD})
    assert answer.status_code == 400
    assert "open for too long" in answer.text


def test_a_form_with_its_token_is_accepted(strict_app: Flask, cast: Cast) -> None:
    client = strict_app.test_client()
    page = client.get("/login").text
    token = page.split('name="csrf_token"')[1].split('value="')[1].split('"')[0]
    answer = client.post(
        "/login", data={"name": "alice", "password": PASSWORD, "csrf_token": token}
    )
    assert answer.status_code == 303
    refused = client.post("/movies/1/watched", headers=HTMX)
    assert refused.status_code == 400
    assert "open for too long" in refused.text
    assert "<html" not in refused.text


def test_pages_may_be_kept_by_nobody_and_framed_by_nobody(browser_of_alice: FlaskClient) -> None:
    headers = browser_of_alice.get("/").headers
    assert headers["Cache-Control"] == "private, no-store"
    assert "HX-Request" in headers["Vary"]
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


def test_health_needs_no_sign_in(client: FlaskClient) -> None:
    assert client.get("/healthz").json == {"status": "ok"}
