"""/artwork: pictures of the user's servers from our own cache."""

import threading
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import Artwork
from mydia_web.sources.artwork import remember_artwork
from tests.cast import Cast, add_server
from tests.conftest import PASSWORD
from tests.fakes.kodi import FakeKodi
from tests.fakes.kodi_library import picture


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as kodi:
        kodi.pictures["image://poster/"] = picture(7, 400, 600)
        yield kodi


@pytest.fixture
def url(alice: User, kodi: FakeKodi) -> str:
    source = add_server("Kodi", alice, url=kodi.url)
    key = remember_artwork(source.id, "image://poster/")
    db.session.commit()
    return f"/artwork/{key}"


def test_a_picture_is_fetched_once_and_may_be_kept_for_ever(
    browser_of_alice: FlaskClient, url: str, kodi: FakeKodi
) -> None:
    for _ in range(2):
        answer = browser_of_alice.get(f"{url}?w=160")
        assert (answer.status_code, answer.mimetype) == (200, "image/webp")
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    assert len(kodi.headers) == 1


def test_where_there_is_no_picture_an_empty_card_is_drawn_and_not_kept(
    browser_of_alice: FlaskClient, url: str, kodi: FakeKodi
) -> None:
    kodi.down()
    answer = browser_of_alice.get(url)
    assert (answer.status_code, answer.mimetype) == (404, "image/svg+xml")
    assert answer.headers["Cache-Control"] == "no-store"


def test_a_picture_that_failed_is_not_asked_for_again_at_once(
    browser_of_alice: FlaskClient, url: str, kodi: FakeKodi
) -> None:
    kodi.fail_next(500)
    browser_of_alice.get(url)
    browser_of_alice.get(url)
    assert len(kodi.headers) == 1
    assert db.session.query(Artwork).one().failed_at is not None


@pytest.mark.parametrize("width", ["161", "99999999", "-1", "0"])
def test_only_known_widths_are_made(
    browser_of_alice: FlaskClient, url: str, kodi: FakeKodi, width: str
) -> None:
    assert browser_of_alice.get(f"{url}?w={width}").status_code == 404
    assert kodi.headers == []


@pytest.mark.parametrize("key", ["x", "..%2f..%2fsecret_key", "0" * 31, "G" * 32])
def test_a_key_nobody_made_is_not_found(browser_of_alice: FlaskClient, key: str) -> None:
    assert browser_of_alice.get(f"/artwork/{key}").status_code == 404


def test_an_unknown_key_is_an_empty_card(browser_of_alice: FlaskClient) -> None:
    assert browser_of_alice.get(f"/artwork/{'0' * 32}").mimetype == "image/svg+xml"


def test_nobody_sees_pictures_without_a_sign_in(
    client: FlaskClient, url: str, kodi: FakeKodi
) -> None:
    assert client.get(url).status_code == 303
    assert kodi.headers == []


def test_two_requests_at_once_fetch_it_once_and_hold_up_no_writer(
    app: Flask, cast: Cast, url: str, kodi: FakeKodi
) -> None:
    kodi.delay = 0.3
    answers: list[int] = []

    def ask() -> None:
        browser = app.test_client()
        browser.post("/login", data={"name": "alice", "password": PASSWORD})
        answers.append(browser.get(f"{url}?w=320").status_code)

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    cast.film.title = "Sintel, restored"
    db.session.commit()
    for thread in threads:
        thread.join()
    assert answers == [200, 200]
    assert len(kodi.headers) == 1
