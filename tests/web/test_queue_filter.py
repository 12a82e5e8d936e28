"""The filter of /queue by server, type of change and person, and acting on all that it shows."""

import re
from datetime import timedelta

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback.progress import mark_unwatched, save_progress
from mydia_web.queue import board
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.plays import play_key
from mydia_web.sources.models import Source
from mydia_web.web.queue import views as pages
from tests.cast import add_copy, add_film, add_server
from tests.web.conftest import HTMX
from tests.web.owing import fail, fresh, owe, without_tokens

JSON = {"Accept": "application/json"}
NEEDS_YOU = "/queue?tab=needs-you"


@pytest.fixture
def kodi(alice: User, bob: User) -> Source:
    return add_server("Kodi", alice, bob)


@pytest.fixture
def bedroom(alice: User, bob: User) -> Source:
    return add_server("Bedroom", alice, bob)


def on(source: Source, title: str) -> MediaItem:
    film = add_film(title)
    add_copy(source, film)
    return film


def titles(browser: FlaskClient, query: str) -> list[str]:
    return [row["title"] for row in browser.get(f"/queue{query}", headers=JSON).json["rows"]]


@pytest.fixture
def needing(alice: User, bob: User, kodi: Source, bedroom: Source) -> dict[str, QueuedChange]:
    """What needs a person, by title: two of alice's and one of bob's on Kodi, one of alice's in the
    bedroom.
    """
    rows = {
        title: owe(user, on(source, title))
        for title, user, source in (
            ("One", alice, kodi),
            ("Two", alice, kodi),
            ("Bob's", bob, kodi),
            ("Three", alice, bedroom),
        )
    }
    for row in rows.values():
        fail(row, "It is not there.")
    return rows


def status(row: QueuedChange) -> str | None:
    found = fresh(row)
    return found.status if found else None


def test_one_server_is_shown_with_the_counts_of_its_tabs(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], bedroom: Source
) -> None:
    answer = browser_of_alice.get(f"{NEEDS_YOU}&source={bedroom.id}", headers=JSON).json
    assert [row["title"] for row in answer["rows"]] == ["Three"]
    assert answer["counts"]["needs-you"] == 1
    assert answer["at_least"] == []


def test_one_person_is_shown_to_an_admin(
    browser_of_alice: FlaskClient, bob: User, needing: dict[str, QueuedChange]
) -> None:
    assert titles(browser_of_alice, f"?tab=needs-you&user={bob.id}") == ["Bob's"]
    assert 'name="user"' in browser_of_alice.get(NEEDS_YOU).text


def test_who_is_no_admin_sees_their_own_whomever_they_ask_for(
    browser_of_bob: FlaskClient, alice: User, needing: dict[str, QueuedChange]
) -> None:
    assert titles(browser_of_bob, f"?tab=needs-you&user={alice.id}") == ["Bob's"]
    page = browser_of_bob.get(NEEDS_YOU).text
    assert 'name="user"' not in page
    assert "alice" not in page


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("watched", ["Marked"]),
        ("unwatched", ["Unmarked"]),
        ("position", ["Begun"]),
        ("play", ["Seen before"]),
    ],
)
def test_one_type_of_change_is_shown(
    browser_of_alice: FlaskClient, alice: User, kodi: Source, kind: str, expected: list[str]
) -> None:
    owe(alice, on(kodi, "Marked"))
    unmarked = on(kodi, "Unmarked")
    owe(alice, unmarked)
    mark_unwatched(alice.id, unmarked, origin="web")
    save_progress(alice.id, on(kodi, "Begun"), position_seconds=754, duration_seconds=2000)
    play = owe(alice, on(kodi, "Seen before"))
    play.play_key = play_key(play.watched_at)
    db.session.commit()
    answer = browser_of_alice.get(f"/queue?type={kind}", headers=JSON).json
    assert [row["title"] for row in answer["rows"]] == expected
    assert answer["counts"]["waiting"] == 1


@pytest.mark.parametrize(
    "query", ["type=nonsense", "source=x", "source=-1", "user=1e3", f"source={'9' * 40}"]
)
def test_a_filter_nobody_wrote_is_refused_and_widens_nothing(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], query: str
) -> None:
    assert browser_of_alice.get(f"/queue?{query}").status_code == 422
    assert browser_of_alice.post(f"/queue/skip?{query}").status_code == 422
    assert all(fresh(row) for row in needing.values())


def test_a_server_that_is_gone_has_nothing_to_show_or_to_skip(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange]
) -> None:
    assert titles(browser_of_alice, "?tab=needs-you&source=999") == []
    assert "Show everything" in browser_of_alice.get("/queue?source=999").text
    browser_of_alice.post("/queue/skip?source=999")
    assert all(fresh(row) for row in needing.values())


def test_the_filter_stays_in_every_link_and_in_what_is_polled(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    query = f"tab=needs-you&source={kodi.id}&type=watched"
    page = browser_of_alice.get(f"/queue?{query}").text
    part = browser_of_alice.get(f"/queue/rows?{query}", headers=HTMX).text
    assert without_tokens(part) in without_tokens(page)
    escaped = query.replace("&", "&amp;")
    assert f'hx-get="/queue/rows?{escaped}"' in page
    assert f'href="/queue?{escaped.replace("needs-you", "done")}"' in page
    assert f'action="/queue/skip?{escaped}"' in page
    assert f'<option value="{kodi.id}" selected>Kodi</option>' in page


def test_an_act_leads_back_to_the_filter_it_was_done_in(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    query = f"?tab=needs-you&source={kodi.id}"
    answer = browser_of_alice.post(f"/queue/{needing['One'].id}/skip{query}")
    assert (answer.status_code, answer.location) == (303, f"/queue{query}")


def test_choosing_with_htmx_swaps_the_part_and_writes_a_clean_address(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], bedroom: Source
) -> None:
    answer = browser_of_alice.get(f"{NEEDS_YOU}&source={bedroom.id}&type=&user=", headers=HTMX)
    assert answer.headers["HX-Push-Url"] == f"{NEEDS_YOU}&source={bedroom.id}"
    assert "<html" not in answer.text
    assert "Three" in answer.text
    assert "Two" not in answer.text


def test_the_filter_is_a_form_that_works_without_javascript(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange]
) -> None:
    page = browser_of_alice.get(NEEDS_YOU).text
    form = re.search(r'<form[^>]*method="get"\s+action="/queue".*?</form>', page, re.DOTALL)
    assert form
    assert '<input type="hidden" name="tab" value="needs-you">' in form[0]
    assert "<noscript><button" in form[0]
    assert {"source", "type", "user"} == set(re.findall(r'<select name="(\w+)"', form[0]))


def test_the_last_touched_comes_first_whatever_is_asked(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    for title, minutes in (("One", 5), ("Two", 9), ("Bob's", 7)):
        needing[title].updated_at = now() - timedelta(minutes=minutes)
    db.session.commit()
    assert titles(browser_of_alice, f"?tab=needs-you&source={kodi.id}") == ["One", "Bob's", "Two"]


def test_what_is_rare_is_found_by_looking_further(
    browser_of_alice: FlaskClient, alice: User, kodi: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MAX_SCANNED", 3)
    rare = on(kodi, "Rare")
    save_progress(alice.id, rare, position_seconds=754, duration_seconds=2000)
    for number in range(7):
        owe(alice, on(kodi, f"Film {number}"))
    address, seen, pages_read = "/queue?type=position", [], 0
    while address:
        page = browser_of_alice.get(address)
        answer = browser_of_alice.get(address, headers=JSON).json
        seen += [row["title"] for row in answer["rows"]]
        goes_on_empty = not answer["rows"] and answer["older"] is not None
        assert ("Search older ones" in page.text) == goes_on_empty
        assert answer["at_least"] == ["waiting"]
        address, pages_read = answer["older"], pages_read + 1
    assert (seen, pages_read) == (["Rare"], 3)


@pytest.mark.parametrize("source_in_query", [False, True])
def test_pages_of_a_filter_hold_every_row_once(
    browser_of_alice: FlaskClient,
    alice: User,
    kodi: Source,
    bedroom: Source,
    monkeypatch: pytest.MonkeyPatch,
    source_in_query: bool,
) -> None:
    monkeypatch.setattr(board, "MAX_SCANNED", 5)
    expected = set()
    for number in range(20):
        source = (kodi, bedroom)[number % 2]
        row = owe(alice, on(source, f"Film {number}"))
        if number % 3 == 0:
            fail(row, again=timedelta(hours=1))
        expected |= {row.id} if source is kodi or not source_in_query else set()
    address = f"/queue?source={kodi.id}" if source_in_query else "/queue?type=watched"
    seen = []
    while address:
        answer = browser_of_alice.get(address, headers=JSON).json
        seen += [row["id"] for row in answer["rows"]]
        address = answer["older"]
    assert len(seen) == len(expected)
    assert set(seen) == expected


def test_all_that_the_filter_shows_is_tried_again(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    kodi.pause_reason, kodi.paused_until = "down", now() + timedelta(minutes=9)
    db.session.commit()
    assert "Retry all 3" in browser_of_alice.get(f"{NEEDS_YOU}&source={kodi.id}").text
    answer = browser_of_alice.post(f"/queue/retry?tab=needs-you&source={kodi.id}", headers=HTMX)
    assert "Retrying 3 changes now." in answer.text
    assert {title: status(row) for title, row in needing.items()} == {
        "One": "pending",
        "Two": "pending",
        "Bob's": "pending",
        "Three": "failed",
    }
    db.session.refresh(kodi)
    assert kodi.paused_until is not None
    assert kodi.paused_until <= now()


def test_all_that_the_filter_shows_is_skipped(
    browser_of_alice: FlaskClient, alice: User, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    query = f"?tab=needs-you&source={kodi.id}&type=watched&user={alice.id}"
    answer = browser_of_alice.post(f"/queue/skip{query}")
    assert (answer.status_code, answer.location) == (303, f"/queue{query}")
    assert "2 changes skipped." in browser_of_alice.get(answer.location).text
    assert {title for title, row in needing.items() if fresh(row)} == {"Bob's", "Three"}


def test_only_what_needs_a_person_is_skipped(
    browser_of_alice: FlaskClient, alice: User, needing: dict[str, QueuedChange], kodi: Source
) -> None:
    waiting = owe(alice, on(kodi, "Waiting"))
    again = owe(alice, on(kodi, "Again"))
    fail(again, again=timedelta(hours=1))
    browser_of_alice.post("/queue/skip")
    assert (status(waiting), status(again)) == ("pending", "failed")
    assert not any(fresh(row) for row in needing.values())


def test_who_is_no_admin_acts_on_their_own_alone(
    browser_of_bob: FlaskClient, alice: User, needing: dict[str, QueuedChange]
) -> None:
    browser_of_bob.post(f"/queue/retry?user={alice.id}")
    assert [title for title, row in needing.items() if status(row) == "pending"] == ["Bob's"]
    fail(needing["Bob's"])
    browser_of_bob.post(f"/queue/skip?user={alice.id}")
    assert [title for title, row in needing.items() if not fresh(row)] == ["Bob's"]


def test_a_second_press_finds_nothing_left(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange]
) -> None:
    for words in ("Retrying 4 changes now.", "Nothing needs you any more"):
        assert words in browser_of_alice.post("/queue/retry?tab=needs-you", headers=HTMX).text


def test_one_press_ends_somewhere_and_says_so(
    browser_of_alice: FlaskClient, needing: dict[str, QueuedChange], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MOST_AT_ONCE", 3)
    assert "There are more" in browser_of_alice.post("/queue/skip", headers=HTMX).text
    assert len([row for row in needing.values() if fresh(row)]) == 1


def test_nobody_acts_without_a_sign_in(
    client: FlaskClient, needing: dict[str, QueuedChange]
) -> None:
    for what in ("retry", "skip", "run", "pause-all", "resume-all"):
        assert client.post(f"/queue/{what}").status_code == 303
    assert {status(row) for row in needing.values()} == {"failed"}
