"""A world to be broken: a database, films on one or two Kodis that misbehave, and the processes of
mydia-web.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from sqlalchemy import func, select

from mydia_web import create_app
from mydia_web.accounts.users import add_token, add_user
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange
from mydia_web.sources.accounts import link_account
from mydia_web.sources.models import Source
from tests.cast import add_copy, add_film
from tests.chaos.clicking import SECONDS, Click, Clicker, State
from tests.chaos.processes import Command, wait_until
from tests.chaos.server import ChaoticServer, chaotic_server
from tests.conftest import PASSWORD, migrate
from tests.databases import Cluster, postgresql_cluster

SECRET = "only for the chaos tests"
FILMS = 16


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "chaos" in config.option.markexpr:
        return
    left_out = [item for item in items if item.get_closest_marker("chaos")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("chaos")]


@pytest.fixture(scope="session")
def breakable_cluster() -> Iterator[Cluster]:
    """A PostgreSQL for nobody else: it is restarted under those who use it."""
    with ExitStack() as stack:
        try:
            cluster = stack.enter_context(postgresql_cluster())
        except LookupError as reason:
            pytest.skip(str(reason))
        yield cluster


class Row(NamedTuple):
    status: str
    attempt_count: int
    position_ms: int | None


class World:
    """alice's films, her servers, and the processes that keep them together."""

    def __init__(
        self,
        url: str,
        folder: Path,
        servers: list[ChaoticServer],
        postgresql_log: Path | None = None,
    ) -> None:
        self.servers, self.logs = servers, folder / "logs"
        self.logs.mkdir(parents=True)
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "MYDIA_DATA_DIR": str(folder / "data"),
            "MYDIA_DATABASE_URL": url,
            "MYDIA_SECRET_KEY": SECRET,
            "MYDIA_PORT": "0",
            "MYDIA_SYNC_DELAY": "0",
            "MYDIA_PROGRESS_DELAY": "0",
            "MYDIA_PULL_INTERVAL": "0",
        }
        self.commands: list[Command] = []
        self._offset = folder / "offset"
        self.set_clocks(0)
        self._postgresql_log = postgresql_log
        self._already_logged = len(postgresql_log.read_text()) if postgresql_log else 0
        settings = Settings(data_dir=str(folder / "data"), database_url=url, secret_key=SECRET)
        self._app = create_app({"SETTINGS": settings})
        self.films, self.token = self._settle_in()

    def run(self, *words: str, hasty: bool = True, **environment: str) -> Command:
        told = self.environment | {
            f"MYDIA_{name.upper()}": value for name, value in environment.items()
        }
        command = Command(
            *words, environment=told, logs=self.logs, hasty=hasty, offset=self._offset
        )
        self.commands.append(command)
        return command

    def serve(self, *, embedded_worker: bool) -> Command:
        return self.run("serve", embedded_worker=str(embedded_worker).lower())

    def watch(self, **options: Any) -> Command:
        return self.run("sync-queue", "--watch", **options)

    def clicker(self, web: Command, films: list[int] | None = None, **options: Any) -> Clicker:
        return Clicker(lambda: address_of(web), self.token, films or self.films, **options)

    def end(self) -> None:
        for command in self.commands:
            command.kill()

    def sync_by_hand(self, seconds: float = 40) -> int:
        """`sync-queue` until its exit code is 0; how often it took."""
        until, tries, code = time.monotonic() + seconds, 0, None
        while code != 0:
            assert time.monotonic() < until, f"sync-queue still ends with {code} after {seconds} s"
            words = ["sync-queue", *(["--retry-failed"] if tries == 3 else [])]
            code = self.run(*words).wait()
            tries += 1
            time.sleep(0.2 if code else 0)
        return tries

    @contextmanager
    def database(self) -> Iterator[None]:
        """Connections of its own each time: the database may have been restarted since the last."""
        with self._app.app_context():
            yield
            db.session.remove()
            db.engine.dispose()

    def set_clocks(self, offset: float) -> None:
        """Let the clock of every process be wrong by so many seconds."""
        new = self._offset.with_suffix(".new")
        new.write_text(str(offset))
        new.replace(self._offset)

    def states(self) -> dict[int, State | None]:
        """What our database says of each film."""
        with self.database():
            found: dict[int, State | None] = dict.fromkeys(self.films)
            for one in db.session.scalars(select(PlaybackProgress)):
                found[one.media_item_id or 0] = State(one.position_seconds, one.watched)
            return found

    def rows(self) -> list[Row]:
        with self.database():
            query = select(
                QueuedChange.status, QueuedChange.attempt_count, QueuedChange.position_ms
            )
            return [Row(*row) for row in db.session.execute(query.order_by(QueuedChange.id))]

    def owed(self) -> int:
        with self.database():
            query = select(func.count()).where(QueuedChange.status != "synced")
            return db.session.scalar(query) or 0

    def set_concurrency(self, number: int) -> None:
        with self.database():
            for source in db.session.scalars(select(Source)):
                source.concurrency = number
            db.session.commit()

    def assert_agreement(self, *clickers: Clicker) -> None:
        """Everything that was answered is here, and the servers show it."""
        states = self.states()
        possible = {film: options for one in clickers for film, options in one.possible.items()}
        lost = {
            film: (states[film], options)
            for film, options in possible.items()
            if states[film] not in options
        }
        assert lost == {}, (
            "what was answered is not in the database: film → (state, what was answered)"
        )
        for server in self.servers:
            shown = server.state()["films"]
            differing = {
                film: (state, shown[str(film)])
                for film, state in states.items()
                if (state.on_server if state else (False, 0)) != tuple(shown[str(film)].values())
            }
            assert differing == {}, "the server shows something else: film → (ours, theirs)"
        assert {row.status for row in self.rows()} <= {"synced"}
        assert [said for one in clickers for said in one.wrong] == []

    def assert_calm_logs(self, *explained: str) -> None:
        """Nobody was locked out of the database, and no traceback but of these."""
        if self._postgresql_log:
            text = self._postgresql_log.read_text()[self._already_logged :]
            deadlock = text.find("deadlock detected")
            assert deadlock < 0, text[deadlock : deadlock + 5000]
        for file in sorted(self.logs.glob("*.log")):
            text = file.read_text()
            locked = "database is locked"
            assert locked in explained or locked not in text, f"{file}: {text}"
            for traceback in text.split("Traceback (most recent call last)")[1:]:
                assert any(words in traceback for words in explained), f"{file}: {text}"

    def _settle_in(self) -> tuple[list[int], str]:
        with self.database():
            alice = add_user("alice", PASSWORD, is_admin=True)
            sources = []
            for number, server in enumerate(self.servers, 1):
                source = Source(kind="kodi", name=f"Kodi {number}", base_url=server.url)
                db.session.add(source)
                db.session.flush()
                link_account(source, alice.id, {"username": "kodi", "password": "secret"})
                sources.append(source)
            films = []
            for number in range(1, FILMS + 1):
                name = f"Film {number} (2000)"
                film = add_film(f"Film {number}", 2000, minutes=SECONDS / 60)
                assert film.id == number, "a film has one number here and there"
                for source in sources:
                    add_copy(source, film, f"movie:{number}", f"/films/{name}/{name}.mkv")
                films.append(film.id)
            token = add_token(alice, "clicker")
            db.session.commit()
            return films, token


def address_of(web: Command) -> tuple[str, int] | None:
    found = web.says(r"open http://localhost:(\d+)/")
    return ("127.0.0.1", int(found[1])) if found else None


def await_web(web: Command) -> None:
    wait_until(lambda: address_of(web), what="the web server")


MakeWorld = Callable[..., World]


@pytest.fixture
def make_world(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeWorld]:
    """Makes a world on "sqlite" or "postgresql"; every process of it is ended afterwards."""
    with ExitStack() as stack:

        def make(
            database: str = "sqlite", *, servers: int = 1, folder: Path | None = None
        ) -> World:
            folder, log = folder or tmp_path, None
            if database == "postgresql":
                cluster: Cluster = request.getfixturevalue("breakable_cluster")
                url, log = cluster.create(), cluster.folder / "log"
            else:
                url = f"sqlite:///{folder / 'mydia.db'}"
            migrate(url)
            kodis = [
                stack.enter_context(chaotic_server(FILMS, SECONDS // 60, seed))
                for seed in range(servers)
            ]
            world = World(url, folder, kodis, log)
            stack.callback(world.end)
            return world

        yield make


@pytest.fixture
def start(app: Flask, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts a command on the test's own database, as from a shell; all are ended afterwards."""
    settings = app.config["SETTINGS"]
    offset = tmp_path / "offset"
    offset.write_text("0")
    environment = {
        "MYDIA_DATABASE_URL": settings.database_url,
        "MYDIA_DATA_DIR": settings.data_dir,
        "MYDIA_SECRET_KEY": settings.secret_key,
        "MYDIA_PORT": "0",
        "MYDIA_LISTEN": "false",
        "MYDIA_PULL_INTERVAL": "0",
        "MYDIA_SYNC_DELAY": "0",
        "MYDIA_PROGRESS_DELAY": "0",
    }
    started: list[Command] = []

    def start_now(*words: str) -> Command:
        started.append(Command(*words, environment=environment, logs=tmp_path, offset=offset))
        return started[-1]

    yield start_now
    for command in started:
        command.kill()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 8 MB. SQLite's log alone may grow to 4."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if os.getuid() != 0 or not mount or not umount:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=8m", "tmpfs", folder],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


def cite(numbers: dict[str, object], record_property) -> None:
    for name, value in numbers.items():
        record_property(name, value)
        print(f"{name}: {value}")


__all__ = ["Click", "MakeWorld", "World", "await_web", "cite"]
