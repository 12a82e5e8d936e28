"""Continue Watching and Up Next."""

import re
from datetime import timedelta
from html import unescape

from flask.testing import FlaskClient

from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import get_progress, mark_watched, save_progress
from tests.cast import Cast, add_film, add_show
from tests.conftest import Clock
from tests.web.conftest import HTMX


def _begin(user_id: int, content: MediaItem | Episode, minutes: float = 5) -> None:
    save_progress(user_id, content, position_seconds=minutes * 60, duration_seconds=25 * 60)
    db.session.commit()


def test_the_first_page_of_a_new_house_says_what_to_do(browser_of_alice: FlaskClient) -> None:
    page = browser_of_alice.get("/").text
    assert "Add a source" in page
    assert 'href="/sources/new"' in page


def test_what_was_begun_is_there_with_the_time_left(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    _begin(cast.alice.id, cast.film)
    page = browser_of_alice.get("/").text
    assert "Sintel" in page
    assert "20 min left" in page
    assert 'formaction="/movies/1/watched"' in page


def test_the_next_episode_of_a_show_stands_in_up_next(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    mark_watched(cast.alice.id, cast.episode(1, 1))
    db.session.commit()
    page = browser_of_alice.get("/").text
    assert "Chapter 1.2" in page
    assert "Up next" in page


def test_nobody_sees_what_another_watches(browser_of_bob: FlaskClient, cast: Cast) -> None:
    _begin(cast.alice.id, cast.film)
    assert "Sintel" not in browser_of_bob.get("/").text


def test_a_title_is_text_and_never_markup(browser_of_alice: FlaskClient, cast: Cast) -> None:
    film = add_film('<script>alert("x")</script>', 2020)
    _begin(cast.alice.id, film)
    mark_watched(cast.alice.id, film)
    db.session.commit()
    _begin(cast.alice.id, film)
    for address in ("/", "/history", f"/movies/{film.id}"):
        page = browser_of_alice.get(address).text
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert" in page


def test_more_is_shown_without_gap_or_repeat(
    browser_of_alice: FlaskClient, cast: Cast, set_clock: Clock
) -> None:
    films = [add_film(f"Film number {number:02}") for number in range(60)]
    for film in films:
        set_clock.pass_(minutes=1)
        _begin(cast.alice.id, film)
    seen: list[str] = []
    address: str | None = "/"
    while address:
        page = browser_of_alice.get(address).text
        seen += [film.title for film in reversed(films) if f">{film.title}<" in page]
        found = re.search(r'href="(/\?list=continue&amp;before=[^"]+)"', page)
        address = unescape(found[1]) if found else None
    assert seen == [film.title for film in reversed(films)]


def test_htmx_gets_the_further_cards_alone(
    browser_of_alice: FlaskClient, cast: Cast, set_clock: Clock
) -> None:
    _begin(cast.alice.id, cast.film)
    before = f"{(set_clock.now() + timedelta(hours=1)).isoformat()}~movie~1"
    part = browser_of_alice.get("/", query_string={"before": before}, headers=HTMX).text
    assert "Sintel" in part
    assert "<html" not in part


def test_a_place_in_the_list_that_is_none_is_refused(browser_of_alice: FlaskClient) -> None:
    for wrong in ("yesterday", "2026-11-21T20:00:00~movie~1", "2026-11-21T20:00:00Z~song~1", ""):
        answer = browser_of_alice.get("/", query_string={"before": wrong})
        assert answer.status_code == 422
        assert "Traceback" not in answer.text


def test_a_tick_on_a_card_brings_the_next_episode(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    pilot, second = cast.episode(1, 1), cast.episode(1, 2)
    _begin(cast.alice.id, pilot)
    answer = browser_of_alice.post(
        f"/episodes/{pilot.id}/watched", data={"place": "card"}, headers=HTMX
    )
    assert answer.status_code == 200
    assert f'id="card-show-{cast.show.id}"' in answer.text
    assert f"/episodes/{second.id}/watched" in answer.text
    assert 'action="/undo/' in answer.text
    assert 'id="sync-badge"' in answer.text
    assert "<html" not in answer.text


def test_a_tick_on_a_film_leaves_an_empty_place_that_undo_fills(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    _begin(cast.alice.id, cast.film)
    marked = browser_of_alice.post("/movies/1/watched", data={"place": "card"}, headers=HTMX).text
    assert '<li id="card-movie-1" hidden' in marked
    undo = marked.partition('action="')[2].partition('"')[0]
    restored = browser_of_alice.post(undo, data={"place": "card"}, headers=HTMX).text
    assert "Restored" in restored
    assert 'id="card-movie-1"' in restored
    assert "Sintel" in restored
    assert "hx-swap-oob" in restored


def test_after_the_last_episode_the_card_is_gone(browser_of_alice: FlaskClient, cast: Cast) -> None:
    show = add_show("Short", episodes=1)
    db.session.commit()
    only = db.session.query(Episode).filter_by(media_item_id=show.id).one()
    answer = browser_of_alice.post(
        f"/episodes/{only.id}/watched", data={"place": "card"}, headers=HTMX
    )
    assert f'<li id="card-show-{show.id}" hidden' in answer.text


def test_taking_it_off_the_list_keeps_the_place(browser_of_alice: FlaskClient, cast: Cast) -> None:
    _begin(cast.alice.id, cast.film)
    answer = browser_of_alice.post("/continue/movie/1/dismiss", data={"next": "/"})
    assert (answer.status_code, answer.location) == (303, "/")
    page = browser_of_alice.get("/").text
    assert "Your position is kept" in page
    assert 'formaction="/movies/1/watched"' not in page
    db.session.rollback()
    progress = get_progress(cast.alice.id, cast.film)
    assert progress
    assert progress.position_seconds == 300


def test_htmx_takes_it_off_the_list_in_place(browser_of_alice: FlaskClient, cast: Cast) -> None:
    _begin(cast.alice.id, cast.episode(1, 1))
    answer = browser_of_alice.post(
        f"/continue/episode/{cast.episode(1, 1).id}/dismiss", data={"place": "card"}, headers=HTMX
    )
    assert f'<li id="card-show-{cast.show.id}" hidden' in answer.text
    assert "Your position is kept" in answer.text


def test_what_is_not_on_the_list_cannot_be_taken_off(browser_of_alice: FlaskClient) -> None:
    assert browser_of_alice.post("/continue/movie/1/dismiss").status_code == 404
    assert browser_of_alice.post("/continue/movie/999/dismiss").status_code == 404
    assert browser_of_alice.post("/continue/show/1/dismiss").status_code == 404
