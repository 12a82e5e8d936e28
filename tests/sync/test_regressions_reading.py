"""Cases in which other tools took half a listing for a whole one, or a silence for an answer.

Each names where somebody was hurt by it.
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask.testing import FlaskCliRunner
from sqlalchemy import func, select, text

from mydia_web.backends.errors import BackendError
from mydia_web.backends.mediabrowser import listing
from mydia_web.db import db
from mydia_web.playback import get_progress, mark_watched, save_progress
from mydia_web.playback.continue_watching import continue_watching
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import Pull, SourceEvent, SourceItem
from mydia_web.sync.inbound import pull as pulling
from tests.fakes.trakt_api import Reply
from tests.sync.household import Household, Server, heat, plays_of, queue

FINISHED = datetime(2026, 11, 20, 21, 8, tzinfo=UTC)


@pytest.fixture
def attic(household: Household) -> Server:
    """A Jellyfin."""
    return household.add("jellyfin", "Attic")


@pytest.fixture
def run(runner: FlaskCliRunner) -> Callable[..., Result]:
    def run_now(*words: str) -> Result:
        db.session.commit()
        return runner.invoke(args=words)

    return run_now


def seen_films(server: Server, number: int) -> list[object]:
    """So many films on the server, all watched there."""
    films = [server.bench.add_movie(f"Film {n}", imdb=f"tt{n + 1:07}")[0] for n in range(number)]
    for film in films:
        server.bench.person_watches(film, FINISHED)
    return films


def watched() -> int:
    return db.session.scalar(select(func.count()).where(PlaybackProgress.watched)) or 0


def cursor(server: Server) -> tuple[datetime | None, datetime | None]:
    db.session.expire_all()
    [account] = accounts_of(server.source_id)
    return account.pulled_at, account.swept_at


def test_a_listing_that_lost_half_its_marks_waits_for_a_person(household, attic):
    """CrossWatch #96: 149 of 296 marks were taken away elsewhere, after one server had lost
    them.
    """
    den = household.add("kodi", "Den")
    films = seen_films(attic, 50)
    copies = [den.bench.add_movie(f"Film {n}", imdb=f"tt{n + 1:07}")[0] for n in range(50)]
    household.settle()
    for film in films[::2]:
        attic.bench.person_unwatches(film)
    assert attic.pull().held_back == 25
    household.settle()
    assert watched() == 50
    assert all(den.bench.held(copy).watched for copy in copies)
    assert not [one for one in attic.bench.writes() if "DELETE" in one]
    attic.pull(takes_removals=True)
    household.drain()
    assert sum(den.bench.held(copy).watched for copy in copies) == 25


def test_more_titles_than_fit_on_a_page_are_all_read(attic):
    """CrossWatch #1067: reading stopped at 500, and the rest was added again with every run."""
    seen_films(attic, listing.PAGE + 1)
    assert attic.pull().watched == listing.PAGE + 1
    assert watched() == listing.PAGE + 1


@pytest.mark.parametrize("kind", ["jellyfin", "emby"])
def test_a_page_that_fails_moves_no_cursor_and_says_nothing_of_what_was_on_it(
    household, monkeypatch, kind
):
    """watchstate: a library page that failed was never read again, for the time of the last import
    had moved on.
    """
    server = household.add(kind, "There")
    monkeypatch.setattr(listing, "PAGE", 2)
    films = seen_films(server, 4)
    server.pull()
    before = cursor(server)
    household.later(days=2)
    server.bench.person_unwatches(films[0])
    fail, reply_to = iter([False, True]), server.fake.reply_to

    def fails_on_the_second_page(method, target, headers, body):
        if "itemtypes=movie" in target.lower() and next(fail, False):
            server.fake.fail_next(500)
        return reply_to(method, target, headers, body)

    monkeypatch.setattr(server.fake, "reply_to", fails_on_the_second_page)
    with pytest.raises(BackendError):
        server.pull(is_sweep=False)
    assert cursor(server) == before
    assert watched() == 4
    server.pull(is_sweep=False)
    assert cursor(server) > before
    assert watched() == 3


def test_a_page_that_cannot_be_kept_moves_no_cursor(attic, monkeypatch):
    """watchstate: the cursor was moved before the answers were dealt with."""
    monkeypatch.setattr(listing, "PAGE", 2)
    seen_films(attic, 4)
    keep, kept = pulling.AccountPull.take, []

    def breaks_on_the_second_page(self, page, asked_at):
        if kept:
            raise RuntimeError("the disk is full")
        kept.append(page)
        keep(self, page, asked_at)

    monkeypatch.setattr(pulling.AccountPull, "take", breaks_on_the_second_page)
    with pytest.raises(RuntimeError):
        attic.pull()
    assert (cursor(attic), watched()) == ((None, None), 2)
    monkeypatch.setattr(pulling.AccountPull, "take", keep)
    assert attic.pull().watched == 2
    assert watched() == 4


@pytest.mark.parametrize("kind", ["jellyfin", "kodi"])
def test_a_library_that_is_suddenly_empty_unwatches_nothing(household, kind):
    """JellyPlex-Watched: a listing that could not be read was taken for an empty library."""
    server = household.add(kind, "There")
    films = seen_films(server, 3)
    server.pull()
    for film in films:
        server.bench.remove(film)
    household.later(days=1)
    server.pull()
    assert watched() == 3
    assert queue() == []


def test_an_account_of_which_a_part_cannot_be_read_has_lost_nothing(household):
    """A service lists what was watched: what is missing from half an answer was not unwatched."""
    trakt = household.add("trakt")
    seen_films(trakt, 3)
    trakt.pull()
    before = cursor(trakt)
    with trakt.bench.trakt.answering(Reply(200, []), Reply(502, b"")), pytest.raises(BackendError):
        trakt.pull()
    assert cursor(trakt) == before
    assert watched() == 3


def test_news_keeps_when_it_happened_when_it_came_and_from_where(household, attic, alice):
    """watchstate: the date of a webhook was the time of its arrival."""
    target = attic.has_heat()
    attic.pull()
    happened = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    said = {"event": "watched", "user": "alice", "type": "movie", "id": target.remote_id}
    attic.sends({**said, "at": happened.isoformat()}, kind="generic")
    assert plays_of(alice, heat()) == [happened]
    [play], [event] = db.session.scalars(select(Play)), db.session.scalars(select(SourceEvent))
    assert (play.origin, play.source_id) == ("webhook", attic.source_id)
    assert play.inserted_at - event.received_at < timedelta(minutes=1)
    assert event.received_at - happened >= timedelta(days=1)


def test_an_id_is_a_text_that_nobody_reads(attic):
    """CrossWatch: ids were taken for numbers."""
    strange = "0007:player/ä?&#%2F 00"
    said = {"event": "watched", "user": "alice", "type": "movie", "title": "Heat", "year": 1995}
    attic.sends({**said, "id": strange, "ids": {"imdb": "tt0113277"}}, kind="generic")
    attic.sends({**said, "id": strange, "event": "unwatched"}, kind="generic")
    assert db.session.scalars(select(SourceItem.remote_id)).all() == [strange]
    assert watched() == 0


def test_a_minute_is_a_beginning_and_nine_tenths_an_end(household, attic, alice):
    """Where the peers begin and end: 60 s, and 80 to 95 %."""
    target = attic.has_heat()
    attic.pull()
    film, length = heat(), 170 * 60
    shown = {}
    for position in (59, 60, length * 9 // 10 - 1, length * 9 // 10):
        progress = save_progress(alice.id, film, position_seconds=position, duration_seconds=length)
        shown[position] = (bool(continue_watching(alice.id)), progress.watched)
    assert list(shown.values()) == [(False, False), (True, False), (True, False), (False, True)]
    assert target.remote_id


def test_a_position_that_a_server_has_rounded_is_no_news(household, attic, alice):
    """JellyPlex-Watched and CrossWatch: two servers that round differently chased each other."""
    kodi = household.add("kodi", "Den")
    here, there = attic.has_heat(), kodi.has_heat()
    attic.bench.person_stops_at(here, 600_789, FINISHED)
    household.settle()
    household.settle()
    writes = (len(attic.bench.writes()), len(kodi.bench.writes()))
    household.settle()
    assert (len(attic.bench.writes()), len(kodi.bench.writes())) == writes == (0, 1)
    assert attic.bench.held(here).position_ms == 600_789
    assert kodi.bench.held(there).position_ms == 600_000


def test_health_can_fail(app, client, alice, monkeypatch):
    """watchstate: its health check always answers "ok"."""
    assert client.get("/healthz").status_code == 200
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    db.session.execute(text("ALTER TABLE users RENAME TO people"))
    assert client.get("/healthz").status_code >= 500


def test_failures_are_told_by_exit_codes_and_on_the_pull(household, attic, alice, run):
    """JellyPlex-Watched: exit code 0, whatever had failed."""
    target = attic.has_heat()
    assert run("pull").exit_code == 0
    mark_watched(alice.id, heat())
    attic.fake.close()
    assert run("pull").exit_code == 1
    assert run("sources", "test", "Attic").exit_code == 1
    assert run("sync-queue").exit_code == 4
    db.session.expire_all()
    pulls = db.session.scalars(select(Pull.status).order_by(Pull.id)).all()
    assert pulls == ["done", "failed"]
    attic.fake.up()
    attic.bench.remove(target)
    assert run("sync-queue").exit_code == 3
    assert get_progress(alice.id, heat()).watched
