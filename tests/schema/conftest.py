"""The schema on SQLite and on PostgreSQL, whatever `--database` says."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine, Inspector, create_engine, inspect

from tests.conftest import migrate
from tests.databases import Cluster
from tests.schema import BOTH
from tests.schema.household import Household


@pytest.fixture(scope="session", params=BOTH)
def new_database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[], str]:
    """Makes a migrated database without rows, one time on SQLite and one time on PostgreSQL. Its
    address.
    """
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        template = cluster.create()
        migrate(template)
        return lambda: cluster.create(like=template)
    original = tmp_path_factory.mktemp("template") / "mydia.db"
    migrate(f"sqlite:///{original}")

    def copy() -> str:
        file = tmp_path_factory.mktemp("data") / "mydia.db"
        file.write_bytes(original.read_bytes())
        return f"sqlite:///{file}"

    return copy


@pytest.fixture(scope="session")
def engine(new_database: Callable[[], str]) -> Iterator[Engine]:
    engine = create_engine(new_database())
    yield engine
    engine.dispose()


@pytest.fixture
def inspector(engine: Engine) -> Inspector:
    return inspect(engine)


@pytest.fixture
def household(engine: Engine) -> Iterator[Household]:
    """Two users with their servers and titles, written by SQL alone and gone after the test."""
    with engine.connect() as connection:
        yield Household(connection)
        connection.rollback()
