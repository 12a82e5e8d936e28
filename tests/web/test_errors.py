"""What people are told when something goes wrong."""

import logging
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy.exc import OperationalError

from mydia_web.db import db
from mydia_web.errors import InvalidValue
from mydia_web.playback import Act, get_progress
from mydia_web.web import watch
from mydia_web.web.items import views as items
from tests.cast import Cast
from tests.web.conftest import HTMX


def _fail(error: Exception) -> Callable[..., None]:
    def failing(*_args: object, **_named: object) -> None:
        raise error

    return failing


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_our_own_fault_is_admitted_logged_and_not_shown(
    app: Flask,
    browser_of_alice: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    headers: dict[str, str],
) -> None:
    app.testing = False
    monkeypatch.setitem(watch._LISTS, "continue", _fail(RuntimeError("the secret reason")))
    with caplog.at_level(logging.ERROR):
        answer = browser_of_alice.get("/", headers=headers)
    assert answer.status_code == 500
    assert "our fault" in answer.text
    assert "secret reason" not in answer.text
    assert "Traceback" not in answer.text
    assert "the secret reason" in caplog.text
    assert ("<html" in answer.text) is not bool(headers)


def test_a_busy_database_says_so_and_may_be_tried_again(
    browser_of_alice: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    busy = OperationalError("UPDATE", {}, Exception("database is locked"))
    monkeypatch.setattr(Act, "mark_watched", _fail(busy))
    answer = browser_of_alice.post("/movies/1/watched", headers=HTMX)
    assert answer.status_code == 503
    assert "try again in a moment" in answer.text


def test_a_change_that_fails_half_way_leaves_nothing(
    browser_of_alice: FlaskClient, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(items, "_answer", _fail(InvalidValue("at", "The time lies in the future.")))
    answer = browser_of_alice.post("/movies/1/watched")
    assert answer.status_code == 422
    assert "The time lies in the future." in answer.text
    db.session.rollback()
    assert get_progress(cast.alice.id, cast.film) is None


def test_what_is_too_large_is_refused_in_words(app: Flask, browser_of_alice: FlaskClient) -> None:
    app.config["MAX_CONTENT_LENGTH"] = 1000
    answer = browser_of_alice.post("/movies/1/watched", data={"next": "x" * 2000})
    assert answer.status_code == 413
    assert "larger than this server accepts" in answer.text


def test_errors_of_unknown_addresses_need_no_sign_in_and_tell_nothing(
    client: FlaskClient, cast: Cast
) -> None:
    assert client.get("/no/such/page").status_code == 404
    assert client.get("/api/v1/no/such/page").json == {
        "error": "There is nothing here. It may have been removed, or the address was mistyped."
    }


@pytest.mark.parametrize(
    "address",
    [
        "/movies/99999999999999999999",
        "/undo/99999999999999999999",
        "/history?before=9999-12-31T23:59:59%2B00:00~99999999999999999999999",
        "/?before=0001-01-01T00:00:00%2B14:00",
    ],
)
def test_numbers_beyond_all_bounds_break_nothing(
    browser_of_alice: FlaskClient, address: str
) -> None:
    method = "POST" if address.startswith("/undo") else "GET"
    assert browser_of_alice.open(address, method=method).status_code in (200, 404, 422)
