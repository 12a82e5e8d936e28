"""From Kodi to us and back: a pull brings the library, a mark reaches Kodi, Kodi's own news reach
us.
"""

from datetime import UTC, datetime

from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import get_progress, mark_unwatched, mark_watched, save_progress
from mydia_web.playback.models import Play
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import Pull, Source, UnmatchedItem
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report


def queue() -> list[QueuedChange]:
    return list(db.session.scalars(select(QueuedChange)).all())


def the_film(title: str) -> MediaItem:
    return db.session.scalars(select(MediaItem).where(MediaItem.title == title)).one()


def test_a_pull_brings_films_and_episodes(kodi, pull):
    kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    kodi.add_show("The Long Orbit", seasons=2, episodes=3)
    report = pull()
    assert report.done == 7
    assert the_film("Tears of Steel").runtime_seconds == 720
    assert (
        db.session.scalar(
            select(func.count())
            .select_from(Episode)
            .join(MediaItem)
            .where(MediaItem.title == "The Long Orbit")
        )
        == 6
    )
    [row] = db.session.scalars(select(Pull)).all()
    assert (row.status, row.done, row.total) == ("done", 7, 7)


def test_a_second_pull_finds_nothing_new(kodi, pull):
    kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 03:04:05"
    )
    pull()
    report = pull()
    assert (report.watched, report.owed, report.positions) == (0, 0, 0)
    assert len(db.session.scalars(select(Play)).all()) == 1


def test_a_film_of_the_library_is_known_again_by_its_id(kodi, pull, film):
    kodi.add_movie("Sintel (Open Movie)", imdb="tt1727587")
    pull()
    assert (
        db.session.scalar(
            select(func.count()).select_from(MediaItem).where(MediaItem.type == "movie")
        )
        == 1
    )


def test_what_was_watched_there_is_watched_here_at_its_time(kodi, pull, alice):
    kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 03:04:05"
    )
    pull()
    progress = get_progress(alice.id, the_film("Tears of Steel"))
    assert progress.watched
    assert progress.last_watched_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert queue() == []


def test_a_mark_reaches_kodi_with_its_time(kodi, pull, drain, alice):
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    mark_watched(alice.id, the_film("Tears of Steel"), at=datetime(2026, 5, 6, 7, 8, 9, tzinfo=UTC))
    summary = drain()
    assert summary.tallies["Living room"].synced == 1
    assert (movie.playcount, movie.lastplayed) == (1, "2026-05-06 07:08:09")
    assert [row.status for row in queue()] == ["synced"]


def test_unmarking_reaches_kodi(kodi, pull, drain, alice):
    movie = kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=3, lastplayed="2026-01-02 03:04:05"
    )
    pull()
    mark_unwatched(alice.id, the_film("Tears of Steel"))
    drain()
    assert movie.playcount == 0


def test_a_position_reaches_kodi(kodi, pull, drain, alice):
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    save_progress(alice.id, the_film("Tears of Steel"), position_seconds=300, duration_seconds=720)
    drain()
    assert movie.position == 300
    assert movie.playcount == 0


def test_our_own_push_comes_back_as_no_news(kodi, pull, drain, alice):
    kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    mark_watched(alice.id, the_film("Tears of Steel"))
    drain()
    report = pull()
    assert (report.watched, report.unwatched, report.owed) == (0, 0, 0)
    assert len(db.session.scalars(select(Play)).all()) == 1


def test_a_title_that_appears_later_arrives_watched(kodi, pull, drain, alice, film):
    mark_watched(alice.id, film)
    pull()
    movie = kodi.add_movie("Sintel", year=2010, imdb="tt1727587", minutes=15)
    assert pull().owed == 1
    drain()
    assert movie.playcount == 1


def test_unwatching_there_unwatches_here(kodi, pull, alice):
    movie = kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 03:04:05"
    )
    pull()
    movie.played.playcount = 0
    assert pull().unwatched == 1
    assert get_progress(alice.id, the_film("Tears of Steel")) is None


def test_a_mass_of_unwatching_is_left_alone(kodi, pull, alice):
    movies = [
        kodi.add_movie(
            f"Film {number}",
            year=2000,
            imdb=f"tt{number:07}",
            playcount=1,
            lastplayed="2026-01-02 03:04:05",
        )
        for number in range(1, 31)
    ]
    pull()
    for movie in movies:
        movie.played.playcount = 0
    report = pull()
    assert (report.unwatched, report.held_back) == (0, 30)
    assert get_progress(alice.id, the_film("Film 1")).watched


def test_two_films_of_one_title_without_ids_are_nobodys_guess(kodi, pull):
    kodi.add_movie("Solaris", year=1972, imdb="tt0069293")
    kodi.add_movie("Solaris", year=2002, imdb="tt0307479")
    pull()
    kodi.add_movie("Solaris")
    report = pull()
    assert report.unmatched == 1
    [row] = db.session.scalars(select(UnmatchedItem)).all()
    assert row.title == "Solaris"


def test_an_outage_loses_nothing(kodi, pull, drain, alice):
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    kodi.down()
    mark_watched(alice.id, the_film("Tears of Steel"))
    summary = drain()
    assert summary.tallies["Living room"].deferred == 1
    [row] = queue()
    assert (row.status, row.error_class) == ("failed", "transient")
    assert row.next_attempt_at is not None
    kodi.up()
    row.next_attempt_at = row.created_at
    drain()
    assert movie.playcount == 1


def test_a_mark_delivered_while_a_page_was_read_is_not_undone_by_that_page(
    kodi, pull, drain, alice
):
    """The page shows the film as it was when it was asked for."""
    movie = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752", minutes=12)
    pull()
    film = the_film("Tears of Steel")
    source = db.session.scalars(select(Source)).one()
    [account] = accounts_of(source.id)
    backend = open_account(source, account)
    asked_at = now()
    pages = list(backend.library())
    backend.close()
    mark_watched(alice.id, film)
    drain()
    assert movie.playcount == 1
    begin_write()
    reading = AccountPull(source, account, Report())
    for page in pages:
        reading.take(page, asked_at)
    reading.finish()
    db.session.commit()
    assert get_progress(alice.id, film).watched
    assert pull().unwatched == 0


def test_a_rewatch_that_is_under_way_there_is_under_way_here(kodi, pull, alice):
    kodi.add_movie(
        "Tears of Steel",
        year=2012,
        minutes=12,
        playcount=1,
        lastplayed="2026-01-02 03:04:05",
        position=200,
    )
    pull()
    progress = get_progress(alice.id, the_film("Tears of Steel"))
    assert (progress.watched, progress.in_progress, progress.position_seconds) == (True, True, 200)
    assert pull().owed == 0


def test_an_old_mark_leaves_what_is_being_watched_since(kodi, pull, alice, film):
    save_progress(alice.id, film, position_seconds=300, duration_seconds=900)
    kodi.add_movie(
        "Sintel",
        year=2010,
        imdb="tt1727587",
        minutes=15,
        playcount=1,
        lastplayed="2020-01-02 03:04:05",
    )
    pull()
    progress = get_progress(alice.id, film)
    assert (progress.watched, progress.in_progress, progress.position_seconds) == (True, True, 300)
