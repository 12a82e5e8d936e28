"""What a pull costs the database: by the page, not by the title; and nothing is written where
nothing is new.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import event, func, select

from mydia_web.backends.values import LibraryPage, RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import ExternalId, MediaItem
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.sources.accounts import accounts_of
from mydia_web.sources.models import SourceItem
from mydia_web.sources.recipients import sources_to_tell, sources_to_tell_each
from mydia_web.sync.inbound import reading
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.report import Report
from tests.cast import add_copy, add_film, add_server

#: A pull may write that it took place.
OF_THE_PULL_ITSELF = {"pulls", "sources", "source_accounts"}


@pytest.fixture(autouse=True)
def pages_as_wholes(monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite takes them in parts, whose size is a matter of time."""
    monkeypatch.setattr(reading, "AT_A_TIME", 500)


@contextmanager
def statements() -> Iterator[Counter[str]]:
    """Statements by their first word, and "rows of <table>" that they wrote."""
    seen: Counter[str] = Counter()

    def note(_connection, cursor, statement, *_other):
        seen[statement.split(None, 1)[0]] += 1
        found = re.match(r'(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', statement)
        if found and cursor.rowcount > 0:
            seen[f"rows of {found[1]}"] += cursor.rowcount

    event.listen(db.engine, "after_cursor_execute", note)
    yield seen
    event.remove(db.engine, "after_cursor_execute", note)


def fill(kodi, films: int, episodes: int) -> None:
    for number in range(films):
        kodi.add_movie(f"Film {number}", year=1990, imdb=f"tt{number + 1:07}", playcount=number % 2)
    show = kodi.add_show("The Long Orbit", year=2019, tvdb="77")
    for number in range(episodes):
        kodi.add_episode(
            show, number // 20, number % 20, tvdb=str(number + 1), playcount=number % 2
        )


def test_a_second_pull_writes_nothing_and_asks_by_the_page(kodi, pull):
    fill(kodi, 120, 120)
    pull()
    with statements() as seen:
        pull()
    written = {name.removeprefix("rows of ") for name in seen if name.startswith("rows of ")}
    assert written <= OF_THE_PULL_ITSELF
    assert seen["SELECT"] < 60


def test_a_page_on_which_nothing_changed_is_a_handful_of_questions_and_one_transaction(
    kodi, pull, monkeypatch
):
    fill(kodi, 240, 240)
    pull()
    # However small the parts are in which changes are taken in.
    monkeypatch.setattr(reading, "AT_A_TIME", 10)
    looked, taken = [], []
    changes_on, take = AccountPull.changes_on, AccountPull.take

    def look(self, page):
        with statements() as seen:
            changes = changes_on(self, page)
        looked.append((len(page.items), dict(seen)))
        return changes

    def note(self, page, asked_at):
        taken.append(len(page.items))
        take(self, page, asked_at)

    monkeypatch.setattr(AccountPull, "changes_on", look)
    monkeypatch.setattr(AccountPull, "take", note)
    report = pull()
    assert report.message == "480 titles: nothing new"
    assert sum(number for number, _ in looked) >= 480
    # Its items and their titles, their ids, their states, what else is in their files: of films and
    # of episodes.
    assert all(
        seen.keys() <= {"SELECT", "BEGIN"} and seen["SELECT"] <= 6
        for number, seen in looked
        if number
    )
    assert taken == [0] * len(looked)


def test_the_questions_of_a_first_pull_do_not_grow_with_the_titles(kodi, pull):
    fill(kodi, 120, 120)
    with statements() as seen:
        pull()
    # For each title that was watched there its record is held while it is changed; on PostgreSQL,
    # where it may not be there to be held, its person and title are held first.
    for_each = 3 if db.engine.dialect.name == "postgresql" else 1
    assert seen["SELECT"] < 120 * for_each + 80


def page(*items: RemoteItem) -> LibraryPage:
    return LibraryPage(items=items, done=len(items), total=len(items))


def film(remote_id: str, title: str, **other) -> RemoteItem:
    return RemoteItem(remote_id=remote_id, kind="movie", title=title, **{"year": 2012, **other})


@pytest.fixture
def take(server):
    """Merge these items as one page."""

    def take_page(*items: RemoteItem) -> Report:
        db.session.commit()
        begin_write()
        [account] = accounts_of(server.id)
        pull = AccountPull(server, account, Report())
        pull.take(page(*items), now())
        pull.finish()
        db.session.commit()
        return pull.report

    return take_page


def test_two_copies_of_a_new_film_on_one_page_are_one_film_and_one_play(take, alice):
    seen = RemoteState(watched=True, play_count=1, last_played_at=now())
    copies = [
        film(f"movie:{n}", "Tears of Steel", external_ids={"imdb": "tt2285752"}) for n in (1, 2)
    ]
    take(*[replace(one, state=seen) for one in copies])
    [found] = db.session.scalars(select(MediaItem).where(MediaItem.title == "Tears of Steel"))
    for table in (Play, PlaybackProgress):
        assert db.session.scalar(select(func.count()).where(table.media_item_id == found.id)) == 1
    assert db.session.scalar(select(func.count()).where(SourceItem.media_item_id == found.id)) == 2


def test_two_new_films_of_one_title_and_year_on_one_page_are_told_apart_by_their_ids(take):
    report = take(
        film("movie:1", "Solaris", external_ids={"imdb": "tt0069293"}),
        film("movie:2", "Solaris", external_ids={"imdb": "tt0307479"}),
    )
    assert report.unmatched == 0
    assert db.session.scalar(select(func.count()).where(MediaItem.title == "Solaris")) == 2
    assert db.session.scalar(select(func.count()).select_from(ExternalId)) >= 2


def test_a_new_film_without_ids_is_the_one_of_its_title_and_year_on_the_same_page(take):
    take(film("movie:1", "Solaris", external_ids={"imdb": "tt0069293"}), film("movie:2", "Solaris"))
    assert db.session.scalar(select(func.count()).where(MediaItem.title == "Solaris")) == 1


def test_an_id_that_is_listed_twice_is_one_item(take):
    take(film("movie:1", "Solaris"), film("movie:1", "Solaris"))
    assert db.session.scalar(select(func.count()).where(SourceItem.remote_id == "movie:1")) == 1


def test_who_is_told_is_the_same_asked_for_many_or_for_each(cast):
    film, plain = cast.film, add_film("Home video")
    one, other = add_server("One", cast.alice, cast.bob), add_server("Other", cast.alice)
    trakt = add_server("Trakt", cast.alice, kind="trakt")
    off, folder = add_server("Off", cast.alice), add_server("Folder", cast.alice, kind="folder")
    off.enabled, other.tells_watched = False, False
    known, unknown = cast.episode(1, 1), cast.episode(1, 2)
    for source in (one, off, folder):
        add_copy(source, film)
    for content in (plain, known):
        add_copy(other, content)
    db.session.add(ExternalId(episode_id=known.id, provider="tvdb", kind="episode", value="1"))
    db.session.commit()
    contents = [film, plain, known, unknown]
    assert trakt.id in {told.source_id for told in sources_to_tell(cast.alice.id, film)}
    for user in (cast.alice, cast.bob):
        each = sources_to_tell_each(user.id, contents)
        for content in contents:
            assert each[content.key] == sources_to_tell(user.id, content)
