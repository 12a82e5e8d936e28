"""Pages cost the same however much has been watched."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import insert

from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.models import Play, PlaybackProgress, ShowProgress
from mydia_web.queue.models import QueuedChange
from tests.cast import Cast, add_copy, add_server
from tests.web.conftest import HTMX

Counting = Callable[[], AbstractContextManager[list[str]]]
START = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MOST_QUERIES = 8
MOST_BYTES = 70 * 1024
#: It tells of all servers, counts four tabs, and has three forms in each of its 50 rows.
MOST_QUERIES_OF_THE_QUEUE = 12
MOST_BYTES_OF_THE_QUEUE = 100 * 1024


@pytest.fixture
def much_watched(cast: Cast) -> Cast:
    """alice has 5,000 films and 300 shows under way, 100,000 plays and 3,000 changes that servers are owed."""
    films = [
        {
            "type": "movie",
            "title": f"A film with a name of usual length {number}",
            "sort_title": f"{number:05}",
        }
        for number in range(5000)
    ]
    shows = [
        {"type": "show", "title": f"A show {number}", "sort_title": f"{number:05}"} for number in range(300)
    ]
    film_ids = list(db.session.scalars(insert(MediaItem).returning(MediaItem.id), films))
    show_ids = list(db.session.scalars(insert(MediaItem).returning(MediaItem.id), shows))
    numbers = [
        {"media_item_id": show_id, "season_number": 1, "episode_number": number, "title": "An episode"}
        for show_id in show_ids
        for number in range(1, 11)
    ]
    episode_ids = list(db.session.scalars(insert(Episode).returning(Episode.id), numbers))
    _begin(cast.alice.id, film_ids, show_ids, episode_ids)
    _play(cast.alice.id, film_ids, episode_ids)
    kodi = add_server("Kodi in the living room", cast.alice)
    for film_id in film_ids[:200]:
        film = db.session.get(MediaItem, film_id)
        assert film
        add_copy(kodi, film)
    _owe(cast.alice.id, kodi.id, film_ids[:3000])
    db.session.commit()
    return cast


def _begin(user_id: int, film_ids: list[int], show_ids: list[int], episode_ids: list[int]) -> None:
    common = {
        "user_id": user_id,
        "position_seconds": 600,
        "duration_seconds": 3000,
        "completion_percentage": 20,
    }
    db.session.execute(
        insert(PlaybackProgress),
        [
            {
                **common,
                "media_item_id": film_id,
                "in_progress": True,
                "last_watched_at": START - timedelta(minutes=n),
            }
            for n, film_id in enumerate(film_ids)
        ],
    )
    db.session.execute(
        insert(ShowProgress),
        [
            {
                "user_id": user_id,
                "media_item_id": show_id,
                "state": "continue" if n % 2 else "next",
                "next_episode_id": episode_ids[n * 10],
                "last_activity_at": START - timedelta(minutes=n),
            }
            for n, show_id in enumerate(show_ids)
        ],
    )


def _play(user_id: int, film_ids: list[int], episode_ids: list[int]) -> None:
    plays = [
        {
            "user_id": user_id,
            "media_item_id": film_ids[n % 5000] if n % 3 else None,
            "episode_id": None if n % 3 else episode_ids[n % 3000],
            "watched_at": START - timedelta(minutes=30 * n) if n % 50 else None,
            "origin": "import",
        }
        for n in range(100_000)
    ]
    db.session.execute(insert(Play), plays)


def _owe(user_id: int, source_id: int, film_ids: list[int]) -> None:
    db.session.execute(
        insert(QueuedChange),
        [
            {
                "user_id": user_id,
                "source_id": source_id,
                "media_item_id": film_id,
                "change_type": "mark_watched",
                "intent_at": START,
                "origin": "web",
                "next_attempt_at": START,
            }
            for film_id in film_ids
        ],
    )


def _median_ms(browser: FlaskClient, address: str) -> float:
    times = []
    for _ in range(9):
        begin = time.perf_counter()
        browser.get(address)
        times.append(time.perf_counter() - begin)
    return sorted(times)[4] * 1000


def test_home_and_history_read_little_of_much(
    browser_of_alice: FlaskClient,
    much_watched: Cast,
    count_queries: Counting,
    record_property: Callable[..., None],
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
        duration = _median_ms(browser_of_alice, address)
        record_property(address, f"{len(ran)} queries, {len(answer.data) / 1024:.1f} KiB, {duration:.1f} ms")
        print(address, len(ran), f"{len(answer.data) / 1024:.1f} KiB {duration:.1f} ms")
        assert duration < 250


@pytest.mark.parametrize(
    "query", ["", "?tab=done", "?source=1", "?type=position", "?tab=needs-you&source=1&type=watched&user=1"]
)
def test_the_queue_reads_little_of_much(
    browser_of_alice: FlaskClient, much_watched: Cast, count_queries: Counting, query: str
) -> None:
    for address in (f"/queue{query}", f"/queue/rows{query}"):
        browser_of_alice.get(address)
        with count_queries() as ran:
            answer = browser_of_alice.get(address)
        assert answer.status_code == 200
        duration = _median_ms(browser_of_alice, address)
        print(address, len(ran), f"{len(answer.data) / 1024:.1f} KiB {duration:.1f} ms")
        assert len(ran) <= MOST_QUERIES_OF_THE_QUEUE, ran
        assert len(answer.data) <= MOST_BYTES_OF_THE_QUEUE
        assert duration < 250


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
            {"media_item_id": show.id, "season_number": season, "episode_number": number, "title": "A title"}
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
