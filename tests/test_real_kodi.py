"""The whole line on a real Kodi: pull, a click on the page, the API, delivery, an outage."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient, FlaskCliRunner
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_token
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from tests.conftest import PASSWORD
from tests.real_kodi import RealKodi, real_kodi

pytestmark = pytest.mark.kodi


@pytest.fixture(scope="module")
def kodi(kodi_media: Path) -> Iterator[RealKodi]:
    with real_kodi(kodi_media) as found:
        yield found


@pytest.fixture
def sync(runner: FlaskCliRunner):
    """`flask sync-queue`; its exit code."""

    def run() -> int:
        return runner.invoke(args=["sync-queue"]).exit_code

    return run


@pytest.fixture
def library(runner: FlaskCliRunner, kodi: RealKodi, alice: User) -> None:
    """alice's Kodi, added and pulled from the command line."""
    words = [
        "sources",
        "add",
        "kodi",
        "Den",
        kodi.url,
        "--user",
        "alice",
        "--username",
        kodi.username,
    ]
    added = runner.invoke(args=[*words, "--password-env", "KODI"], env={"KODI": kodi.password})
    assert added.exit_code == 0, added.output
    pulled = runner.invoke(args=["pull"])
    assert pulled.exit_code == 0, pulled.output


@pytest.fixture
def page(client: FlaskClient, library: None) -> FlaskClient:
    """A browser signed in as alice."""
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    return client


def the_film(title: str = "Tears of Steel") -> int:
    """Its id. The reading ends its transaction, for the requests of a test share its session."""
    film_id = db.session.scalars(select(MediaItem.id).where(MediaItem.title == title)).one()
    db.session.rollback()
    return film_id


def in_kodi(kodi: RealKodi, title: str = "Tears of Steel") -> dict:
    wanted = {"properties": ["title", "playcount", "lastplayed", "resume"]}
    movies = kodi.rpc("VideoLibrary.GetMovies", wanted)["movies"]
    return next(movie for movie in movies if movie["title"] == title)


def test_a_pull_brings_films_and_episodes(library):
    titles = db.session.scalars(select(MediaItem.title).where(MediaItem.type == "movie")).all()
    assert {"Big Buck Bunny", "Sintel", "Tears of Steel"} <= set(titles)
    assert len(db.session.scalars(select(Episode)).all()) >= 12


def test_a_click_is_in_kodi_with_its_date_and_unmarking_takes_it_back(page, kodi, sync):
    clicked = now()
    assert page.post(f"/movies/{the_film()}/watched").status_code == 303
    assert sync() == 0
    movie = in_kodi(kodi)
    assert movie["playcount"] >= 1
    played = datetime.strptime(movie["lastplayed"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    assert abs((played - clicked).total_seconds()) < 5
    page.delete(f"/movies/{the_film()}/watched")
    assert sync() == 0
    assert in_kodi(kodi)["playcount"] == 0


def test_a_position_saved_by_the_api_is_in_kodi(page, kodi, sync, alice):
    token = add_token(alice, "player")
    db.session.commit()
    answer = page.post(
        f"/api/v1/playback/movie/{the_film()}",
        json={"position_seconds": 754, "duration_seconds": 2400},
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 200
    assert sync() == 0
    assert abs(in_kodi(kodi)["resume"]["position"] - 754) <= 1


def test_what_kodi_missed_goes_out_once_it_is_back(page, kodi, sync):
    film = the_film("Big Buck Bunny")
    kodi.stop()
    page.post(f"/movies/{film}/watched")
    assert sync() == 4
    assert b"waiting" in page.get("/queue").data.lower()
    kodi.start()
    assert sync() == 0
    assert in_kodi(kodi, "Big Buck Bunny")["playcount"] == 1
