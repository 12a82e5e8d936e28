"""`mydia-web demo`: a sample household, apart from real data."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask import Flask
from PIL import Image
from sqlalchemy import func, select

from mydia_web import create_app, playback
from mydia_web.accounts.users import authenticate, get_user
from mydia_web.cli import main
from mydia_web.cli.serve import DEMO_MARK
from mydia_web.clock import now
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.library.content import count_library
from mydia_web.library.models import Episode, MediaItem
from mydia_web.playback.history import count_plays
from mydia_web.queue.agreement import copy_statuses
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.artwork import WIDTHS, cached_file
from mydia_web.sources.models import Pull, Source, UnmatchedItem


@dataclass
class Demo:
    data: Path

    @property
    def folder(self) -> Path:
        return self.data / "demo"

    def run(self, *options: str) -> Result:
        environment = {
            "MYDIA_DATA_DIR": str(self.data),
            "MYDIA_DATABASE_URL": "postgresql://nobody@nowhere/real",
        }
        return CliRunner(catch_exceptions=False).invoke(
            main, ["demo", "--no-serve", *options], env=environment
        )

    def open(self) -> Flask:
        return create_app({"SETTINGS": Settings(data_dir=str(self.folder))})


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    demo = Demo(tmp_path_factory.mktemp("data"))
    result = demo.run()
    assert (result.exit_code, result.output) == (0, f"{demo.folder}\n")
    return demo


@pytest.fixture
def app(demo: Demo) -> Iterator[Flask]:
    app = demo.open()
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(file): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_real_data_is_not_touched(demo: Demo) -> None:
    assert [file.name for file in demo.data.iterdir()] == ["demo"]


@pytest.mark.parametrize("name", ["alex", "sam"])
def test_both_can_sign_in(app: Flask, name: str) -> None:
    assert authenticate(name, "demo-demo")


@pytest.mark.parametrize("status", list(Status))
def test_every_status_of_a_queued_change_is_shown(app: Flask, status: Status) -> None:
    assert db.session.scalar(select(func.count()).where(QueuedChange.status == status))


def test_failures_wait_or_need_a_person_for_different_reasons(app: Flask) -> None:
    failed = db.session.scalars(
        select(QueuedChange).where(QueuedChange.status == Status.FAILED)
    ).all()
    waiting = {row.error_class for row in failed if row.next_attempt_at}
    assert waiting == {"transient"}
    assert {row.error_class for row in failed if not row.next_attempt_at} == {
        "auth",
        "unmatched",
        "invalid",
    }


def test_alex_has_something_on_every_page(app: Flask) -> None:
    alex = get_user("alex").id
    assert 6 <= len(playback.continue_watching(alex)) <= 8
    assert len(playback.up_next(alex)) >= 4
    assert count_plays(alex) > 100
    assert playback.history(alex, limit=1)[0].watched_at is not None


def test_sam_has_a_history_of_their_own(app: Flask) -> None:
    sam = get_user("sam").id
    assert count_plays(sam) > 20
    assert playback.continue_watching(sam)


def test_no_play_lies_in_the_future_and_some_have_no_date(app: Flask) -> None:
    plays = playback.history(get_user("alex").id, limit=1000)
    assert all(play.watched_at <= now() for play in plays if play.watched_at)
    assert any(play.watched_at is None for play in plays)


def test_the_library_has_films_shows_and_episodes_yet_to_air(app: Flask) -> None:
    assert count_library() == {"movie": 25, "show": 9}
    today = func.current_date()
    assert db.session.scalar(select(func.count()).where(Episode.air_date > today))
    assert db.session.scalar(select(func.count()).where(Episode.season_number == 0))


def test_one_source_is_down_and_some_of_its_items_are_not_recognised(app: Flask) -> None:
    reasons = db.session.execute(
        select(Source.name, Source.pause_reason).order_by(Source.name)
    ).all()
    assert reasons == [("Bedroom", "down"), ("Films on the NAS", None), ("Living room", None)]
    assert db.session.scalar(select(func.count()).select_from(UnmatchedItem))
    assert not db.session.scalar(select(func.count()).where(Pull.finished_at.is_(None)))


def test_servers_disagree_on_a_film_watched_while_one_was_down(app: Flask) -> None:
    film = db.session.scalars(
        select(MediaItem).where(MediaItem.title == "Night Ferry to Halmar")
    ).one()
    shown = {
        copy.source_name: (copy.watched, copy.sync)
        for copy in copy_statuses(get_user("alex").id, film)
    }
    assert shown == {"Living room": (True, "delivered"), "Bedroom": (False, "waiting")}


def test_posters_are_kept_as_pictures_and_some_titles_have_none(app: Flask) -> None:
    items = db.session.scalars(select(MediaItem)).all()
    assert sorted(item.title for item in items if item.artwork_key is None) == [
        "Home Videos",
        "The Second Tide",
        "Tin Birds",
    ]
    for key in filter(None, (item.artwork_key for item in items)):
        with Image.open(cached_file(key, WIDTHS[-1])) as picture:
            assert (picture.format, picture.size) == ("WEBP", (640, 960))


def test_a_second_run_changes_nothing(demo: Demo) -> None:
    before = snapshot(demo.folder)
    assert demo.run().exit_code == 0
    assert snapshot(demo.folder) == before


def test_reset_makes_it_anew(demo: Demo) -> None:
    (demo.folder / "left over").touch()
    assert demo.run("--reset").exit_code == 0
    assert not (demo.folder / "left over").exists()
    assert (demo.folder / "mydia.db").stat().st_size > 100_000


@pytest.mark.parametrize("options", [[], ["--reset"]])
def test_what_is_not_a_demo_is_left_alone(tmp_path: Path, options: list[str]) -> None:
    other = Demo(tmp_path)
    other.folder.mkdir()
    (other.folder / "thesis.txt").write_text("ten years of work")
    result = other.run(*options)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        f"Error: {other.folder} is not a demo of mydia-web, so it is left alone. "
        "Move it away, or set MYDIA_DATA_DIR."
    ]
    assert [file.name for file in other.folder.iterdir()] == ["thesis.txt"]


def test_a_link_to_elsewhere_is_left_alone(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.mkdir()
    (real / DEMO_MARK).touch()
    other = Demo(tmp_path / "data")
    other.data.mkdir()
    other.folder.symlink_to(real)
    assert other.run("--reset").exit_code == 1
    assert (real / DEMO_MARK).exists()
