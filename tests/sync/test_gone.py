"""Titles that a server lists no more: no copies any more, never unwatched, and back when they are
listed again.
"""

from sqlalchemy import func, select

from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import get_progress, mark_watched
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import link_account, names_of_holders
from mydia_web.sources.models import Pull, SourceItem
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import latest_pull, request_pull
from tests.cast import add_copy


def fill(kodi, films: int):
    return [
        kodi.add_movie(f"Film {n}", year=1990, imdb=f"tt{n + 1:07}", playcount=1)
        for n in range(films)
    ]


def copies() -> int:
    return db.session.scalar(select(func.count()).select_from(SourceItem)) or 0


def the_film(title: str) -> MediaItem:
    return db.session.scalars(select(MediaItem).where(MediaItem.title == title)).one()


def test_a_film_that_was_removed_is_no_copy_any_more_and_stays_watched(kodi, server, pull, alice):
    videos = fill(kodi, 3)
    pull()
    kodi.remove(videos[0])
    report = pull()
    assert (report.gone, report.missing, report.unwatched) == (1, 0, 0)
    assert report.message == "2 titles: 1 no longer there"
    film = the_film("Film 0")
    assert names_of_holders([film.key]) == {}
    assert get_progress(alice.id, film).watched
    assert pull().gone == 0


def test_nothing_waits_to_be_told_of_it(kodi, server, pull, drain, alice):
    video = kodi.add_movie("Sintel", year=2010, imdb="tt1727587")
    other = kodi.add_movie("Tears of Steel", year=2012, imdb="tt2285752")
    pull()
    for title in ("Sintel", "Tears of Steel"):
        mark_watched(alice.id, the_film(title))
    kodi.remove(video)
    pull()
    [owed] = db.session.scalars(select(QueuedChange))
    assert owed.media_item_id == the_film("Tears of Steel").id
    assert drain().tallies[server.name].synced == 1
    assert other.played.playcount == 1


def test_it_is_back_when_it_is_listed_again_and_is_told_what_was_seen(
    kodi, server, pull, drain, alice
):
    video = kodi.add_movie("Sintel", year=2010, imdb="tt1727587")
    pull()
    kodi.remove(video)
    pull()
    mark_watched(alice.id, the_film("Sintel"))
    again = kodi.add_movie("Sintel", year=2010, imdb="tt1727587")
    assert pull().owed == 1
    drain()
    assert again.played.playcount == 1
    assert get_progress(alice.id, the_film("Sintel")).watched


def test_another_copy_is_told_all_the_same(kodi, server, pull, alice):
    videos = [
        kodi.add_movie("Sintel", year=2010, imdb="tt1727587", file=f"/{n}.mkv") for n in range(2)
    ]
    pull()
    mark_watched(alice.id, the_film("Sintel"))
    kodi.remove(videos[0])
    assert pull().gone == 1
    assert db.session.scalar(select(func.count()).select_from(QueuedChange)) == 1


def test_more_than_half_at_once_are_kept_until_a_person_says_so(kodi, server, pull, alice):
    videos = fill(kodi, 24)
    pull()
    for video in videos[:13]:
        kodi.remove(video)
    report = pull()
    assert (report.gone, report.missing, copies()) == (0, 13, 24)
    assert latest_pull(server.id).missing == 13
    db.session.rollback()
    begin_write()
    pull_id = request_pull(server.id, takes_removals=True).id
    db.session.commit()
    assert run_pull(pull_id).gone == 13
    assert copies() == 11
    assert get_progress(alice.id, the_film("Film 0")).watched


def test_half_of_them_may_go(kodi, server, pull):
    videos = fill(kodi, 24)
    pull()
    for video in videos[:12]:
        kodi.remove(video)
    assert pull().gone == 12


def test_what_could_not_be_read_is_not_gone(kodi, server, pull):
    videos = fill(kodi, 3)
    pull()
    kodi.remove(videos[0])
    videos[1].title = None
    report = pull()
    assert len(report.problems) == 1
    assert (report.gone, copies()) == (0, 3)


def test_a_listing_that_somebody_was_refused_is_not_everything(kodi, server, pull, bob):
    videos = fill(kodi, 3)
    pull()
    link_account(server, bob.id, {"username": "kodi", "password": "wrong"})
    kodi.remove(videos[0])
    assert pull().gone == 0
    assert copies() == 3


def test_what_came_in_while_the_library_was_read_is_not_gone(kodi, server, pull, film):
    fill(kodi, 2)
    pull()
    add_copy(server, film, "movie:999").seen_at = now().replace(year=now().year + 1)
    assert pull().gone == 0
    assert db.session.scalar(select(func.count()).select_from(Pull)) == 2
