"""What tests of pages stand on: who is signed in, what htmx sends, and a count of the statements a
page runs.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event
from sqlalchemy.engine import Engine

from mydia_web.accounts.users import add_token
from mydia_web.db import db
from tests.cast import Cast
from tests.conftest import PASSWORD

HTMX = {"HX-Request": "true"}


@pytest.fixture
def browser_of_bob(app: Flask, cast: Cast) -> FlaskClient:
    client = app.test_client()
    client.post("/login", data={"name": "bob", "password": PASSWORD})
    return client


@pytest.fixture
def token(cast: Cast) -> dict[str, str]:
    """The header with which alice's player signs its requests."""
    text = add_token(cast.alice, "player")
    db.session.commit()
    return {"Authorization": f"Bearer {text}"}


@pytest.fixture
def strict_app(app: Flask) -> Flask:
    """The application with its CSRF check, as people get it."""
    app.config["WTF_CSRF_ENABLED"] = True
    return app


@pytest.fixture
def count_queries() -> Callable[[], AbstractContextManager[list[str]]]:
    """`with count_queries() as ran:` collects every statement that the database is given."""

    @contextmanager
    def counting() -> Iterator[list[str]]:
        ran: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            if not statement.startswith(("BEGIN", "PRAGMA")):
                ran.append(statement)

        event.listen(Engine, "before_cursor_execute", note)
        try:
            yield ran
        finally:
            event.remove(Engine, "before_cursor_execute", note)

    return counting


@pytest.fixture
def empty_app(app: Flask) -> Flask:
    """An application that nobody has set up yet."""
    return app
