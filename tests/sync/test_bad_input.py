"""What should not be there, from the database or from a server: one row fails with words, the
worker goes on.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from sqlalchemy import delete, select, text

from mydia_web.accounts.models import User
from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import MAX_WORDS, Rejected, ServerTrouble
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.reading import Push, Reading
from mydia_web.backends.values import RemoteState
from mydia_web.cli.sync_queue import planned_calls
from mydia_web.db import db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sync.outbound import connections, lanes
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.push import deliver
from tests.cast import add_copy, add_film, add_server
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def bad(kodi, server, film, alice) -> int:
    """The row of Sintel, on its way to alice's Kodi; with it goes wrong what the test says."""
    return _owe(kodi, server, film, alice)


@pytest.fixture
def good(kodi, server, alice, bad) -> int:
    """A row that is due after it, on the same way."""
    return _owe(kodi, server, add_film("Tears of Steel", 2012, minutes=12), alice)


def _owe(kodi: FakeKodi, server: Source, film: MediaItem, alice: User) -> int:
    movie = kodi.add_movie(film.title, year=film.year, minutes=15)
    add_copy(server, film, f"movie:{movie.id}", movie.file)
    mark_watched(alice.id, film)
    return db.session.scalars(
        select(QueuedChange.id).where(QueuedChange.media_item_id == film.id)
    ).one()


def find(row_id: int) -> QueuedChange:
    query = select(QueuedChange).where(QueuedChange.id == row_id)
    return db.session.scalars(query.execution_options(populate_existing=True)).one()


def damage(row_id: int, column: str, value: str) -> None:
    """As a newer version, or somebody with an editor of databases, would write it."""
    db.session.commit()
    if db.engine.dialect.name == "sqlite":
        db.session.execute(text("PRAGMA ignore_check_constraints = ON"))
    else:
        db.session.execute(
            text(
                "ALTER TABLE playback_sync_queue DROP CONSTRAINT ck_playback_sync_queue_change_type"
            )
        )
    db.session.execute(
        text(f"UPDATE playback_sync_queue SET {column} = {value} WHERE id = {row_id}")  # noqa: S608
    )
    db.session.commit()


# Rows


def test_a_change_of_a_kind_that_only_a_newer_version_knows_waits_for_a_person(bad, good, drain):
    damage(bad, "change_type", "'rate'")
    drain()
    assert (find(bad).status, find(bad).error_class, find(bad).next_attempt_at) == (
        "failed",
        "invalid",
        None,
    )
    assert "Update mydia-web" in find(bad).error_message
    assert find(good).status == "synced"


def test_a_change_of_a_kind_that_only_a_newer_version_knows_is_shown_and_planned(
    bad, good, drain, server, browser_of_alice
):
    damage(bad, "change_type", "'rate'")
    assert {call.row_id for call in planned_calls([server.id], 10)} >= {good}
    drain()
    page = browser_of_alice.get("/queue?tab=needs-you")
    assert "Update mydia-web" in page.text
    assert browser_of_alice.get(f"/queue/{bad}/explain").status_code == 200


def test_a_row_whose_time_cannot_be_read_waits_for_a_person(bad, good, drain, browser_of_alice):
    is_sqlite = db.engine.dialect.name == "sqlite"
    damage(bad, "intent_at", "'yesterday'" if is_sqlite else "'infinity'")
    drain()
    assert (find(bad).status, find(bad).error_class) == ("failed", "invalid")
    assert "was damaged" in find(bad).error_message
    assert find(good).status == "synced"
    assert "was damaged" in browser_of_alice.get("/queue?tab=needs-you").text


def test_a_position_that_is_no_number_is_a_fault_that_is_told(bad, good, drain):
    if db.engine.dialect.name != "sqlite":
        pytest.skip("only SQLite takes it")
    damage(bad, "position_ms", "'somewhere'")
    drain()
    assert (find(bad).status, find(bad).error_class) == ("failed", "bug")
    assert find(good).status == "synced"


def test_a_source_of_a_kind_that_only_a_newer_version_knows_is_left_alone(good, drain, alice, film):
    source = add_server("Attic", alice, kind="gramophone")
    add_copy(source, film)
    mark_watched(alice.id, film)
    drain()
    assert find(good).status == "synced"


def test_a_source_whose_address_is_none_fails_with_words(bad, good, drain, alice, film):
    broken = add_server("Attic", alice, url="http://[")
    add_copy(broken, film)
    find(bad).source_id = broken.id
    drain()
    assert find(bad).status == "failed"
    assert find(bad).error_message
    assert find(good).status == "synced"


def test_a_client_that_cannot_be_opened_is_a_fault_of_its_own_rows_alone(
    bad, elsewhere, drain, monkeypatch
):
    opened = connections.open_account

    def stumble(source: Source, account: SourceAccount) -> Backend:
        if source.name == "Living room":
            raise ZeroDivisionError
        return opened(source, account)

    monkeypatch.setattr(connections, "open_account", stumble)
    drain()
    assert (find(bad).status, find(bad).error_class) == ("failed", "bug")
    assert elsewhere().status == "synced"


# What is removed while it is on its way


GONE = {
    "source": lambda row: delete(Source).where(Source.id == row.source_id),
    "user": lambda row: delete(User).where(User.id == row.user_id),
    "film": lambda row: delete(MediaItem).where(MediaItem.id == row.media_item_id),
    "account": lambda row: delete(SourceAccount).where(SourceAccount.source_id == row.source_id),
    "copy": lambda row: delete(SourceItem).where(SourceItem.media_item_id == row.media_item_id),
}


@pytest.fixture
def elsewhere(bob) -> Iterator[Callable[[], QueuedChange]]:
    """Another server, which holds another film of another person; the row it is owed."""
    with FakeKodi(name="Bedroom") as bedroom:
        source, film = (
            add_server("Bedroom", bob, url=bedroom.url),
            add_film("Spring", 2019, minutes=8),
        )
        row_id = _owe(bedroom, source, film, bob)
        yield lambda: find(row_id)


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("what", GONE)
def test_what_is_removed_while_a_row_is_on_its_way_takes_nothing_else_along(
    bad, elsewhere, drain, kodi, monkeypatch, what: str, taken: bool
):
    row, engine, removed = find(bad), db.engine, GONE[what](find(bad))
    if not taken:
        kodi.fail_next(500)

    def remove_meanwhile(batch, delivery) -> Outcome:
        outcome = deliver(batch.backend, delivery)
        if delivery.row_id == row_id:
            with engine.begin() as connection:
                connection.execute(removed)
        return outcome

    row_id = row.id
    monkeypatch.setattr(lanes, "deliver_in_batch", remove_meanwhile)
    drain()
    assert db.session.get(QueuedChange, bad, populate_existing=True) is None or what in (
        "account",
        "copy",
    )
    assert elsewhere().status == "synced"
    assert (
        db.session.scalars(select(QueuedChange).where(QueuedChange.status == "syncing")).all() == []
    )


# Answers


@pytest.fixture
def answers(bad, monkeypatch) -> Callable[[Callable[[Outcome], Outcome]], None]:
    """Let the push of the bad row come back otherwise."""

    def come_back(otherwise: Callable[[Outcome], Outcome]) -> None:
        def answer(batch, delivery) -> Outcome:
            outcome = deliver(batch.backend, delivery)
            return otherwise(outcome) if delivery.row_id == bad else outcome

        monkeypatch.setattr(lanes, "deliver_in_batch", answer)

    return come_back


@pytest.mark.parametrize(
    "words", ["x" * 10_000_000, "half \ud800 of a letter \0 and none"], ids=["10 MB", "unwritable"]
)
@pytest.mark.parametrize("kind", [Rejected, ServerTrouble])
def test_whatever_a_server_says_of_its_refusal_is_kept_in_short(
    bad, elsewhere, drain, server, kodi, monkeypatch, kind, words: str
):
    write = Kodi.write

    def refuse(self: Kodi, push: Push, reading: Reading) -> RemoteState:
        if push[0].path == kodi.movies[1].file:
            raise kind(words)
        return write(self, push, reading)

    monkeypatch.setattr(Kodi, "write", refuse)
    drain()
    assert find(bad).status == "failed"
    assert find(bad).error_message[:4] == words[:4]
    assert len(find(bad).error_message) <= MAX_WORDS
    assert (
        len(db.session.get(Source, server.id, populate_existing=True).last_error or "") <= MAX_WORDS
    )
    assert elsewhere().status == "synced"


@pytest.mark.parametrize("shown", [{"play_count": 10**30}, {"position_ms": 10**30}])
def test_a_number_beyond_all_bounds_is_a_fault_of_that_row_alone(bad, good, answers, drain, shown):
    def exaggerate(outcome: Outcome) -> Outcome:
        ((item_id, state),) = outcome.states
        return replace(outcome, states=((item_id, replace(state, **shown)),))

    answers(exaggerate)
    drain()
    assert (find(bad).status, find(bad).error_class) == ("failed", "bug")
    assert "cannot be kept" in find(bad).error_message
    assert find(good).status == "synced"


def test_a_web_page_instead_of_an_answer_fails_with_words(bad, elsewhere, drain, kodi):
    kodi.fail_next(
        status=200,
        body=b"<html>Sign in to the hotel's Wi-Fi</html>",
        headers={"Content-Type": "text/html"},
        times=100,
    )
    drain()
    assert (find(bad).status, find(bad).error_class) == ("failed", "transient")
    assert "it is not Kodi" in find(bad).error_message
    assert elsewhere().status == "synced"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_never_followed(bad, elsewhere, drain, kodi, status: int):
    with FakeKodi(name="Stranger") as stranger:
        kodi.fail_next(status=status, headers={"Location": f"{stranger.url}/jsonrpc"}, times=100)
        drain()
        assert (stranger.requests, stranger.headers) == ([], [])
    assert (find(bad).status, find(bad).error_class) == ("failed", "transient")
    assert "sends us on to" in find(bad).error_message
    assert elsewhere().status == "synced"
