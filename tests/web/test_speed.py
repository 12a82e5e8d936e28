"""Pages cost the same however much has been watched."""

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from tests.cast import Cast
from tests.web.conftest import HTMX
from tests.years import live_long

Counting = Callable[[], AbstractContextManager[list[str]]]
MOST_QUERIES = 8
MOST_BYTES = 70 * 1024
#: It tells of all servers, counts four tabs, and has three forms in each of its 50 rows.
MOST_QUERIES_OF_THE_QUEUE = 12
MOST_BYTES_OF_THE_QUEUE = 100 * 1024


@pytest.fixture
def much_watched(cast: Cast) -> Cast:
    """alice has more under way, watched and owed than any page shows."""
    live_long(cast.alice, films=400, shows=60, plays=1500, owed=300)
    return cast


def test_home_and_history_read_little_of_much(
    browser_of_alice: FlaskClient,
    much_watched: Cast,
    count_queries: Counting,
) -> None:
    for address in (
        "/",
        "/history",
        "/history?before=2022-01-01T00:00:00%2B00:00~9",
        "/history?before=unknown~900",
    ):
        browser_of_alice.get(address)
        with count_queries() as ran:
            answer = browser_of_alice.get(address)
        assert answer.status_code == 200
        assert len(ran) <= MOST_QUERIES, ran
        assert len(answer.data) <= MOST_BYTES


@pytest.mark.parametrize(
    "query",
    ["", "?tab=done", "?source=1", "?type=position", "?tab=needs-you&source=1&type=watched&user=1"],
)
def test_the_queue_reads_little_of_much(
    browser_of_alice: FlaskClient, much_watched: Cast, count_queries: Counting, query: str
) -> None:
    for address in (f"/queue{query}", f"/queue/rows{query}"):
        browser_of_alice.get(address)
        with count_queries() as ran:
            answer = browser_of_alice.get(address)
        assert answer.status_code == 200
        assert len(ran) <= MOST_QUERIES_OF_THE_QUEUE, ran
        assert len(answer.data) <= MOST_BYTES_OF_THE_QUEUE


def test_a_click_costs_the_same_however_much_is_under_way(
    browser_of_alice: FlaskClient, much_watched: Cast, count_queries: Counting
) -> None:
    with count_queries() as ran:
        answer = browser_of_alice.post("/movies/10/watched", data={"place": "card"}, headers=HTMX)
    assert answer.status_code == 200
    print("mark", len(ran), len(answer.data))
    assert len(ran) <= 20, ran
    assert len(answer.data) < 6 * 1024


def test_a_page_of_a_long_show_asks_no_more_than_that_of_a_short_one(
    browser_of_alice: FlaskClient, cast: Cast, count_queries: Counting
) -> None:
    counts = []
    for show_id in (cast.show.id, _long_show(cast).id):
        browser_of_alice.get(f"/shows/{show_id}")
        with count_queries() as ran:
            answer = browser_of_alice.get(f"/shows/{show_id}")
        counts.append(len(ran))
        print("show", len(ran), f"{len(answer.data) / 1024:.1f} KiB")
    assert counts[0] == counts[1] <= MOST_QUERIES


def _long_show(cast: Cast) -> MediaItem:
    show = MediaItem(type="show", title="Twenty seasons", sort_title="twenty seasons")
    db.session.add(show)
    db.session.flush()
    db.session.execute(
        insert(Episode),
        [
            {
                "media_item_id": show.id,
                "season_number": season,
                "episode_number": number,
                "title": "A title",
            }
            for season in range(1, 21)
            for number in range(1, 25)
        ],
    )
    db.session.commit()
    return show


@pytest.mark.parametrize("address", ["/movies/1", "/episodes/2"])
def test_an_item_page_reads_little(
    browser_of_alice: FlaskClient, cast: Cast, count_queries: Counting, address: str
) -> None:
    browser_of_alice.get(address)
    with count_queries() as ran:
        browser_of_alice.get(address)
    assert len(ran) <= MOST_QUERIES, ran


def test_what_swaps_asks_for_no_more_than_a_sign_in_needs(
    browser_of_alice: FlaskClient, count_queries: Counting
) -> None:
    with count_queries() as ran:
        browser_of_alice.get("/login")
    assert len(ran) <= 1
