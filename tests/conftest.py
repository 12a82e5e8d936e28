"""An application with a database of its own for every test, and the cast that lives in it."""

import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask, has_app_context
from flask.testing import FlaskClient, FlaskCliRunner
from flask_migrate import upgrade
from hypothesis import settings

from mydia_web import clock, create_app
from mydia_web.accounts import users
from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_user
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.library.models import Episode, MediaItem
from tests.cast import Cast, add_film, add_show
from tests.compiled_once import RuleCompiledOnce, StatementsInMemory, TemplatesInMemory
from tests.databases import Cluster, postgresql_cluster

PASSWORD = "correct horse"

MEMORY = Path("/dev/shm")  # noqa: S108 - a folder below it is pytest's own
ROOM_NEEDED = 6_000_000_000

# An everyday run tries the same examples each time; `HYPOTHESIS_PROFILE=long pytest` goes looking
# for new ones.
settings.register_profile(
    "quick", max_examples=60, stateful_step_count=25, deadline=None, derandomize=True, database=None
)
settings.register_profile(
    "long", max_examples=2000, stateful_step_count=25, deadline=None, print_blob=True, database=None
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=["sqlite", "postgresql"],
        default="sqlite",
        help="what the tests run on",
    )


def pytest_configure() -> None:
    """Keep thousands of small databases in memory where there is room: no disk slows them down."""
    if "TMPDIR" in os.environ or not MEMORY.is_dir():
        return
    if shutil.disk_usage(MEMORY).free > ROOM_NEEDED:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, leave out what uses no database: it is the same there as on SQLite."""
    if config.getoption("--database") == "sqlite":
        return
    with_database: list[pytest.Item] = []
    without_database: list[pytest.Item] = []
    for item in items:
        uses_database = "new_database" in getattr(item, "fixturenames", ())
        kept = with_database if uses_database else without_database
        kept.append(item)
    config.hook.pytest_deselected(items=without_database)
    items[:] = with_database


def pytest_collection_finish() -> None:
    """Take thousands of modules, items and examples out of what each garbage collection walks."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> None:
    """Real argon2 hashes that take no time: a test is about something else."""
    users.hasher = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@pytest.fixture(scope="session", autouse=True)
def routes_compiled_once() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(Flask, "url_rule_class", RuleCompiledOnce)
        yield


@pytest.fixture(scope="session")
def compiled_templates() -> TemplatesInMemory:
    return TemplatesInMemory()


@pytest.fixture(scope="session")
def compiled_statements() -> StatementsInMemory:
    return StatementsInMemory()


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(postgresql_cluster())
        except LookupError as reason:
            pytest.skip(str(reason))
        yield found


@pytest.fixture(scope="session")
def folder_of_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that all processes of the run share."""
    base = tmp_path_factory.getbasetemp()
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


@pytest.fixture(scope="session")
def kodi_media(folder_of_run: Path) -> Path:
    """The folder for the films of every real Kodi."""
    return folder_of_run / "kodi-media"


@pytest.fixture(scope="session")
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Makes an empty, migrated database, quickly: a copy of one that was migrated once. Its
    address.

    It takes the place of the one before: thousands of them would fill the disk.
    """
    if request.config.getoption("--database") == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        template = cluster.create()
        migrate(template)
        return _copies(cluster, template)
    original = tmp_path_factory.mktemp("template") / "mydia.db"
    migrate(f"sqlite:///{original}")

    folder: Path | None = None

    def copy() -> str:
        nonlocal folder
        if folder:
            shutil.rmtree(folder)
        folder = tmp_path_factory.mktemp("data")
        shutil.copyfile(original, folder / "mydia.db")
        return f"sqlite:///{folder / 'mydia.db'}"

    return copy


def _copies(cluster: Cluster, template: str) -> Callable[[], str]:
    """One copy is enough, emptied each time, unless a test has left it with other tables."""
    shape = cluster.shape(template)
    url = cluster.create(like=template)

    def copy() -> str:
        nonlocal url
        if cluster.shape(url) == shape:
            cluster.empty(url)
        else:
            cluster.drop(url)
            url = cluster.create(like=template)
        return url

    return copy


def migrate(url: str, revision: str = "head") -> None:
    with TemporaryDirectory() as folder:
        app = create_app(
            {"SETTINGS": Settings(data_dir=folder, database_url=url, secret_key="only for tests")}
        )
        with app.app_context():
            upgrade(revision=revision)
            db.engine.dispose()


@pytest.fixture
def app(
    new_database: Callable[[], str],
    tmp_path: Path,
    compiled_templates: TemplatesInMemory,
    compiled_statements: StatementsInMemory,
) -> Iterator[Flask]:
    own = Settings(
        data_dir=str(tmp_path / "data"),
        database_url=new_database(),
        secret_key="only for tests",
        sync_delay=0.0,
        progress_delay=0.0,
    )
    app = create_app(
        {"SETTINGS": own, "TESTING": True, "WTF_CSRF_ENABLED": False, "RATELIMIT_ENABLED": False}
    )
    app.test_client_class = Browser
    app.jinja_env.bytecode_cache = compiled_templates
    with app.app_context():
        compiled_statements.share(db.engine)
    yield app
    with app.app_context():
        db.engine.dispose()


class Browser(FlaskClient):
    """A request is served in the session of the test's own application context: what the test read
    is over by then.
    """

    def open(self, *args: Any, **kwargs: Any) -> Any:
        if has_app_context():
            db.session.commit()
        return super().open(*args, **kwargs)


@pytest.fixture
def session(app: Flask) -> Iterator[object]:
    """An application context in which domain functions can be called; a web request has one of its
    own.
    """
    with app.app_context():
        yield db.session
        db.session.rollback()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def runner(app: Flask) -> FlaskCliRunner:
    return app.test_cli_runner()


@pytest.fixture
def cast(session: object) -> Cast:
    """alice and bob; the film Sintel; the show Harbour Lights with two seasons of three and a
    special.
    """
    alice = add_user("alice", PASSWORD, is_admin=True)
    bob = add_user("bob", PASSWORD)
    film = add_film("Sintel", 2010, minutes=15, imdb="tt1727587")
    show = add_show("Harbour Lights", 2019, seasons=2, episodes=3, specials=1, minutes=25)
    db.session.commit()
    return Cast(alice=alice, bob=bob, film=film, show=show)


@pytest.fixture
def alice(cast: Cast) -> User:
    return cast.alice


@pytest.fixture
def bob(cast: Cast) -> User:
    return cast.bob


@pytest.fixture
def film(cast: Cast) -> MediaItem:
    return cast.film


@pytest.fixture
def show(cast: Cast) -> MediaItem:
    return cast.show


@pytest.fixture
def pilot(cast: Cast) -> Episode:
    return cast.episode(1, 1)


@pytest.fixture
def browser_of_alice(client: FlaskClient, cast: Cast) -> FlaskClient:
    """A client signed in as alice."""
    client.post("/login", data={"name": "alice", "password": PASSWORD})
    return client


class Clock:
    """The time as a test sets it."""

    def __init__(self) -> None:
        self.time = datetime(2026, 11, 21, 20, 0, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def pass_(self, **span: float) -> datetime:
        self.time += timedelta(**span)
        return self.time


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Stops the clock at 21 Nov 2026, 20:00 UTC; it goes on only as the test says."""
    stopped = Clock()
    monkeypatch.setattr(clock, "read", stopped.now)
    return stopped
