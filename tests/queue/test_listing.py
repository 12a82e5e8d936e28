"""What the queue page asks of the queue."""

import uuid
from collections.abc import Callable
from datetime import UTC, timedelta

import pytest
from sqlalchemy import event

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.acts import Act
from mydia_web.playback.progress import mark_unwatched, mark_watched, save_progress
from mydia_web.queue import board
from mydia_web.queue.board import Count, Filter, Owed, Tab, count_tabs, list_rows
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_film, add_server

Queue = Callable[..., QueuedChange]


@pytest.fixture
def kodi(alice: User, bob: User) -> Source:
    return add_server("Kodi", alice, bob)


@pytest.fixture
def queue(kodi: Source) -> Queue:
    """Puts a row of a new film into the queue, as it stands in one tab."""

    def put(user: User, tab: Tab, title: str = "Sintel") -> QueuedChange:
        film = add_film(title)
        row = QueuedChange(
            user_id=user.id, media_item_id=film.id, source_id=kodi.id, change_type="mark_watched"
        )
        row.completed, row.position_ms, row.intent_at, row.origin = True, 0, now(), "web"
        row.next_attempt_at = now() if tab is Tab.WAITING else None
        row.status = {
            "waiting": "pending",
            "sending": "syncing",
            "done": "synced",
            "needs-you": "failed",
        }[tab]
        if tab is Tab.SENDING:
            row.claim_token, row.lease_until = str(uuid.uuid4()), now() + timedelta(seconds=60)
        db.session.add(row)
        db.session.flush()
        return row

    return put


def words(user: User | None = None, tab: Tab = Tab.WAITING) -> list[str]:
    return [str(row.sentence(UTC)) for row in list_rows(tab, of(user)).rows]


def of(user: User | None) -> Filter:
    return Filter(user.id if user else None)


def test_a_mark_is_told_in_words(alice: User, film: MediaItem, kodi: Source) -> None:
    add_copy(kodi, film)
    mark_watched(alice.id, film, origin="web")
    assert words() == ["Mark Sintel watched on Kodi"]


def test_a_position_is_told_as_a_time(alice: User, film: MediaItem, kodi: Source) -> None:
    add_copy(kodi, film)
    save_progress(alice.id, film, position_seconds=754, duration_seconds=900)
    assert words() == ["Set Sintel to 12:34 on Kodi"]


def test_an_episode_is_told_with_its_show(alice: User, pilot: Episode, kodi: Source) -> None:
    add_copy(kodi, pilot)
    mark_watched(alice.id, pilot, origin="web")
    mark_unwatched(alice.id, pilot, origin="web")
    assert words() == ["Mark Harbour Lights S1 E1 unwatched on Kodi"]


def test_what_is_delivered_is_told_as_done(alice: User, queue: Queue) -> None:
    queue(alice, Tab.DONE)
    assert words(tab=Tab.DONE) == ["Marked Sintel watched on Kodi"]


def test_a_rewatch_is_told_with_mark_and_position(alice: User, queue: Queue) -> None:
    queue(alice, Tab.WAITING).position_ms = 3_723_000
    assert words() == ["Mark Sintel watched and set it to 1:02:03 on Kodi"]


def test_news_of_a_source_name_it(alice: User, film: MediaItem, kodi: Source) -> None:
    add_copy(kodi, film)
    other = add_server("Bedroom", alice)
    with Act(alice.id, "pull", source_id=other.id) as act:
        act.mark_watched(film)
    (row,) = list_rows(Tab.WAITING, of(alice)).rows
    assert row.came_from == "Bedroom"


def test_each_row_stands_in_one_tab(alice: User, queue: Queue) -> None:
    for tab in Tab:
        queue(alice, tab, title=tab)
    queue(alice, Tab.NEEDS_YOU, title="goes out again").next_attempt_at = now()
    db.session.flush()
    expected = {
        Tab.WAITING: Count(2),
        Tab.SENDING: Count(1),
        Tab.DONE: Count(1),
        Tab.NEEDS_YOU: Count(1),
    }
    assert count_tabs(of(alice)) == expected
    for tab in Tab:
        rows = list_rows(tab, of(alice)).rows
        assert {row.tab for row in rows} == {tab}
        assert tab in {row.title for row in rows}


def test_one_sees_only_ones_own_rows_and_everyone_means_all(
    alice: User, bob: User, queue: Queue
) -> None:
    queue(alice, Tab.DONE)
    queue(bob, Tab.DONE)
    assert [row.user_name for row in list_rows(Tab.DONE, of(bob)).rows] == ["bob"]
    assert len(list_rows(Tab.DONE, Filter()).rows) == 2
    assert count_tabs(Filter())[Tab.DONE] == Count(2)


def test_a_foreign_row_is_not_found(alice: User, bob: User, queue: Queue) -> None:
    row = queue(alice, Tab.WAITING)
    with pytest.raises(NotFound):
        board.find_row(row.id, bob.id)
    assert board.find_row(row.id, None).change is row


def test_pages_hold_every_row_once_even_where_times_are_equal(alice: User, queue: Queue) -> None:
    made = {queue(alice, Tab.WAITING, title=f"Film {number}").id for number in range(7)}
    again = queue(alice, Tab.NEEDS_YOU, title="goes out again")
    again.next_attempt_at = now()
    at = now()
    db.session.query(QueuedChange).update({"updated_at": at})
    seen, before = [], None
    while True:
        page = list_rows(Tab.WAITING, of(alice), before=before, limit=3)
        seen += [row.change.id for row in page.rows]
        if page.older is None:
            break
        before = page.older
    assert len(seen) == 8
    assert set(seen) == made | {again.id}


def test_counting_stops_at_its_limit(
    alice: User, queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board, "MAX_COUNT", 3)
    for number in range(5):
        queue(alice, Tab.DONE, title=f"Film {number}")
    assert count_tabs(of(alice))[Tab.DONE] == Count(2, is_exact=False)
    assert str(count_tabs(of(alice))[Tab.DONE]) == "2+"


def test_what_a_source_is_owed_is_told_by_kind(
    alice: User, bob: User, kodi: Source, queue: Queue
) -> None:
    idle = add_server("Idle", alice)
    first = queue(alice, Tab.WAITING)
    queue(alice, Tab.NEEDS_YOU, title="needs you")
    queue(alice, Tab.NEEDS_YOU, title="goes out again").next_attempt_at = now() + timedelta(hours=1)
    queue(bob, Tab.SENDING)
    queue(bob, Tab.DONE, title="done")
    db.session.flush()
    assert board.owed_by_source(None) == {
        kodi.id: Owed(2, 1, 1, first.next_attempt_at),
        idle.id: Owed(),
    }
    assert board.owed_by_source(bob.id)[kodi.id].total == 1


def test_a_page_of_rows_is_read_in_one_statement_a_branch_and_one_for_all(
    alice: User, queue: Queue
) -> None:
    for number in range(20):
        queue(alice, Tab.WAITING, title=f"Film {number}")
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *told: statements.append(told[2]))
    assert len(words(alice)) == 20
    assert len(statements) == 3
