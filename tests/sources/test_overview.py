"""The sources as a person sees them."""

from datetime import timedelta

import pytest
from sqlalchemy import event

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.sources import health
from mydia_web.sources.models import Source, UnmatchedItem
from mydia_web.sources.overview import (
    account_on,
    list_unmatched,
    names_with_accounts,
    overview,
    overview_of,
)
from mydia_web.sync.pulls import latest_pull, open_pulls, request_pull
from tests.cast import add_copy, add_server, episode_of


@pytest.fixture
def kodi(alice: User) -> Source:
    return add_server("Kodi", alice)


def mood(source: Source, user: User) -> str:
    db.session.expire_all()
    return health.health(source, account_on(source.id, user.id)).mood


def test_a_source_tells_what_it_holds(
    alice: User, film: MediaItem, show: MediaItem, kodi: Source
) -> None:
    add_copy(kodi, film)
    add_copy(kodi, episode_of(show, 1, 1))
    add_copy(kodi, episode_of(show, 1, 2))
    db.session.add(
        UnmatchedItem(source_id=kodi.id, remote_id="9", title="Home video", reason="No ids.")
    )
    holding = overview_of(kodi, alice.id).holding
    assert (holding.films, holding.episodes, holding.unmatched) == (1, 2, 1)


def test_a_new_source_has_not_been_reached_and_holds_nothing(bob: User, kodi: Source) -> None:
    one = overview_of(kodi, bob.id)
    assert (one.health.mood, one.holding.films, one.account, one.last_pull) == (
        "unknown",
        0,
        None,
        None,
    )


def test_the_overview_costs_the_same_for_ten_sources_as_for_one(alice: User, kodi: Source) -> None:
    def statements() -> int:
        seen: list[str] = []
        listener = lambda *told: seen.append(told[2])  # noqa: E731
        db.session.flush()
        event.listen(db.engine, "before_cursor_execute", listener)
        overview(alice.id)
        event.remove(db.engine, "before_cursor_execute", listener)
        return len(seen)

    overview(alice.id)
    one = statements()
    for number in range(9):
        request_pull(add_server(f"Kodi {number}", alice).id)
    assert statements() == one


def test_what_matters_most_about_a_source_comes_first(alice: User, kodi: Source) -> None:
    health.note_reached(kodi.id)
    assert mood(kodi, alice) == "ok"
    health.note_trouble(kodi.id, "It has trouble.")
    assert mood(kodi, alice) == "trouble"
    kodi.pause_reason, kodi.paused_until = "down", now() + timedelta(minutes=2)
    db.session.flush()
    assert mood(kodi, alice) == "down"
    kodi.pause_reason = "rate_limited"
    db.session.flush()
    assert mood(kodi, alice) == "rate_limited"
    account = account_on(kodi.id, alice.id)
    assert account is not None
    account.refused_at = now()
    db.session.flush()
    assert mood(kodi, alice) == "sign_in"
    health.pause(kodi)
    db.session.flush()
    assert mood(kodi, alice) == "paused"


def test_an_answer_ends_being_down_but_not_a_pause_of_the_operator(
    alice: User, kodi: Source
) -> None:
    kodi.pause_reason, kodi.paused_until, kodi.failure_count = "down", now(), 7
    db.session.flush()
    health.note_reached(kodi.id)
    assert mood(kodi, alice) == "ok"
    assert kodi.failure_count == 0
    health.pause(kodi)
    db.session.flush()
    health.note_reached(kodi.id)
    assert mood(kodi, alice) == "paused"


def test_asking_at_once_brings_forward_only_a_server_that_is_down(
    alice: User, kodi: Source
) -> None:
    later = now() + timedelta(minutes=9)
    for reason, brought_forward in (("down", True), ("rate_limited", False)):
        kodi.pause_reason, kodi.paused_until = reason, later
        db.session.flush()
        health.probe_now(kodi.id)
        db.session.refresh(kodi)
        assert kodi.paused_until is not None
        assert (kodi.paused_until < later) is brought_forward


def test_a_pull_that_is_open_is_not_asked_for_twice(kodi: Source) -> None:
    first = request_pull(kodi.id)
    assert request_pull(kodi.id).id == first.id
    assert [pull.id for pull in open_pulls()] == [first.id]
    first.status, first.finished_at = "done", now()
    db.session.flush()
    second = request_pull(kodi.id)
    assert second.id != first.id
    assert latest_pull(kodi.id) is second


def test_unmatched_items_come_in_pages(kodi: Source) -> None:
    for number in range(5):
        item = UnmatchedItem(
            source_id=kodi.id, remote_id=str(number), title=f"Item {number}", reason="No ids."
        )
        db.session.add(item)
    db.session.flush()
    first = list_unmatched(kodi.id, limit=3)
    rest = list_unmatched(kodi.id, after=first[-1].id, limit=3)
    assert [item.title for item in [*first, *rest]] == [f"Item {number}" for number in range(5)]


def test_everyone_with_an_account_is_named(alice: User, bob: User) -> None:
    source = add_server("Kodi", bob, alice)
    assert [name for name, _ in names_with_accounts(source.id)] == ["alice", "bob"]
