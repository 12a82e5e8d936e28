"""One transaction for each request; the write lock first where it writes, and never while a server
is asked.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import event, select
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db, lock_titles, retry_on_conflict
from mydia_web.playback.models import PlaybackProgress
from tests.cast import Cast
from tests.conftest import PASSWORD


@pytest.fixture
def began() -> Iterator[list[bool]]:
    """For every transaction that begins from now on, whether it was opened for writing."""
    db.session.rollback()  # the test shares its session with the request
    found: list[bool] = []

    def note(connection: Connection) -> None:
        found.append(bool(connection.get_execution_options().get("mydia_write", False)))

    event.listen(Engine, "begin", note)
    yield found
    event.remove(Engine, "begin", note)


def test_a_mark_opens_its_transaction_for_writing_before_it_reads(
    browser_of_alice: FlaskClient, began: list[bool]
) -> None:
    browser_of_alice.post("/movies/1/watched")
    assert began[0] is True


PAGES = [
    *(
        "/",
        "/history",
        "/library",
        "/queue",
        "/queue/rows",
        "/sources",
        "/sources/new",
        "/settings",
    ),
    *("/movies/1", "/shows/2", "/shows/2/seasons/1", "/episodes/1", "/metrics", "/healthz"),
]


@pytest.mark.parametrize("page", PAGES)
def test_a_page_that_only_reads_takes_no_write_lock(
    browser_of_alice: FlaskClient, began: list[bool], page: str
) -> None:
    assert browser_of_alice.get(page).status_code == 200
    assert set(began) == {False}


def test_checking_a_password_holds_no_write_lock(
    client: FlaskClient, cast: Cast, began: list[bool]
) -> None:
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    assert True not in began


def test_who_is_not_signed_in_takes_no_write_lock(
    client: FlaskClient, cast: Cast, began: list[bool]
) -> None:
    client.post("/movies/1/watched")
    assert True not in began


def test_every_view_that_may_wait_for_a_server_says_so(app: Flask) -> None:
    waiting = {name for name, view in app.view_functions.items() if _waits(view)}
    assert {"auth.sign_in_with_password", "setup.create_first_user"} < waiting


def _waits(view: Any) -> bool:
    return bool(getattr(view, "talks_to_servers", False))


def test_opening_to_write_after_reading_is_a_fault_of_ours_that_shows_at_once(cast: Cast) -> None:
    begin_write()
    begin_write()
    db.session.rollback()
    db.session.scalar(select(User.id))
    with pytest.raises(RuntimeError, match="before it was opened to write"):
        begin_write()


def test_a_click_that_another_was_in_the_way_of_is_run_again(
    app: Flask, browser_of_alice: FlaskClient, cast: Cast
) -> None:
    """Its transaction was ended, as a deadlock would end it; nobody is told, for the second time it
    goes through.
    """
    if db.engine.dialect.name != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    alice, film = cast.alice.id, cast.film.id
    db.session.commit()
    gave_up = Event()

    def hurry(connection: Connection) -> None:
        connection.exec_driver_sql("SET LOCAL lock_timeout = 50")

    def note(_context: object) -> None:
        gave_up.set()

    def click() -> int:
        return browser_of_alice.post(f"/movies/{film}/watched").status_code

    event.listen(db.engine, "begin", hurry)
    event.listen(db.engine, "handle_error", note)
    with ThreadPoolExecutor(1) as pool, app.app_context():
        lock_titles([(alice, film)])
        clicked = pool.submit(click)
        assert gave_up.wait(20)
        db.session.rollback()
        assert clicked.result(20) == 303
    assert db.session.scalar(select(PlaybackProgress.watched))


def test_what_has_committed_is_not_run_again(app: Flask, session: object) -> None:
    class Conflict(Exception):
        sqlstate = "40P01"

    runs: list[int] = []

    def transaction() -> None:
        runs.append(1)
        raise OperationalError("", None, Conflict())

    with pytest.raises(OperationalError):
        retry_on_conflict(transaction, can_run_again=lambda: len(runs) < 2)
    assert len(runs) == 2
