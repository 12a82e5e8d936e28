"""Pulls as wholes: what they read, what waits for a person, what is undone, and which way things
go.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from sqlalchemy import delete, func, select

from mydia_web.accounts.models import User
from mydia_web.backends.errors import SignInRefused
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress, undo
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.undo import change_sets_of_pulls
from mydia_web.queue import sign_ins
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import accounts_of, link_account
from mydia_web.sources.models import Pull, Source, SourceItemState
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import claim_pull, request_pull
from tests.cast import add_server
from tests.fakes.emby import FakeEmby
from tests.fakes.kodi import FakeKodi

SEEN = "2026-01-02 20:00:00"


@pytest.fixture
def films(kodi: FakeKodi) -> list[object]:
    """Thirty films that were seen on the Kodi."""
    return [
        kodi.add_movie(
            f"Film {number:02}",
            year=2000,
            imdb=f"tt{number:07}",
            playcount=1,
            lastplayed="2026-01-02 20:00:00",
        )
        for number in range(30)
    ]


@pytest.fixture
def pull_so(server: Source) -> Callable[..., Report]:
    def pulling(**how: bool) -> Report:
        db.session.commit()
        begin_write()
        pull_id = request_pull(server.id, is_sweep=True, **how).id
        db.session.commit()
        report = run_pull(pull_id)
        assert report is not None
        return report

    return pulling


def watched() -> int:
    return db.session.scalar(select(func.count()).where(PlaybackProgress.watched)) or 0


def last_pull() -> Pull:
    db.session.expire_all()
    return db.session.scalars(select(Pull).order_by(Pull.id.desc())).first()


def test_a_preview_says_what_would_come_and_changes_nothing(pull_so, films):
    report = pull_so(is_preview=True)
    assert report.watched == 30
    assert last_pull().message == "It would bring 30 titles: 30 watched"
    assert watched() == 0
    assert db.session.scalar(select(func.count()).select_from(SourceItemState)) == 0


def test_what_a_pull_brought_is_undone_whole(pull_so, films, alice, server):
    pull_so()
    assert watched() == 30
    [change_set_id] = change_sets_of_pulls(server.id, alice.id).values()
    undone = undo(change_set_id)
    assert len(undone.contents) == 30
    assert watched() == 0
    assert change_sets_of_pulls(server.id, alice.id) == {}


def test_a_library_that_lost_its_marks_waits_for_a_person(pull_so, films):
    pull_so()
    for film in films:
        film.played.playcount, film.played.lastplayed = 0, ""
    assert pull_so().held_back == 30
    assert watched() == 30
    assert last_pull().held_back == 30
    assert pull_so(takes_removals=True).unwatched == 30
    assert watched() == 0
    assert last_pull().held_back == 0


def test_three_of_thirty_are_a_persons_doing(pull_so, films):
    pull_so()
    for film in films[:3]:
        film.played.playcount, film.played.lastplayed = 0, ""
    assert pull_so().unwatched == 3
    assert watched() == 27


def test_a_second_pull_of_an_unchanged_library_brings_nothing(pull_so, films):
    pull_so()
    before = db.session.scalar(select(func.max(SourceItemState.seen_at)))
    assert pull_so().news == "nothing new"
    assert db.session.scalar(select(func.max(SourceItemState.seen_at))) == before


@pytest.mark.parametrize(("takes", "expected"), [(True, 30), (False, 0)])
def test_what_is_watched_there_is_taken_over_where_that_is_wanted(
    pull_so, films, server, takes, expected
):
    server.takes_watched = takes
    pull_so()
    assert watched() == expected


def test_a_server_hears_only_what_it_is_told(pull, kodi, server, alice, drain):
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    film = the_film()
    server.tells_positions = False
    db.session.commit()
    save_progress(alice.id, film, position_seconds=300, duration_seconds=720)
    assert db.session.scalar(select(func.count()).select_from(QueuedChange)) == 0
    mark_watched(alice.id, film)
    drain()
    assert movie.playcount == 1
    server.tells_watched = False
    db.session.commit()
    mark_unwatched(alice.id, film)
    drain()
    assert movie.playcount == 1


def the_film():
    return db.session.scalars(select(MediaItem).where(MediaItem.title == "Tears of Steel")).one()


def test_where_ours_always_wins_the_server_is_told_what_it_lost(pull, kodi, server, alice, drain):
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    server.strategy = "always-local"
    pull()
    mark_watched(alice.id, the_film())
    drain()
    movie.played.playcount, movie.played.lastplayed = 0, ""
    db.session.execute(delete(QueuedChange))
    pull()
    assert get_progress(alice.id, the_film()).watched
    drain()
    assert movie.playcount == 1


def test_one_whose_sign_in_is_refused_keeps_nobody_else_waiting(
    pull_so, films, server, bob, kodi, monkeypatch
):
    link_account(server, bob.id, {"username": "kodi", "password": "wrong"})
    report = pull_so()
    assert (report.watched, len(report.problems)) == (30, 1)
    monkeypatch.setattr(sign_ins, "CONFIRM_AFTER", timedelta())
    pull_so()
    refused = {account.user_id: account.refused_at for account in accounts_of(server.id)}
    assert refused[bob.id] is not None
    assert [at for user_id, at in refused.items() if user_id != bob.id] == [None]


def test_when_all_are_refused_the_pull_has_failed(pull_so, films, kodi):
    kodi.password = "another"
    with pytest.raises(SignInRefused):
        pull_so()
    assert last_pull().status == "failed"


@pytest.fixture
def emby() -> Iterator[FakeEmby]:
    with FakeEmby() as emby:
        emby.add_person("alice")
        yield emby


@pytest.fixture
def cellar(alice: User, emby: FakeEmby) -> Source:
    source = add_server("Cellar", alice, kind="emby", url=emby.url)
    link_account(source, alice.id, {"username": "alice", "password": "secret"})
    db.session.commit()
    return source


def test_a_server_that_can_tell_is_asked_for_what_changed(cellar, emby, alice):
    films = [emby.add_movie(f"Film {number}") for number in range(5)]

    def pull(**how: bool) -> Report:
        begin_write()
        pull_id = request_pull(cellar.id, **how).id
        db.session.commit()
        report = run_pull(pull_id)
        assert report is not None
        return report

    assert pull().done == 5
    [account] = accounts_of(cellar.id)
    assert account.pulled_at == account.swept_at
    db.session.rollback()
    emby.requests.clear()
    assert pull().news == "nothing new"
    assert any("MinDateLastSavedForUser" in request.target for request in emby.requests)
    [account] = accounts_of(cellar.id)
    assert account.pulled_at > account.swept_at
    account.swept_at = now() - timedelta(days=2)
    db.session.commit()
    assert pull().done == len(films)


def test_what_a_person_asks_for_becomes_of_the_pull_that_waits(alice):
    """One at a time: a scheduled one that has not begun reads everything then, but one that has
    goes on as it is.
    """
    attic = add_server("Attic", alice)
    waiting = request_pull(attic.id)
    assert not waiting.is_sweep
    assert request_pull(attic.id, takes_removals=True) is waiting
    assert (waiting.is_sweep, waiting.takes_removals) == (True, True)
    request_pull(attic.id)
    db.session.refresh(waiting)
    assert (waiting.is_sweep, waiting.takes_removals) == (True, True)
    running = request_pull(add_server("Cellar", alice).id)
    assert claim_pull(running.id)
    assert request_pull(running.source_id, is_sweep=True) is running
    assert (running.is_sweep, running.followed_by) == (False, "sweep")
