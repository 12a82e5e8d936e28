"""/library: every film and show, by title, with what the user has seen of it."""

from collections.abc import Callable

from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback.progress import mark_watched, save_progress
from mydia_web.playback.shows import seen_of_films, seen_of_shows
from tests.cast import add_film, add_show, episode_of
from tests.web.conftest import HTMX


def test_films_and_shows_have_a_tab_each(
    browser_of_alice: FlaskClient, film: MediaItem, show: MediaItem
) -> None:
    films, shows = (
        browser_of_alice.get("/library").text,
        browser_of_alice.get("/library?kind=show").text,
    )
    assert f'href="/movies/{film.id}"' in films
    assert "Harbour Lights" not in films
    assert f'href="/shows/{show.id}"' in shows
    assert "Sintel" not in shows


def test_searching_needs_neither_case_nor_accents(
    browser_of_alice: FlaskClient, film: MediaItem
) -> None:
    add_film("Amélie", 2001)
    db.session.commit()
    page = browser_of_alice.get("/library?q=AMELIE").text
    assert "Amélie" in page
    assert "Sintel" not in page


def test_searching_while_typing_answers_the_results_alone(
    browser_of_alice: FlaskClient, film: MediaItem
) -> None:
    part = browser_of_alice.get("/library?q=sint", headers=HTMX).text
    assert "Sintel" in part
    assert "<html" not in part


def test_a_search_without_results_says_so_as_it_was_typed(browser_of_alice: FlaskClient) -> None:
    page = browser_of_alice.get("/library", query_string={"q": "<script>x</script>"}).text
    assert "No film with" in page
    assert "<script>x" not in page


def test_a_wildcard_is_an_ordinary_letter(browser_of_alice: FlaskClient, film: MediaItem) -> None:
    assert "Sintel" not in browser_of_alice.get("/library?q=%25").text


def test_every_title_is_reached_once(browser_of_alice: FlaskClient) -> None:
    for number in range(125):
        add_film(f"Film {number % 50:03}")
    db.session.commit()
    seen: list[str] = []
    url: str | None = "/library?q=film"
    while url:
        part = browser_of_alice.get(url).text
        seen += [piece.split('"')[0] for piece in part.split('href="/movies/')[1:]]
        url = part.split('hx-get="/library?kind')[1].split('"')[0] if "after=" in part else None
        url = url and "/library?kind" + url.replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 125


def test_what_was_watched_is_ticked(
    browser_of_alice: FlaskClient, alice: User, film: MediaItem
) -> None:
    assert "Watched" not in browser_of_alice.get("/library").text
    mark_watched(alice.id, film, origin="web")
    db.session.commit()
    assert "Watched" in browser_of_alice.get("/library").text


def test_a_show_counts_its_aired_episodes_without_specials(
    alice: User, bob: User, show: MediaItem
) -> None:
    mark_watched(alice.id, episode_of(show, 1, 1), origin="web")
    mark_watched(alice.id, episode_of(show, 0, 1), origin="web")
    mark_watched(bob.id, episode_of(show, 1, 2), origin="web")
    seen = seen_of_shows(alice.id, [show.id])[show.id]
    assert (seen.watched, seen.total, seen.is_watched) == (1, 6, False)


def test_a_film_half_way_shows_its_share(alice: User, film: MediaItem) -> None:
    save_progress(alice.id, film, position_seconds=450, duration_seconds=900)
    seen = seen_of_films(alice.id, [film.id])[film.id]
    assert (seen.is_watched, seen.share) == (False, 50)


def test_a_page_costs_the_same_however_much_it_shows(
    browser_of_alice: FlaskClient, alice: User, count_queries: Callable[..., object]
) -> None:
    def cost() -> int:
        db.session.expire_all()
        with count_queries() as ran:  # type: ignore[attr-defined]
            browser_of_alice.get("/library?kind=show")
        return len(ran)

    one = cost()
    for number in range(20):
        show = add_show(f"Show {number}")
        mark_watched(alice.id, episode_of(show, 1, 1), origin="web")
    db.session.commit()
    assert cost() == one


def test_a_title_with_markup_is_shown_as_it_is_written(browser_of_alice: FlaskClient) -> None:
    add_film("<script>alert(1)</script>")
    db.session.commit()
    assert "<script>alert" not in browser_of_alice.get("/library").text


def test_a_place_nobody_wrote_is_refused(browser_of_alice: FlaskClient) -> None:
    assert browser_of_alice.get("/library?after=x").status_code == 422
