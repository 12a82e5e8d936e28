"""History by day."""

import re
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from mydia_web.db import db
from mydia_web.playback import mark_watched
from mydia_web.playback.models import Play
from tests.cast import Cast, add_film
from tests.conftest import Clock
from tests.web.conftest import HTMX


def test_an_empty_history_says_how_it_fills(browser_of_alice: FlaskClient) -> None:
    assert "Nothing here yet" in browser_of_alice.get("/history").text


def test_a_play_late_in_the_evening_is_tomorrow_in_tokyo(
    browser_of_alice: FlaskClient, cast: Cast, set_clock: Clock
) -> None:
    mark_watched(cast.alice.id, cast.film, at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    db.session.commit()
    page = browser_of_alice.get("/history").text
    assert ("Friday 20 November" in page, "23:30" in page) == (True, True)
    cast.alice.time_zone = "Asia/Tokyo"
    db.session.commit()
    page = browser_of_alice.get("/history").text
    assert ("Saturday 21 November" in page, "08:30" in page) == (True, True)
    assert "Friday 20 November" not in page


def test_plays_of_unknown_date_come_last_and_say_so(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    old = add_film("Nobody knows when")
    mark_watched(cast.alice.id, old, date_unknown=True)
    mark_watched(cast.alice.id, cast.film)
    db.session.commit()
    page = browser_of_alice.get("/history").text
    assert page.index("Sintel") < page.index("Date unknown") < page.index("Nobody knows when")


def test_a_binge_is_folded_into_one_line(
    browser_of_alice: FlaskClient, cast: Cast, set_clock: Clock
) -> None:
    for number in (1, 2, 3):
        set_clock.pass_(minutes=25)
        mark_watched(cast.alice.id, cast.episode(1, number))
    db.session.commit()
    page = browser_of_alice.get("/history").text
    binge = page.partition("<main")[2].partition("<details")[2].partition("</details>")[0]
    assert "3 episodes" in binge
    assert "Chapter 1.1" in binge
    assert "Chapter 1.3" in binge


def test_two_episodes_are_no_binge(
    browser_of_alice: FlaskClient, cast: Cast, set_clock: Clock
) -> None:
    for number in (1, 2):
        set_clock.pass_(minutes=25)
        mark_watched(cast.alice.id, cast.episode(1, number))
    db.session.commit()
    assert "<details" not in browser_of_alice.get("/history").text.partition("<main")[2]


def test_three_pages_show_every_play_once_the_undated_too(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    for number in range(130):
        # Many at the same instant, as an import brings them; the last forty without a date.
        when = at - timedelta(minutes=number // 7) if number < 90 else None
        db.session.add(
            Play(
                user_id=cast.alice.id, media_item_id=cast.film.id, watched_at=when, origin="import"
            )
        )
    db.session.commit()
    seen: list[str] = []
    pages, address = 0, "/history"
    while address:
        page = browser_of_alice.get(address).text
        seen += re.findall(r'id="play-(\d+)"', page)
        pages += 1
        address = next(iter(re.findall(r'href="(/history\?before=[^"]+)"', page)), "")
    assert pages == 3
    assert len(seen) == len(set(seen)) == 130


def test_htmx_gets_the_older_days_alone(browser_of_alice: FlaskClient, cast: Cast) -> None:
    mark_watched(cast.alice.id, cast.film, date_unknown=True)
    db.session.commit()
    part = browser_of_alice.get("/history?before=2020-01-01T00:00:00%2B00:00~1", headers=HTMX).text
    assert "Sintel" in part
    assert "<html" not in part


def test_a_day_that_goes_on_from_the_page_before_says_so(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    at = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    for number in range(60):
        when = at - timedelta(minutes=number)
        db.session.add(
            Play(
                user_id=cast.alice.id, media_item_id=cast.film.id, watched_at=when, origin="import"
            )
        )
    db.session.commit()
    first = browser_of_alice.get("/history").text
    older = next(iter(re.findall(r'href="(/history\?before=[^"]+)"', first)))
    assert "continued" not in first
    assert "continued" in browser_of_alice.get(older).text


def test_a_place_in_the_history_that_is_none_is_refused(browser_of_alice: FlaskClient) -> None:
    for wrong in ("x", "2026-11-21~", "2026-11-21T00:00:00~1", "unknown~x"):
        assert browser_of_alice.get("/history", query_string={"before": wrong}).status_code == 422


def test_nobody_sees_the_history_of_another(browser_of_bob: FlaskClient, cast: Cast) -> None:
    mark_watched(cast.alice.id, cast.film)
    db.session.commit()
    assert "Sintel" not in browser_of_bob.get("/history").text
