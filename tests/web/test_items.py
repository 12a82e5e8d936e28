"""Pages of films, shows and episodes, and marking on them."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.backends.values import RemoteState
from mydia_web.db import db
from mydia_web.library.models import Content, MediaItem
from mydia_web.playback import get_progress, mark_watched, save_progress
from mydia_web.playback.history import count_plays, plays_of
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import Source
from mydia_web.sources.states import ShownState, keep_states
from tests.cast import Cast, add_copy, add_server
from tests.web.conftest import HTMX

Find = Callable[[Cast], Content]


def _film(cast: Cast) -> Content:
    return cast.film


def _pilot(cast: Cast) -> Content:
    return cast.episode(1, 1)


def _address(content: Content) -> str:
    return f"/{content.content_kind}s/{content.id}"


def _is_watched(cast: Cast, content: Content) -> bool:
    db.session.rollback()
    progress = get_progress(cast.alice.id, content)
    return bool(progress and progress.watched)


@pytest.mark.parametrize("find", [_film, _pilot])
def test_a_plain_form_marks_and_leads_back_with_a_way_to_undo(
    browser_of_alice: FlaskClient, cast: Cast, find: Find
) -> None:
    content = find(cast)
    answer = browser_of_alice.post(f"{_address(content)}/watched", data={"next": _address(content)})
    assert (answer.status_code, answer.location) == (303, _address(content))
    assert _is_watched(cast, content)
    page = browser_of_alice.get(answer.location).text
    assert "marked watched" in page
    assert 'action="/undo/1"' in page


@pytest.mark.parametrize("find", [_film, _pilot])
@pytest.mark.parametrize(("method", "ending"), [("DELETE", "watched"), ("POST", "unwatched")])
def test_taking_the_mark_away_keeps_the_plays(
    browser_of_alice: FlaskClient, cast: Cast, find: Find, method: str, ending: str
) -> None:
    content = find(cast)
    mark_watched(cast.alice.id, content)
    db.session.commit()
    answer = browser_of_alice.open(f"{_address(content)}/{ending}", method=method)
    assert answer.status_code == 303
    assert not _is_watched(cast, content)
    assert count_plays(cast.alice.id) == 1


@pytest.mark.parametrize("find", [_film, _pilot])
def test_htmx_gets_the_part_that_changed_the_message_and_the_badge(
    browser_of_alice: FlaskClient, cast: Cast, find: Find
) -> None:
    content = find(cast)
    answer = browser_of_alice.post(
        f"{_address(content)}/watched", data={"place": "item"}, headers=HTMX
    )
    assert answer.status_code == 200
    assert _is_watched(cast, content)
    for part in (
        'id="item-state"',
        'id="sync-badge"',
        'action="/undo/1"',
        f'action="{_address(content)}/unwatched"',
    ):
        assert part in answer.text
    assert "<html" not in answer.text


def test_the_part_htmx_gets_is_the_part_of_the_page(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    marked = browser_of_alice.post("/movies/1/watched", data={"place": "item"}, headers=HTMX).text
    page = browser_of_alice.get("/movies/1").text
    part = marked.partition('id="item-state"')[2].partition("<!-- end of item-state -->")[0]
    assert len(part) > 200
    assert part in page


def test_marking_twice_is_one_play_and_offers_no_undo_the_second_time(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    browser_of_alice.post("/movies/1/watched")
    second = browser_of_alice.post("/movies/1/watched", data={"place": "item"}, headers=HTMX).text
    assert count_plays(cast.alice.id) == 1
    assert "was already watched" in second
    assert "/undo/" not in second


def test_a_season_is_one_act(browser_of_alice: FlaskClient, cast: Cast) -> None:
    show = cast.show.id
    answer = browser_of_alice.post(
        f"/shows/{show}/seasons/2/watched", data={"place": "show"}, headers=HTMX
    )
    assert "3 episodes of Harbour Lights marked watched" in answer.text
    assert answer.text.count('action="/undo/') == 1
    assert 'id="show-state"' in answer.text
    assert _is_watched(cast, cast.episode(2, 3))
    assert not _is_watched(cast, cast.episode(1, 3))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_whole_show_is_marked_without_its_specials_and_undone_at_once(
    browser_of_alice: FlaskClient, cast: Cast, headers: dict[str, str]
) -> None:
    address = f"/shows/{cast.show.id}"
    browser_of_alice.post(f"{address}/watched", data={"place": "show"}, headers=headers)
    assert count_plays(cast.alice.id) == 6
    assert not _is_watched(cast, cast.episode(0, 1))
    undone = browser_of_alice.post(
        "/undo/1", data={"place": "show", "next": address}, headers=headers
    )
    assert undone.status_code == (200 if headers else 303)
    assert count_plays(cast.alice.id) == 0
    if headers:
        assert "6 titles restored" in undone.text
        assert "hx-swap-oob" in undone.text


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_whole_show_is_unmarked(
    browser_of_alice: FlaskClient, cast: Cast, headers: dict[str, str]
) -> None:
    mark_watched(cast.alice.id, cast.episode(1, 2))
    mark_watched(cast.alice.id, cast.episode(2, 1))
    db.session.commit()
    browser_of_alice.post(f"/shows/{cast.show.id}/seasons/1/unwatched", headers=headers)
    assert not _is_watched(cast, cast.episode(1, 2))
    assert _is_watched(cast, cast.episode(2, 1))
    browser_of_alice.delete(f"/shows/{cast.show.id}/watched", headers=headers)
    assert not _is_watched(cast, cast.episode(2, 1))


def test_a_cell_of_the_grid_brings_the_show_up_to_date(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    pilot = cast.episode(1, 1)
    answer = browser_of_alice.post(
        f"/episodes/{pilot.id}/watched", data={"place": "show"}, headers=HTMX
    ).text
    assert 'id="show-state"' in answer
    assert f'formaction="/episodes/{pilot.id}/unwatched"' in answer
    assert "Chapter 1.2" in answer


def test_the_show_says_what_comes_next(browser_of_alice: FlaskClient, cast: Cast) -> None:
    page = browser_of_alice.get(f"/shows/{cast.show.id}").text
    assert "Start with" in page
    mark_watched(cast.alice.id, cast.episode(1, 3))
    db.session.commit()
    page = browser_of_alice.get(f"/shows/{cast.show.id}").text
    assert "Next: S2 E1" in page
    assert "Next" in page


def test_a_season_opens_on_its_own(browser_of_alice: FlaskClient, cast: Cast) -> None:
    address = f"/shows/{cast.show.id}/seasons/2"
    assert "Chapter 2.3" in browser_of_alice.get(address).text
    part = browser_of_alice.get(address, headers=HTMX).text
    assert "Chapter 2.3" in part
    assert "<html" not in part
    assert browser_of_alice.get(f"/shows/{cast.show.id}/seasons/9").status_code == 404


def test_a_film_shows_where_it_stands_on_each_server(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    kodi = add_server("Kodi in the living room", cast.alice)
    add_copy(kodi, cast.film)
    db.session.commit()
    browser_of_alice.post("/movies/1/watched")
    assert "waiting" in browser_of_alice.get("/movies/1").text
    row = db.session.query(QueuedChange).one()
    row.status, row.next_attempt_at, row.error_message = (
        Status.FAILED,
        None,
        "The password is wrong.",
    )
    db.session.commit()
    page = browser_of_alice.get("/movies/1").text
    assert "Kodi in the living room" in page
    assert "needs you" in page
    assert "The password is wrong." in page
    badge = page.partition('id="sync-badge"')[2][:300]
    assert "1" in badge


def test_the_answer_says_which_servers_will_be_told(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    add_copy(add_server("Kodi", cast.alice), cast.film)
    add_copy(add_server("Attic", cast.alice), cast.film)
    add_copy(add_server("Not hers", cast.bob), cast.film)
    db.session.commit()
    answer = browser_of_alice.post("/movies/1/watched", data={"place": "item"}, headers=HTMX).text
    assert "Attic and Kodi will be updated" in answer


def test_a_film_can_be_marked_with_its_date_unknown(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    browser_of_alice.post("/movies/1/watched", data={"date_unknown": "1"})
    assert plays_of(cast.alice.id, cast.film)[0].watched_at is None
    assert "Date unknown" in browser_of_alice.get("/movies/1").text


def test_a_position_is_shown_on_the_page_of_its_episode(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    pilot = cast.episode(1, 1)
    save_progress(cast.alice.id, pilot, position_seconds=600, duration_seconds=1500)
    db.session.commit()
    page = browser_of_alice.get(f"/episodes/{pilot.id}").text
    assert "15 min left" in page
    assert 'href="/shows/' in page


@pytest.mark.parametrize(
    "address",
    [
        "/movies/99",
        "/episodes/99",
        "/shows/99",
        "/movies/2",
        "/shows/1",
        "/movies/x",
        "/no/such/page",
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(
    browser_of_alice: FlaskClient, address: str
) -> None:
    answer = browser_of_alice.get(address)
    assert answer.status_code == 404
    assert "<html" in answer.text
    part = browser_of_alice.get(address, headers=HTMX)
    assert part.status_code == 404
    assert "<html" not in part.text
    assert 'hx-target="#alerts"' in part.text


@pytest.mark.parametrize(
    "address", ["/movies/99", "/episodes/99", "/shows/99", "/shows/2/seasons/9"]
)
def test_what_is_not_there_cannot_be_marked(browser_of_alice: FlaskClient, address: str) -> None:
    for headers in ({}, HTMX):
        assert browser_of_alice.post(f"{address}/watched", headers=headers).status_code == 404
        assert browser_of_alice.post(f"{address}/unwatched", headers=headers).status_code == 404


def test_what_another_did_cannot_be_undone(browser_of_bob: FlaskClient, cast: Cast) -> None:
    mark_watched(cast.alice.id, cast.film)
    db.session.commit()
    for headers in ({}, HTMX):
        assert browser_of_bob.post("/undo/1", headers=headers).status_code == 404
    assert _is_watched(cast, cast.film)


def test_undo_by_a_plain_form_leads_back_and_says_so(
    browser_of_alice: FlaskClient, cast: Cast
) -> None:
    browser_of_alice.post("/movies/1/watched")
    answer = browser_of_alice.post("/undo/1", data={"next": "/movies/1"})
    assert (answer.status_code, answer.location) == (303, "/movies/1")
    assert "Restored" in browser_of_alice.get("/movies/1").text
    assert not _is_watched(cast, cast.film)
    again = browser_of_alice.post("/undo/1", headers=HTMX)
    assert "Already undone" in again.text


def test_a_mark_leads_to_no_other_site(browser_of_alice: FlaskClient, cast: Cast) -> None:
    answer = browser_of_alice.post("/movies/1/watched", data={"next": "https://evil.example/"})
    assert answer.location == "/"


def test_an_address_used_the_wrong_way_says_so(browser_of_alice: FlaskClient, cast: Cast) -> None:
    answer = browser_of_alice.delete("/movies/1")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert "<html" in answer.text


def test_what_one_server_shows_is_made_the_state_everywhere(
    browser_of_alice: FlaskClient, alice: User, film: MediaItem
) -> None:
    """Two Kodis and ourselves, each with another idea of the same film."""
    shown = {}
    for name, watched, position in (("Den", True, 0), ("Attic", False, 300_000)):
        source = add_server(name, alice)
        copy = add_copy(source, film)
        [account] = accounts_of(source.id)
        keep_states(
            [
                ShownState(
                    account_id=account.id,
                    source_item_id=copy.id,
                    state=RemoteState(watched=watched, position_ms=position),
                )
            ]
        )
        shown[name] = copy.id
    db.session.commit()
    page = browser_of_alice.get(f"/movies/{film.id}").text
    assert page.count("Use this everywhere") == 2
    answer = browser_of_alice.post(f"/movies/{film.id}/use/{shown['Den']}")
    assert answer.status_code == 303
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert progress.watched
    [owed] = db.session.scalars(select(QueuedChange))
    assert (db.session.get_one(Source, owed.source_id).name, owed.completed) == ("Attic", True)
    browser_of_alice.post(f"/movies/{film.id}/use/{shown['Attic']}")
    progress = get_progress(alice.id, film)
    assert progress is not None
    assert (progress.watched, progress.position_seconds) == (False, 300)
    assert browser_of_alice.post(f"/movies/{film.id}/use/99").status_code == 404
