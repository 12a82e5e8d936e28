"""/queue: what the servers are still owed, and what a person can do about it."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback.progress import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Source
from mydia_web.sources.overview import account_on
from tests.cast import add_copy, add_film, add_server
from tests.conftest import Clock
from tests.web.conftest import HTMX
from tests.web.owing import fail, fresh, owe, without_tokens

JSON = {"Accept": "application/json"}


@pytest.fixture
def kodi(alice: User, bob: User, film: MediaItem) -> Source:
    source = add_server("Kodi", alice, bob)
    add_copy(source, film)
    db.session.commit()
    return source


@pytest.fixture
def row(alice: User, film: MediaItem, kodi: Source) -> QueuedChange:
    """Alice's mark, waiting."""
    return owe(alice, film)


def test_a_row_is_told_in_words(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    page = browser_of_alice.get("/queue").text
    assert "Mark" in page
    assert "Sintel" in page
    assert "watched on Kodi" in page


def test_json_is_told_at_the_same_address(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    answer = browser_of_alice.get("/queue", headers=JSON)
    assert answer.json["counts"] == {"waiting": 1, "sending": 0, "done": 0, "needs-you": 0}
    assert answer.json["rows"][0]["text"] == "Mark Sintel watched on Kodi"
    assert answer.json["rows"][0]["status"] == "pending"
    assert answer.json["sources"][0]["waiting"] == 1
    assert "Accept" in answer.vary


def test_a_title_with_markup_is_shown_as_it_is_written(
    browser_of_alice: FlaskClient, alice: User, kodi: Source
) -> None:
    film = add_film("<script>alert(1)</script>")
    add_copy(kodi, film, remote_id="<b>")
    fail(owe(alice, film), "<i>refused</i>")
    page = browser_of_alice.get("/queue?tab=needs-you").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page
    assert "<i>refused" not in page


def test_others_see_neither_my_rows_nor_my_counts(
    browser_of_bob: FlaskClient, row: QueuedChange
) -> None:
    answer = browser_of_bob.get("/queue", headers=JSON)
    assert (answer.json["rows"], answer.json["counts"]["waiting"]) == ([], 0)


def test_an_admin_sees_whose_row_it_is(
    browser_of_alice: FlaskClient, bob: User, film: MediaItem, kodi: Source
) -> None:
    owe(bob, film)
    assert browser_of_alice.get("/queue", headers=JSON).json["rows"][0]["user"] == "bob"
    assert "bob" in browser_of_alice.get("/queue").text


@pytest.mark.parametrize(
    ("method", "what"), [("post", "retry"), ("post", "skip"), ("get", "explain")]
)
def test_a_foreign_row_is_not_found(
    browser_of_bob: FlaskClient, row: QueuedChange, method: str, what: str
) -> None:
    assert getattr(browser_of_bob, method)(f"/queue/{row.id}/{what}").status_code == 404
    assert fresh(row) is not None


def test_retry_makes_a_row_due_with_its_attempts_forgotten(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    fail(row)
    answer = browser_of_alice.post(f"/queue/{row.id}/retry?tab=needs-you")
    assert (answer.status_code, answer.location) == (303, "/queue?tab=needs-you")
    again = fresh(row)
    assert again is not None
    assert (again.status, again.attempt_count) == ("pending", 0)
    assert again.next_attempt_at is not None
    assert again.next_attempt_at <= now()


def test_retry_asks_a_server_that_is_down_at_once(
    browser_of_alice: FlaskClient, row: QueuedChange, kodi: Source
) -> None:
    fail(row, again=timedelta(hours=2))
    kodi.pause_reason, kodi.paused_until = "down", now() + timedelta(minutes=9)
    db.session.commit()
    browser_of_alice.post(f"/queue/{row.id}/retry")
    db.session.refresh(kodi)
    assert kodi.paused_until is not None
    assert kodi.paused_until <= now()


def test_retry_twice_is_no_error(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    fail(row)
    for _ in range(2):
        answer = browser_of_alice.post(f"/queue/{row.id}/retry", headers=HTMX)
        assert answer.status_code == 200
    assert "Already being sent" in answer.text


def test_skip_drops_the_row(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    assert browser_of_alice.post(f"/queue/{row.id}/skip", headers=HTMX).status_code == 200
    assert fresh(row) is None


def test_a_row_in_flight_is_not_skipped(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    row.status, row.next_attempt_at, row.claim_token = "syncing", None, "x"
    row.lease_until = now() + timedelta(seconds=60)
    db.session.commit()
    answer = browser_of_alice.post(f"/queue/{row.id}/skip", headers=HTMX)
    assert "being sent" in answer.text
    assert fresh(row) is not None


def test_skip_twice_says_that_it_is_gone(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    row_id = row.id
    browser_of_alice.post(f"/queue/{row_id}/skip")
    assert browser_of_alice.post(f"/queue/{row_id}/skip").status_code == 404


def test_explain_shows_the_exact_calls_and_makes_none(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    # Nothing listens at the address of this Kodi: a call would fail.
    page = browser_of_alice.get(f"/queue/{row.id}/explain").text
    assert "VideoLibrary.SetMovieDetails" in page
    assert "secret" not in page
    fragment = browser_of_alice.get(f"/queue/{row.id}/explain", headers=HTMX).text
    assert "SetMovieDetails" in fragment
    assert "<html" not in fragment


def test_explain_of_a_title_that_is_gone_says_so(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    db.session.execute(db.text("DELETE FROM source_items"))
    db.session.commit()
    assert "no longer on Kodi" in browser_of_alice.get(f"/queue/{row.id}/explain").text


def test_an_admin_pauses_and_resumes_a_source(browser_of_alice: FlaskClient, kodi: Source) -> None:
    browser_of_alice.post("/queue/pause", data={"source": kodi.id})
    db.session.refresh(kodi)
    assert (kodi.pause_reason, kodi.paused_until) == ("operator", None)
    assert "Paused" in browser_of_alice.get("/queue").text
    browser_of_alice.post("/queue/resume", data={"source": kodi.id})
    db.session.refresh(kodi)
    assert kodi.pause_reason is None


@pytest.mark.parametrize("what", ["pause", "resume"])
def test_who_is_no_admin_pauses_nothing(
    browser_of_bob: FlaskClient, kodi: Source, what: str
) -> None:
    assert browser_of_bob.post(f"/queue/{what}", data={"source": kodi.id}).status_code == 403
    db.session.refresh(kodi)
    assert kodi.pause_reason is None


def test_pausing_a_source_that_is_gone_is_not_found(browser_of_alice: FlaskClient) -> None:
    for number in (99, "", "x", "9" * 25):
        answer = browser_of_alice.post("/queue/pause", data={"source": number})
        assert answer.status_code == 404, number


def test_the_strip_tells_each_source_in_words(
    browser_of_alice: FlaskClient, alice: User, kodi: Source
) -> None:
    assert "Up to date" in browser_of_alice.get("/queue").text
    kodi.pause_reason, kodi.paused_until = "down", now() + timedelta(minutes=2)
    kodi.last_ok_at = now() - timedelta(hours=1)
    db.session.commit()
    assert re.search(r"Down</span>\s+since <time", browser_of_alice.get("/queue").text)
    account = account_on(kodi.id, alice.id)
    assert account is not None
    account.refused_at = now()
    db.session.commit()
    page = browser_of_alice.get("/queue").text
    assert "Needs sign-in" in page
    assert f"/sources/{kodi.id}" in page


def test_polling_costs_nothing_while_nothing_changes(
    browser_of_alice: FlaskClient, alice: User, row: QueuedChange, set_clock: Clock
) -> None:
    first = browser_of_alice.get("/queue/rows", headers=HTMX)
    assert first.status_code == 200
    second = browser_of_alice.get(
        "/queue/rows", headers={**HTMX, "If-None-Match": first.headers["ETag"]}
    )
    assert (second.status_code, second.data) == (304, b"")
    fail(row)
    third = browser_of_alice.get(
        "/queue/rows", headers={**HTMX, "If-None-Match": first.headers["ETag"]}
    )
    assert third.status_code == 200


def test_the_page_looks_often_only_while_something_is_sent(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    assert "every 30s" in browser_of_alice.get("/queue/rows").text
    row.status, row.next_attempt_at, row.claim_token = "syncing", None, "x"
    row.lease_until = now() + timedelta(seconds=60)
    db.session.commit()
    assert "every 2s" in browser_of_alice.get("/queue/rows").text


def test_the_part_that_is_polled_is_a_part_of_the_page(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    part, page = (
        browser_of_alice.get("/queue/rows", headers=HTMX).text,
        browser_of_alice.get("/queue").text,
    )
    assert without_tokens(part) in without_tokens(page)


def test_older_rows_are_reached_by_a_link(
    browser_of_alice: FlaskClient, alice: User, kodi: Source
) -> None:
    for number in range(53):
        film = add_film(f"Film {number:02}")
        add_copy(kodi, film)
        mark_watched(alice.id, film, origin="web")
    db.session.commit()
    first = browser_of_alice.get("/queue", headers=JSON).json
    second = browser_of_alice.get(first["older"], headers=JSON).json
    assert (len(first["rows"]), len(second["rows"]), second["older"]) == (50, 3, None)
    assert len({row["id"] for row in first["rows"] + second["rows"]}) == 53
    assert "Older" in browser_of_alice.get("/queue").text


@pytest.mark.parametrize("before", ["x", "2026-11-21_5", "2026-11-21T10:00:00+00:00_x", "_", "5"])
def test_a_place_nobody_wrote_is_refused(
    browser_of_alice: FlaskClient, kodi: Source, before: str
) -> None:
    assert browser_of_alice.get("/queue", query_string={"before": before}).status_code == 422


def test_an_unknown_tab_is_the_first_one(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    assert "Sintel" in browser_of_alice.get("/queue?tab=nonsense").text


def test_what_failed_tells_why_and_when_it_goes_on(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    fail(row, "Nothing answers at http://kodi:8080.", again=timedelta(minutes=5))
    page = browser_of_alice.get("/queue").text
    assert "Nothing answers at http://kodi:8080." in page
    assert "Retry now" in page
    assert "<time" in page


def test_nobody_sees_it_without_a_sign_in(client: FlaskClient, row: QueuedChange) -> None:
    assert client.get("/queue").status_code == 303
    assert client.post(f"/queue/{row.id}/skip").status_code == 303
    assert fresh(row) is not None
