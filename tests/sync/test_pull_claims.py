"""A pull is one worker's as long as its lease lives; whoever looks lets an interrupted one go on
where it ended.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

import pytest
from sqlalchemy import event, func, select, update

from mydia_web.backends.kodi import library
from mydia_web.clock import now
from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import Pull, Source, SourceItem
from mydia_web.sync import service
from mydia_web.sync.inbound import run_pull as pulling
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import reclaim_lost_pulls, run_pull
from mydia_web.sync.pulls import (
    LEASE,
    MOST_TRIES,
    Claim,
    ClaimLost,
    claim_pull,
    end_pull,
    give_back,
    hold,
    request_pull,
)
from tests.fakes.kodi import FakeKodi

FILMS, PAGE = 30, 10
AN_AGE = timedelta(days=400)


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "PAGE", PAGE)


@pytest.fixture
def films(kodi: FakeKodi) -> list[object]:
    """Three pages of films that were seen on the Kodi."""
    seen = {"playcount": 1, "lastplayed": "2026-01-02 20:00:00"}
    return [
        kodi.add_movie(f"Film {number:02}", year=2000, imdb=f"tt{number:07}", **seen)
        for number in range(FILMS)
    ]


def ask(source: Source, **how: bool) -> int:
    db.session.commit()
    begin_write()
    pull_id: int = request_pull(source.id, **how).id
    db.session.commit()
    return pull_id


def take(pull_id: int) -> Claim:
    db.session.commit()
    begin_write()
    claim = claim_pull(pull_id)
    db.session.commit()
    assert claim is not None
    return claim


def read(pull_id: int, *how, **more) -> Report | None:
    db.session.commit()
    return run_pull(pull_id, *how, **more)


def the_pull() -> Pull:
    """The latest."""
    db.session.rollback()
    db.session.expire_all()
    return db.session.scalars(select(Pull).order_by(Pull.id.desc())).first()


def lease_ends() -> None:
    """As if its worker had been silent for so long."""
    db.session.commit()
    db.session.execute(update(Pull).values(lease_until=now() - timedelta(seconds=1)))
    db.session.commit()


def count(table: type[object]) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0


def by_a_request(source: Source) -> None:
    ask(source)


def by_a_look(source: Source) -> None:
    db.session.commit()
    reclaim_lost_pulls()


@pytest.mark.parametrize("look", [by_a_request, by_a_look])
def test_whoever_looks_frees_the_pull_of_a_dead_worker_and_it_goes_on(server, films, look):
    pull_id = ask(server)
    claim = take(pull_id)
    look(server)
    assert (the_pull().id, the_pull().claim_token) == (pull_id, claim.token), (
        "its lease still lives"
    )
    lease_ends()
    look(server)
    assert (the_pull().id, the_pull().status) == (pull_id, "requested")
    assert read(pull_id).watched == FILMS
    assert the_pull().status == "done"


def test_a_preview_of_a_dead_worker_goes_on_too(server, films):
    pull_id = ask(server, is_preview=True)
    take(pull_id)
    lease_ends()
    reclaim_lost_pulls()
    read(pull_id)
    assert (the_pull().status, the_pull().message[:14]) == ("done", "It would bring")
    assert count(SourceItem) == 0


def test_what_stood_running_before_leases_were_kept_is_free(server, films):
    """After an update from a version that knew no leases."""
    db.session.add(Pull(source_id=server.id, status="running"))
    db.session.commit()
    assert read(ask(server)).watched == FILMS


def test_who_lost_the_claim_writes_nothing_more(server):
    pull_id = ask(server)
    lost = take(pull_id)
    lease_ends()
    reclaim_lost_pulls()
    claim = take(pull_id)
    with pytest.raises(ClaimLost):
        hold(lost, done=3)
    give_back(lost)
    assert end_pull(lost, "failed", message="too late") is None
    db.session.commit()
    pull = the_pull()
    assert (pull.status, pull.claim_token, pull.done) == ("running", claim.token, 0)


def test_a_reader_that_lost_its_claim_brings_no_page_more_and_ends_nothing(server, films):
    pull_id = ask(server)
    others: list[Claim] = []

    def lose(_report: Report) -> None:
        if not others:
            lease_ends()
            reclaim_lost_pulls()
            others.append(take(pull_id))

    assert read(pull_id, lose) is None
    assert count(SourceItem) == PAGE
    assert (the_pull().status, the_pull().claim_token) == ("running", others[0].token)
    assert [account.pulled_at for account in accounts_of(server.id)] == [None]


def test_tries_that_bring_nothing_are_given_up(server):
    pull_id = ask(server)
    for _ in range(MOST_TRIES):
        assert the_pull().status == "requested"
        take(pull_id)
        lease_ends()
        reclaim_lost_pulls()
    assert the_pull().status == "failed"
    assert "Pull again" in the_pull().message
    assert ask(server) != pull_id


def test_tries_that_get_on_are_never_given_up(server, films, monkeypatch):
    monkeypatch.setattr(library, "PAGE", 2)
    pull_id = ask(server)
    rounds = FILMS // 2 - 1
    assert rounds > MOST_TRIES
    for number in range(1, rounds + 1):
        new = 2 * number

        def die_after_a_new_page(report: Report, done: int = new) -> None:
            if report.done == done:
                lease_ends()
                reclaim_lost_pulls()

        assert read(pull_id, die_after_a_new_page) is None
        assert (the_pull().status, the_pull().tries, count(SourceItem)) == ("requested", 0, new)
    assert read(pull_id).watched == FILMS


def test_a_stop_gives_the_pull_back_and_the_next_one_goes_on_where_it_ended(server, films):
    pull_id = ask(server)
    stop = Event()
    assert read(pull_id, lambda _report: stop.set(), stop=stop) is None
    pull = the_pull()
    assert (pull.status, pull.tries, pull.done, pull.total) == ("requested", 0, PAGE, FILMS)
    with pages_merged() as merged:
        report = read(pull_id)
    # Of a page with new titles it is asked twice which of them are known.
    assert len(merged) == 2 * (FILMS // PAGE - 1)
    assert report.watched == count(PlaybackProgress) == FILMS
    assert the_pull().message == f"{FILMS} titles: {FILMS} watched"


def test_a_page_that_changed_meanwhile_is_taken_in_again(server, films, kodi):
    pull_id = ask(server)
    stop = Event()
    read(pull_id, lambda _report: stop.set(), stop=stop)
    films[3].played.playcount, films[3].played.lastplayed = 0, ""
    assert read(pull_id).unwatched == 1
    assert count(PlaybackProgress) == FILMS - 1


def test_removals_of_an_interrupted_try_are_not_forgotten(server, films):
    read(ask(server))
    films[3].played.playcount, films[3].played.lastplayed = 0, ""
    pull_id = ask(server, is_sweep=True)
    stop = Event()
    read(pull_id, lambda report: stop.set() if report.total == FILMS else None, stop=stop)
    assert count(PlaybackProgress) == FILMS
    assert read(pull_id).unwatched == 1
    assert count(PlaybackProgress) == FILMS - 1


def test_what_is_gone_is_found_by_a_pull_that_was_interrupted(server, films, kodi):
    read(ask(server))
    kodi.remove(films[29])
    pull_id = ask(server, is_sweep=True)
    stop = Event()
    read(pull_id, lambda report: stop.set() if report.total == FILMS - 1 else None, stop=stop)
    assert read(pull_id).gone == 1
    assert count(SourceItem) == FILMS - 1


class pages_merged:  # noqa: N801 - reads as a statement
    """The questions for the items of a page that is merged."""

    def __enter__(self) -> list[str]:
        self.seen: list[str] = []
        event.listen(db.engine, "after_cursor_execute", self._note)
        return self.seen

    def __exit__(self, *_: object) -> None:
        event.remove(db.engine, "after_cursor_execute", self._note)

    def _note(self, _connection, _cursor, statement, *_other) -> None:
        # What is only looked at, to find out whether it has changed, is not asked for in full.
        is_whole = "source_items.seen_at" in statement
        if (
            is_whole
            and "FROM source_items" in statement
            and "source_items.remote_id IN" in statement
        ):
            self.seen.append(statement)


def test_the_lease_is_renewed_while_a_slow_server_is_waited_for(server, films, kodi, monkeypatch):
    monkeypatch.setattr(pulling, "RENEW_EVERY", 0.02)
    kodi.delay = 60
    pull_id = ask(server)
    reading = threading.Thread(target=in_context(app_context(), read, pull_id))
    reading.start()
    seen: set[datetime] = set()
    while len(seen) < 3:
        seen |= {until for until in [the_pull().lease_until] if until}
    assert reading.is_alive()
    kodi.hurry()
    reading.join(30)
    assert the_pull().status == "done"


def test_a_stop_gives_a_pull_back_though_its_server_does_not_answer(server, films, kodi):
    kodi.delay = 60
    pull_id = ask(server)
    stop = Event()

    def reads() -> None:
        read(pull_id, stop=stop)

    reading = threading.Thread(target=in_context(app_context(), reads))
    reading.start()
    wait_for(lambda: the_pull().status == "running")
    stop.set()
    wait_for(lambda: the_pull().status == "requested")
    assert reading.is_alive()
    kodi.hurry()
    reading.join(30)
    assert (the_pull().status, the_pull().tries) == ("requested", 0)
    assert read(pull_id).watched == FILMS


def in_context(context, work, *arguments) -> Callable[[], None]:
    def working() -> None:
        with context():
            work(*arguments)
            db.session.remove()

    return working


def wait_for(holds: Callable[[], object]) -> None:
    while not holds():
        threading.Event().wait(0.01)


# Clocks


def test_a_lease_from_a_clock_that_was_wrong_once_is_cut_to_its_length(server, set_clock):
    pull_id = ask(server)
    set_clock.pass_(days=400)
    take(pull_id)
    set_clock.pass_(days=-400)
    reclaim_lost_pulls()
    assert (the_pull().status, the_pull().lease_until) == ("running", now() + LEASE)
    set_clock.pass_(seconds=LEASE.total_seconds() + 1)
    reclaim_lost_pulls()
    assert the_pull().status == "requested"


@pytest.mark.parametrize("asked", [AN_AGE, -AN_AGE])
def test_a_pull_asked_for_by_a_clock_that_was_wrong_once_does_not_stop_the_schedule(
    server, films, asked
):
    read(ask(server))
    db.session.execute(update(Pull).values(requested_at=now() + asked))
    db.session.commit()
    service._request_due_pulls()
    assert the_pull().status == "requested"


@pytest.mark.parametrize("column", ["pulled_at", "swept_at"])
def test_a_reading_dated_by_a_clock_that_was_wrong_once_is_done_again(server, films, column):
    read(ask(server))
    [account] = accounts_of(server.id)
    setattr(account, column, now() + AN_AGE)
    assert read(ask(server)).done == FILMS
    [account] = accounts_of(server.id)
    assert account.pulled_at <= now()
    assert account.swept_at <= now()


# What is asked for while a pull is under way


@pytest.mark.parametrize(
    ("wish", "then"),
    [
        ({}, None),
        ({"is_sweep": True}, (True, False)),
        ({"takes_removals": True}, (True, True)),
    ],
)
def test_what_a_running_pull_does_not_do_itself_follows_it(server, films, wish, then):
    pull_id = ask(server)
    asked: list[int] = []

    def press(_report: Report) -> None:
        if not asked:
            asked.extend(ask(server, **wish) for _ in range(2))
            asked.append(ask(server))

    read(pull_id, press)
    assert asked == [pull_id] * 3
    latest = the_pull()
    if then is None:
        assert (latest.id, latest.status) == (pull_id, "done")
    else:
        assert (latest.status, latest.is_sweep, latest.takes_removals) == ("requested", *then)


def test_a_pull_that_is_asked_for_while_a_preview_waits_follows_it(server, films):
    pull_id = ask(server, is_preview=True)
    assert ask(server) == pull_id
    read(pull_id)
    assert (the_pull().is_preview, the_pull().status) == (False, "requested")
