"""A folder's files become copies of what other servers hold, and never of what they are not."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db
from mydia_web.library.content import namesakes, sort_title, title_key
from mydia_web.library.models import Episode, MediaItem
from mydia_web.sources.models import Source, SourceItem, UnmatchedItem
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.cast import add_film, add_show

Titles = Mapping[tuple[object, ...], Sequence[str]]
Pulling = Callable[..., Titles]


@pytest.fixture
def pulled(alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pulling:
    """Put files into a folder, pull it, and return the titles that have copies there."""
    monkeypatch.setenv("PATH", "/nowhere")

    def pull(*names: str) -> Titles:
        for name in names:
            (tmp_path / "library" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "library" / name).write_bytes(b"not a video")
        source = Source(kind="folder", name="Disk", base_url=str(tmp_path / "library"))
        db.session.add(source)
        db.session.commit()
        begin_write()
        pull_id = request_pull(source.id, is_sweep=True).id
        db.session.commit()
        run_pull(pull_id)
        return _copies()

    return pull


def _copies() -> Titles:
    db.session.expire_all()
    found: dict[tuple[object, ...], list[str]] = {}
    for row in db.session.scalars(select(SourceItem).order_by(SourceItem.remote_id)):
        found.setdefault(_named(row), []).append(row.remote_id)
    return found


def _named(row: SourceItem) -> tuple[object, ...]:
    if row.episode_id is None:
        film = db.session.get_one(MediaItem, row.media_item_id)
        return film.title, film.year
    episode = db.session.get_one(Episode, row.episode_id)
    show = db.session.get_one(MediaItem, episode.media_item_id)
    return show.title, episode.season_number, episode.episode_number


@pytest.mark.parametrize(
    ("title", "named"),
    [
        ("Night Train: Impossible", "Night Train - Impossible"),
        ("Night Train: Impossible", "Night Train Impossible"),
        ("Night Train: Impossible", "Night Train： Impossible"),
        ("What If...?", "What If"),
        ("What If...?", "What If...？"),
        ("Angels & Ferries", "Angels and Ferries"),
        ("Amélie's Café", "Amelies Cafe"),
        ("WALL·E", "WALL-E"),
        ("Face/Pier", "Face-Pier"),
        ("The Quiet Room", "Quiet Room, The"),
        ("Der Hafen", "Hafen, Der"),
        ("L'Auberge", "Auberge, L'"),
        ("...And Nothing for All", "And Nothing for All"),
    ],
)
def test_a_title_is_known_whatever_a_files_name_cannot_hold(
    pulled: Pulling, title: str, named: str
) -> None:
    add_film(title, 2005)
    db.session.commit()
    assert set(pulled(f"{named} (2005)/{named} (2005).mkv")) == {(title, 2005)}


def test_titles_of_other_letters_stay_apart(pulled: Pulling) -> None:
    add_film("Night Train", 2005)
    db.session.commit()
    found = pulled("Night Trains (2005).mkv", "Night Train (2006).mkv", "Night Train 2 (2005).mkv")
    assert set(found) == {("Night Trains", 2005), ("Night Train", 2006), ("Night Train 2", 2005)}


DAY = date(2024, 1, 15)
FILE = "Evening Desk/Season 2024/Evening Desk - 2024-01-15 - Guest.mkv"


def _aired(*numbers: int) -> None:
    show = add_show("Evening Desk", seasons=0, episodes=0)
    for number in numbers:
        db.session.add(
            Episode(media_item_id=show.id, season_number=2024, episode_number=number, air_date=DAY)
        )
    db.session.commit()


def test_an_episode_is_known_by_its_day(pulled: Pulling) -> None:
    _aired(5)
    assert pulled(FILE) == {("Evening Desk", 2024, 5): [FILE]}


@pytest.mark.parametrize(("numbers", "words"), [((5, 6), "2 episodes"), ((), "no episode")])
def test_a_day_that_does_not_tell_is_listed(
    pulled: Pulling, numbers: Sequence[int], words: str
) -> None:
    _aired(*numbers)
    before = db.session.scalars(select(Episode.id)).all()
    assert pulled(FILE) == {}
    (unmatched,) = db.session.scalars(select(UnmatchedItem))
    assert words in unmatched.reason
    assert db.session.scalars(select(Episode.id)).all() == before


def test_a_day_adds_no_show(pulled: Pulling) -> None:
    before = db.session.scalars(select(MediaItem.id)).all()
    assert pulled(FILE) == {}
    assert db.session.scalars(select(MediaItem.id)).all() == before


def test_what_nobody_can_read_is_listed_with_its_reason(pulled: Pulling) -> None:
    assert pulled("Alpha/movie.mkv", "movie.mkv", "Camera/IMG_0001.mov", "Camera/IMG_0002.mov") == {
        ("Alpha", None): ["Alpha/movie.mkv"]
    }
    reasons = {row.remote_id: row.reason for row in db.session.scalars(select(UnmatchedItem))}
    assert set(reasons) == {"movie.mkv", "Camera/IMG_0001.mov", "Camera/IMG_0002.mov"}
    assert all("does not say what it is" in reason for reason in reasons.values())


def test_two_shows_of_unknown_season_words_stay_two(pulled: Pulling) -> None:
    found = pulled(
        "Nordlicht/1. Staffel/01.mkv", "Hafen/1. Staffel/01.mkv", "甲/第1話.mkv", "乙/第1話.mkv"
    )
    assert set(found) == {("Nordlicht", 1, 1), ("Hafen", 1, 1), ("甲", 1, 1), ("乙", 1, 1)}


def test_the_key_of_a_title_is_the_same_here_and_in_the_database(alice: User) -> None:
    for title in ("A - B", "What?!", "(500) Days", "R.I.P.D.", "Gulls’ “Bay”", "¿Qué?"):
        db.session.add(
            MediaItem(type="movie", title=title, sort_title=sort_title(title), year=2000)
        )
    db.session.flush()
    keys = {(row.type, title_key(row.title)) for row in db.session.scalars(select(MediaItem))}
    assert set(namesakes(keys)) == keys
