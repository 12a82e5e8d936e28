"""What can be set about a source, and what a person says an unrecognised title is."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback import get_progress
from mydia_web.sources.models import Source, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.cast import add_film, add_server
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as kodi:
        yield kodi


@pytest.fixture
def source(alice: User, kodi: FakeKodi) -> Source:
    source = add_server("Den", alice, url=kodi.url)
    db.session.commit()
    return source


def pull(source: Source, *, is_sweep: bool = False) -> None:
    """The one that is open, or a new one."""
    db.session.commit()
    begin_write()
    pull_id = request_pull(source.id, is_sweep=is_sweep).id
    db.session.commit()
    run_pull(pull_id)


@pytest.fixture
def riddle(kodi: FakeKodi, source: Source, cast: object) -> UnmatchedItem:
    """A watched film on the Kodi of which nobody can tell which Solaris it is."""
    add_film("Solaris", 1972)
    add_film("Solaris", 2002)
    kodi.add_movie("Solaris", minutes=160, playcount=1, lastplayed="2026-11-01 20:00:00")
    pull(source)
    return db.session.scalars(select(UnmatchedItem)).one()


def solaris(year: int) -> MediaItem:
    return db.session.scalars(
        select(MediaItem).where(MediaItem.title == "Solaris", MediaItem.year == year)
    ).one()


def address(item: UnmatchedItem) -> str:
    return f"/sources/{item.source_id}/unmatched/{item.id}"


def test_a_person_says_which_film_it_is_and_what_was_seen_of_it_counts(
    browser_of_alice: FlaskClient, alice: User, source: Source, riddle: UnmatchedItem
) -> None:
    page = browser_of_alice.get(f"/sources/{source.id}").text
    assert address(riddle) in page
    choice = browser_of_alice.get(address(riddle)).text
    assert "1972" in choice
    assert "2002" in choice
    film = solaris(1972)
    answer = browser_of_alice.post(address(riddle), data={"id": film.id})
    assert answer.status_code == 303
    for _ in range(2):
        pull(source)
        progress = get_progress(alice.id, film)
        assert progress is not None
        assert progress.watched
        assert db.session.scalars(select(UnmatchedItem)).all() == []
        assert db.session.scalars(select(SourceItem.media_item_id)).all() == [film.id]


def test_it_may_be_an_episode(
    browser_of_alice: FlaskClient, riddle: UnmatchedItem, show: MediaItem
) -> None:
    data = {"kind": "show", "id": show.id, "season": "0", "episode": "7"}
    assert browser_of_alice.post(address(riddle), data=data).status_code == 303
    [episode_id] = db.session.scalars(select(SourceItem.episode_id)).all()
    episode = db.session.get_one(Episode, episode_id)
    assert (episode.media_item_id, episode.season_number, episode.episode_number) == (show.id, 0, 7)


@pytest.mark.parametrize(
    "numbers", [{}, {"season": "1"}, {"season": "-1", "episode": "2"}, {"season": "x"}]
)
def test_an_episode_needs_both_its_numbers(
    browser_of_alice: FlaskClient, riddle: UnmatchedItem, show: MediaItem, numbers: dict[str, str]
) -> None:
    answer = browser_of_alice.post(address(riddle), data={"kind": "show", "id": show.id, **numbers})
    assert answer.status_code == 422
    assert "Say the season and the number" in answer.text
    assert db.session.scalars(select(UnmatchedItem)).one()


def test_what_is_matched_already_is_not_found(
    browser_of_alice: FlaskClient, riddle: UnmatchedItem
) -> None:
    data = {"id": solaris(2002).id}
    where = address(riddle)
    assert browser_of_alice.post(where, data=data).status_code == 303
    assert browser_of_alice.post(where, data=data).status_code == 404


def test_only_admins_say_what_titles_are(
    browser_of_bob: FlaskClient, riddle: UnmatchedItem
) -> None:
    assert browser_of_bob.get(address(riddle)).status_code == 403
    assert browser_of_bob.post(address(riddle), data={"id": solaris(2002).id}).status_code == 403
    assert "/unmatched/" not in browser_of_bob.get(f"/sources/{riddle.source_id}").text


def test_a_title_that_is_gone_from_the_server_is_not_listed(
    kodi: FakeKodi, source: Source, riddle: UnmatchedItem
) -> None:
    kodi.movies.clear()
    pull(source, is_sweep=True)
    assert db.session.scalars(select(UnmatchedItem)).all() == []


def test_a_certificate_of_its_own_making_is_trusted_by_name(
    browser_of_alice: FlaskClient, source: Source
) -> None:
    where = f"/sources/{source.id}"
    browser_of_alice.post(f"{where}/tls", data={"ca_file": "/nowhere.pem"})
    assert 'value="/nowhere.pem"' in browser_of_alice.get(where).text
    said = browser_of_alice.post(f"{where}/test", headers={"HX-Request": "true"}).text
    assert "/nowhere.pem cannot be read as a file of certificates" in said
    browser_of_alice.post(f"{where}/tls", data={"tls": "off"})
    assert "answers" in browser_of_alice.post(f"{where}/test", headers={"HX-Request": "true"}).text


# A whole folder


@pytest.fixture
def strangers(kodi: FakeKodi, source: Source, cast: object) -> list[UnmatchedItem]:
    """Three episodes of unknown shows on the Kodi, and an extra without numbers."""
    nameless = kodi.add_show(" ")
    for number in (1, 2, 3):
        kodi.add_episode(
            nameless, 1, number, playcount=number % 2, lastplayed="2026-11-01 20:00:00"
        )
    pull(source)
    found = list(db.session.scalars(select(UnmatchedItem).order_by(UnmatchedItem.id)))
    assert len(found) == 3
    found[2].season_number = found[2].episode_number = None
    found[2].path = f"{found[2].folder}/Behind the scenes.mkv"
    db.session.commit()
    return found


def test_a_folder_that_nobody_recognises_is_shown_with_its_files_and_answered_for_at_once(
    browser_of_alice: FlaskClient,
    alice: User,
    source: Source,
    strangers: list[UnmatchedItem],
    show: MediaItem,
) -> None:
    page = browser_of_alice.get(f"/sources/{source.id}").text
    assert strangers[0].folder in page
    for item in strangers:
        assert item.path.rsplit("/", 1)[1] in page
    where = f"{address(strangers[0])}/folder"
    assert where in page
    choice = browser_of_alice.get(f"{where}?q={show.title}").text
    assert "Season 1, episode 2" in choice
    assert f'value="{show.id}"' in choice
    left = strangers[2].id
    answer = browser_of_alice.post(where, data={"id": show.id}, follow_redirects=True)
    assert "2 files matched" in answer.text
    assert "1 file left: Neither the server nor" in answer.text
    assert db.session.scalars(select(UnmatchedItem.id)).all() == [left]
    pull(source)
    pilot = db.session.scalars(
        select(Episode).where(
            Episode.media_item_id == show.id,
            Episode.season_number == 1,
            Episode.episode_number == 1,
        )
    ).one()
    progress = get_progress(alice.id, pilot)
    assert progress is not None
    assert progress.watched


def test_a_folder_may_be_a_show_that_is_not_in_the_library(
    browser_of_alice: FlaskClient, source: Source, strangers: list[UnmatchedItem]
) -> None:
    where = f"{address(strangers[0])}/folder"
    answer = browser_of_alice.post(where, data={"kind": "new", "title": " "})
    assert answer.status_code == 422
    assert "Give the show a title" in answer.text
    assert browser_of_alice.post(where, data={"kind": "new", "title": "Dark"}).status_code == 303
    added = db.session.scalars(select(MediaItem).where(MediaItem.title == "Dark")).one()
    assert (
        db.session.scalars(
            select(Episode.episode_number).where(Episode.media_item_id == added.id)
        ).all()
    ) == [1, 2]


def test_only_admins_say_what_a_folder_is(
    browser_of_bob: FlaskClient, strangers: list[UnmatchedItem], show: MediaItem
) -> None:
    where = f"{address(strangers[0])}/folder"
    assert browser_of_bob.get(where).status_code == 403
    assert browser_of_bob.post(where, data={"id": show.id}).status_code == 403
