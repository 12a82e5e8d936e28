"""/queue: what admins do to all servers at once, and what each change has behind it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.queue.attempts import Attempt, note_attempts
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.plays import play_key
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_film, add_server
from tests.conftest import Clock
from tests.web.conftest import HTMX
from tests.web.owing import fail, fresh, owe

JSON = {"Accept": "application/json"}
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
def kodi(alice: User, bob: User, film: MediaItem) -> Source:
    source = add_server("Kodi", alice, bob)
    add_copy(source, film)
    return source


@pytest.fixture
def sources(alice: User, kodi: Source) -> list[Source]:
    """Two servers and a folder, which is told nothing."""
    found = [
        kodi,
        add_server("Bedroom", alice),
        add_server("Films", alice, kind="folder", url="/films"),
    ]
    db.session.commit()
    return found


@pytest.fixture
def row(alice: User, film: MediaItem, kodi: Source) -> QueuedChange:
    return owe(alice, film)


def reasons(sources: list[Source]) -> list[str | None]:
    db.session.expire_all()
    return [source.pause_reason for source in sources]


def note(row: QueuedChange, *attempts: tuple[str, str, float]) -> None:
    for outcome, message, seconds in attempts:
        attempt = Attempt(row_id=row.id, outcome=outcome, message=message, seconds=seconds)
        note_attempts([attempt])
    db.session.commit()


def test_all_servers_are_paused_and_resumed(
    browser_of_alice: FlaskClient, sources: list[Source]
) -> None:
    answer = browser_of_alice.post("/queue/pause-all?tab=done")
    assert (answer.status_code, answer.location) == (303, "/queue?tab=done")
    assert reasons(sources) == ["operator", "operator", None]
    page = browser_of_alice.get("/queue").text
    assert "Everything is paused" in page
    assert "Pause all" not in page
    assert "Resume all" in page
    assert "resumed" in browser_of_alice.post("/queue/resume-all", headers=HTMX).text
    assert reasons(sources) == [None, None, None]


def test_resuming_all_leaves_a_server_alone_that_asked_us_to_wait(
    browser_of_alice: FlaskClient, sources: list[Source]
) -> None:
    until = now() + timedelta(minutes=5)
    sources[1].pause_reason, sources[1].paused_until = "rate_limited", until
    browser_of_alice.post("/queue/resume-all")
    assert reasons(sources) == [None, "rate_limited", None]
    assert sources[1].paused_until == until


def test_run_now_ends_waiting_and_asks_servers_that_are_down(
    browser_of_alice: FlaskClient, row: QueuedChange, sources: list[Source]
) -> None:
    row.next_attempt_at = now() + timedelta(hours=1)
    for source, reason in zip(sources, ("down", "rate_limited"), strict=False):
        source.pause_reason, source.paused_until = reason, now() + timedelta(minutes=9)
    db.session.commit()
    answer = browser_of_alice.post("/queue/run", headers=HTMX)
    assert "Sending now" in answer.text
    again = fresh(row)
    assert again is not None
    assert again.next_attempt_at is not None
    assert again.next_attempt_at <= now()
    assert [
        source.paused_until is not None and source.paused_until <= now() for source in sources[:2]
    ] == [
        True,
        False,
    ]


@pytest.mark.parametrize("what", ["run", "pause-all", "resume-all"])
def test_who_is_no_admin_does_nothing_to_all(
    browser_of_bob: FlaskClient, row: QueuedChange, sources: list[Source], what: str
) -> None:
    sources[1].pause_reason, row.next_attempt_at = "operator", now() + timedelta(hours=1)
    assert browser_of_bob.post(f"/queue/{what}").status_code == 403
    assert reasons(sources) == [None, "operator", None]
    again = fresh(row)
    assert again is not None
    assert again.next_attempt_at is not None
    assert again.next_attempt_at > now()
    assert "Pause all" not in browser_of_bob.get("/queue").text


def test_how_all_stands_is_told_in_a_sentence(
    browser_of_alice: FlaskClient, alice: User, kodi: Source
) -> None:
    assert "Your servers are up to date." in browser_of_alice.get("/queue").text
    films = [add_film(title) for title in ("One", "Two", "Three")]
    for film in films:
        add_copy(kodi, film)
    rows = [owe(alice, film) for film in films]
    assert "3 changes will be sent automatically." in browser_of_alice.get("/queue").text
    fail(rows[0])
    assert (
        "1 change needs you; 2 others will be sent automatically."
        in browser_of_alice.get("/queue").text
    )


def test_without_a_server_the_page_leads_to_the_sources(browser_of_alice: FlaskClient) -> None:
    page = browser_of_alice.get("/queue").text
    assert "No server takes changes yet." in page
    assert "Pause all" not in page


def test_the_last_attempts_are_told_with_time_kind_message_and_duration(
    browser_of_alice: FlaskClient, row: QueuedChange, set_clock: Clock
) -> None:
    note(row, ("transient", "Nothing answers.", 5.04))
    set_clock.pass_(seconds=95)
    note(row, ("rate_limited", "Come back later.", 0.087))
    fail(row, "Come back later.", again=timedelta(minutes=5))
    page = browser_of_alice.get("/queue").text
    for words in ("20:00:00", "Not reached, or in trouble", "Nothing answers.", "after 5.0 s"):
        assert words in page
    for words in ("20:01:35", "Asked us to wait", "after 87 ms"):
        assert words in page
    assert page.index("20:01:35") < page.index("20:00:00")
    assert "transient" not in page


def test_json_has_the_attempts_too(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    note(row, ("transient", "Nothing answers.", 5.04), ("ok", "", 0.02))
    newest, oldest = browser_of_alice.get("/queue", headers=JSON).json["rows"][0]["attempts"]
    assert (newest["outcome"], newest["message"], newest["milliseconds"]) == ("ok", "", 20)
    assert (oldest["outcome"], oldest["message"], oldest["milliseconds"]) == (
        "transient",
        "Nothing answers.",
        5040,
    )
    assert datetime.fromisoformat(oldest["at"]).tzinfo


def test_only_the_last_few_are_shown(browser_of_alice: FlaskClient, row: QueuedChange) -> None:
    note(row, *(("transient", f"Answer {number}.", 0.1) for number in range(9)))
    attempts = browser_of_alice.get("/queue", headers=JSON).json["rows"][0]["attempts"]
    assert [one["message"] for one in attempts] == [
        f"Answer {number}." for number in (8, 7, 6, 5, 4)
    ]


def test_what_a_server_said_is_shown_as_it_is_written(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    note(row, ("invalid", "<script>alert(1)</script>", 0.1), ("of a newer version", "?", 0.1))
    page = browser_of_alice.get("/queue").text
    assert "<script>alert" not in page
    assert "Not delivered" in page


def test_what_was_delivered_at_once_has_no_details(
    browser_of_alice: FlaskClient, row: QueuedChange
) -> None:
    row.status, row.next_attempt_at = "synced", None
    db.session.commit()
    assert "Details" not in browser_of_alice.get("/queue?tab=done").text


def test_attempts_of_all_rows_are_read_at_once(
    browser_of_alice: FlaskClient, alice: User, kodi: Source, count_queries: Counting
) -> None:
    ran_for = []
    for size in (1, 20):
        for number in range(size):
            film = add_film(f"Film {size} {number}")
            add_copy(kodi, film)
            note(owe(alice, film), ("transient", "Nothing answers.", 1))
        browser_of_alice.get("/queue")
        with count_queries() as ran:
            browser_of_alice.get("/queue")
        assert sum("sync_attempts" in statement for statement in ran) == 1
        ran_for.append(len(ran))
    assert ran_for[0] == ran_for[1]


def test_a_past_play_is_told_as_what_it_is(
    browser_of_alice: FlaskClient, row: QueuedChange, alice: User, set_clock: Clock
) -> None:
    # In Berlin it was the 4th already.
    alice.time_zone = "Europe/Berlin"
    row.watched_at = datetime(2026, 3, 3, 23, 30, tzinfo=UTC)
    row.play_key = play_key(row.watched_at)
    db.session.commit()
    told = browser_of_alice.get("/queue", headers=JSON).json["rows"][0]
    assert told["text"] == "Add the play of 4 March to Sintel on Kodi"
    assert told["play_key"] == "2026-03-03T23:30:00Z"
    row.status, row.next_attempt_at = "synced", None
    row.watched_at = datetime(2024, 3, 3, 12, 0, tzinfo=UTC)
    db.session.commit()
    page = browser_of_alice.get("/queue?tab=done").text
    assert "Added the play of 3 March 2024 to <em>Sintel</em>" in page
    assert "Past plays" not in page, "no server here counts plays"
