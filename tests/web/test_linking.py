"""Signing in by a code: shown, polled as often as allowed, confirmed, expired, cancelled."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.sources.credentials import decrypt
from mydia_web.sources.models import AccountLink, Pull, Source
from mydia_web.sources.overview import account_on
from tests.fakes.jellyfin import FakeJellyfin
from tests.web.conftest import HTMX


@pytest.fixture
def jellyfin() -> Iterator[FakeJellyfin]:
    with FakeJellyfin() as jellyfin:
        jellyfin.add_person("alice")
        yield jellyfin


@pytest.fixture
def source(browser_of_alice: FlaskClient, jellyfin: FakeJellyfin) -> Source:
    """Added, with a code that waits to be confirmed."""
    form = {"kind": "jellyfin", "name": "Attic", "base_url": jellyfin.url, "link": "1"}
    answer = browser_of_alice.post("/sources", data=form)
    source = db.session.scalars(select(Source)).one()
    assert (answer.status_code, answer.location) == (303, f"/sources/{source.id}/link")
    return source


def link() -> AccountLink:
    db.session.expire_all()
    return db.session.scalars(select(AccountLink)).one()


def let_time_pass(**until: object) -> None:
    db.session.execute(update(AccountLink).values(next_poll_at=now(), **until))
    db.session.commit()


def test_the_code_is_shown_and_its_secret_is_not(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin
) -> None:
    page = browser_of_alice.get(f"/sources/{source.id}/link").text
    assert link().code in page
    assert "Waiting for you to confirm it there" in page
    assert "every 5s" in page
    for code in jellyfin.codes:
        assert code.secret not in page
        assert code.secret not in link().secret


def test_a_confirmed_code_signs_in_and_asks_for_the_first_pull(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin, alice: User
) -> None:
    jellyfin.confirm(link().code, next(iter(jellyfin.people.values())))
    let_time_pass()
    answer = browser_of_alice.get(f"/sources/{source.id}/link/state", headers=HTMX)
    assert answer.headers["HX-Redirect"] == f"/sources/{source.id}"
    account = account_on(source.id, alice.id)
    assert account is not None
    assert account.remote_user_name == "alice"
    assert decrypt(account.credentials)["token"]
    assert db.session.scalars(select(AccountLink)).all() == []
    assert db.session.scalars(select(Pull.status)).all() == ["requested"]
    assert (
        "You are signed in on Attic as alice" in browser_of_alice.get(f"/sources/{source.id}").text
    )


def test_the_server_is_asked_no_oftener_than_it_allows(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin
) -> None:
    jellyfin.exchanges.clear()
    for _ in range(5):
        assert (
            browser_of_alice.get(f"/sources/{source.id}/link/state", headers=HTMX).status_code
            == 200
        )
    assert jellyfin.requests == []
    let_time_pass()
    for _ in range(5):
        browser_of_alice.get(f"/sources/{source.id}/link/state", headers=HTMX)
    assert len(jellyfin.requests) == 1


def test_a_code_that_is_too_old_says_so_and_another_is_asked_for(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin
) -> None:
    first = link().code
    let_time_pass(expires_at=now() - timedelta(seconds=1))
    page = browser_of_alice.get(f"/sources/{source.id}/link").text
    assert "The code has expired." in page
    assert "Get a new code" in page
    assert "every 5s" not in page
    answer = browser_of_alice.post(f"/sources/{source.id}/link/again")
    assert answer.location == f"/sources/{source.id}/link"
    assert link().code != first
    assert link().expires_at > now()


def test_a_server_that_is_away_meanwhile_is_said_and_waited_for(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin
) -> None:
    jellyfin.close()
    let_time_pass()
    part = browser_of_alice.get(f"/sources/{source.id}/link/state", headers=HTMX).text
    assert "Nothing answers at" in part
    assert "every 5s" in part


def test_it_can_be_cancelled(browser_of_alice: FlaskClient, source: Source) -> None:
    assert (
        browser_of_alice.post(f"/sources/{source.id}/link/cancel").location
        == f"/sources/{source.id}"
    )
    assert db.session.scalars(select(AccountLink)).all() == []
    assert browser_of_alice.get(f"/sources/{source.id}/link").status_code == 303


def test_one_persons_code_is_not_anothers(browser_of_bob: FlaskClient, source: Source) -> None:
    assert browser_of_bob.get(f"/sources/{source.id}/link").status_code == 303
    assert link().code


def test_a_server_without_codes_says_so_in_words(
    browser_of_alice: FlaskClient, source: Source, jellyfin: FakeJellyfin
) -> None:
    browser_of_alice.post(f"/sources/{source.id}/link/cancel")
    jellyfin.quick_connect = False
    answer = browser_of_alice.post(
        f"/sources/{source.id}/account", data={"link": "1"}, follow_redirects=True
    )
    assert "Quick Connect" in answer.text
    assert db.session.scalars(select(AccountLink)).all() == []
