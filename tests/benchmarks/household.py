"""The application on empty databases of either kind."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from flask import Flask
from flask_migrate import upgrade

from mydia_web import create_app
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.sources import registry
from tests.benchmarks.server import InProcess, Plain
from tests.databases import Cluster, postgresql_cluster

#: As in production: every commit reaches the disk, and the cache suits a machine of this size.
DURABLE = "-c fsync=on -c shared_buffers=1GB -c max_wal_size=8GB"


@dataclass(frozen=True)
class Household:
    """An application and its database, also for other processes."""

    app: Flask
    settings: Settings
    #: None on SQLite.
    cluster: Cluster | None

    @property
    def environment(self) -> dict[str, str]:
        own = {
            "MYDIA_DATA_DIR": self.settings.data_dir,
            "MYDIA_DATABASE_URL": self.settings.database_url,
            "MYDIA_SECRET_KEY": self.settings.secret_key,
            "MYDIA_LOG_LEVEL": self.settings.log_level,
        }
        return {**os.environ, **own}


@contextmanager
def household(database: str) -> Iterator[Household]:
    """Yield one household, in its application context."""
    with households(database, 1) as (home,), home.app.app_context():
        try:
            yield home
        finally:
            db.session.remove()


@contextmanager
def households(database: str, number: int) -> Iterator[list[Household]]:
    """Yield households, each with an empty, migrated database of its own."""
    with ExitStack() as stack:
        started = postgresql_cluster(DURABLE) if database == "postgresql" else nullcontext()
        cluster = stack.enter_context(started)
        yield [stack.enter_context(_household(cluster)) for _ in range(number)]


@contextmanager
def _household(cluster: Cluster | None) -> Iterator[Household]:
    with TemporaryDirectory(prefix="mydia-bench-") as folder:
        settings = Settings(
            data_dir=str(Path(folder)),
            database_url=cluster.create() if cluster else "",
            secret_key="only for benchmarks",
            log_level="warning",
        )
        app = application(settings)
        with app.app_context():
            upgrade()
        yield Household(app, settings, cluster)
        with app.app_context():
            db.engine.dispose()


def application(settings: Settings) -> Flask:
    know_the_kinds()
    return create_app({"SETTINGS": settings})


def know_the_kinds() -> None:
    """Register the backends that only benchmarks have."""
    registry._BACKENDS.update({"plain": Plain, "in-process": InProcess})
