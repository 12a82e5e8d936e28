"""Migrations: up and down with and without rows, alike to the models, and safe where Alembic's own
set-up is not.
"""

import logging
import shutil
import sqlite3
import subprocess
import sys
import unicodedata
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from threading import Timer
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from flask import Flask
from flask_migrate import check, downgrade, upgrade
from sqlalchemy import Engine, Inspector, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from mydia_web import create_app
from mydia_web.cli.support import DatabaseTooNew, ensure_schema
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.paths import resource
from tests.databases import Cluster
from tests.schema import BOTH
from tests.schema.household import Household

REVISIONS = [
    script.revision
    for script in reversed(list(ScriptDirectory(str(resource("migrations"))).walk_revisions()))
]
HEAD = REVISIONS[-1]

ORPHAN = (
    "INSERT INTO source_accounts (id, source_id, user_id, remote_user_id, credentials)"
    " VALUES (1, 1, 1, '', '')"
)

DRAFT = '''"""A migration that a test tries"""

import sqlalchemy as sa
from alembic import op

revision = "draft"
down_revision = {head!r}


def upgrade() -> None:
{body}


def downgrade() -> None:
    pass
'''


@pytest.fixture(params=BOTH)
def new_address(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[], str]:
    """Makes an empty database that was never migrated. Its address."""
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.create
    files = iter(range(100))
    return lambda: f"sqlite:///{tmp_path / f'{next(files)}.db'}"


@pytest.fixture
def address(new_address: Callable[[], str]) -> str:
    return new_address()


@pytest.fixture
def app(address: str, tmp_path: Path) -> Iterator[Flask]:
    """The application on an empty database, its context open."""
    settings = Settings(
        data_dir=str(tmp_path / "data"), database_url=address, secret_key="only for tests"
    )
    app = create_app({"SETTINGS": settings, "TESTING": True})
    with app.app_context():
        yield app
        db.engine.dispose()


@pytest.fixture
def full(app: Flask) -> None:
    """The application's database at head, with a row in every table."""
    upgrade()
    with db.engine.begin() as connection:
        Household(connection).fill()


@pytest.fixture
def draft(tmp_path: Path) -> Callable[[str], str]:
    """Writes one more migration into a copy of ours. The copy's folder."""
    folder = tmp_path / "migrations"
    shutil.copytree(resource("migrations"), folder, ignore=shutil.ignore_patterns("__pycache__"))

    def write(*statements: str) -> str:
        body = "\n".join(f"    {statement}" for statement in statements)
        # Two drafts of one second and one length are the same to Python.
        shutil.rmtree(folder / "versions" / "__pycache__", ignore_errors=True)
        (folder / "versions" / "draft.py").write_text(DRAFT.format(head=HEAD, body=body))
        return str(folder)

    return write


def tables() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def counts() -> dict[str, int]:
    """How many rows each table has."""
    with db.engine.connect() as connection:
        numbers = {table: f"SELECT count(*) FROM {table}" for table in tables()}  # noqa: S608
        return {
            table: connection.execute(text(query)).scalar_one() for table, query in numbers.items()
        }


def version() -> str | None:
    with db.engine.connect() as connection:
        found: str | None = connection.execute(
            text("SELECT version_num FROM alembic_version")
        ).scalar()
        return found


# Up and down


def test_the_migrations_are_one_line_of_numbered_steps() -> None:
    scripts = list(ScriptDirectory(str(resource("migrations"))).walk_revisions())
    assert [script.down_revision for script in reversed(scripts)] == [None, *REVISIONS[:-1]]
    assert [int(revision) for revision in REVISIONS] == list(range(1, len(REVISIONS) + 1))


def test_migrations_import_nothing_of_ours() -> None:
    versions = Path(resource("migrations")) / "versions"
    assert [file.name for file in versions.glob("*.py") if "mydia_web" in file.read_text()] == []


def test_an_empty_database_goes_up_down_and_up_again(app: Flask) -> None:
    upgrade()
    built = tables()
    downgrade(revision="base")
    assert tables() == set()
    upgrade()
    assert tables() == built == set(db.metadata.tables)


def test_each_step_can_be_taken_back_and_taken_again(app: Flask) -> None:
    for before, after in pairwise([None, *REVISIONS]):
        had = shape(db.engine)
        upgrade(revision=after)
        has = shape(db.engine)
        assert has != had
        downgrade(revision=before or "base")
        assert (version(), shape(db.engine)) == (before, had)
        upgrade(revision=after)
        assert (version(), shape(db.engine)) == (after, has)


def test_each_step_keeps_the_rows_of_the_tables_it_leaves(app: Flask, full: None) -> None:
    rows = counts()
    assert 0 not in rows.values()
    for after, before in pairwise([*reversed(REVISIONS), "base"]):
        downgrade(revision=before)
        kept = {table: rows[table] for table in tables()}
        assert counts() == kept
        upgrade(revision=after)
        assert counts() == dict.fromkeys(tables(), 0) | kept
        downgrade(revision=before)
    assert counts() == {}


def test_a_database_full_of_rows_goes_down_to_nothing_and_up_again(app: Flask, full: None) -> None:
    downgrade(revision="base")
    upgrade()
    assert set(counts().values()) == {0}
    with db.engine.begin() as connection:
        Household(connection).fill()


def test_upgrading_what_is_up_to_date_changes_nothing(app: Flask, full: None) -> None:
    before = shape(db.engine), counts()
    upgrade()
    assert (shape(db.engine), counts()) == before


# Names


SAME = [("Ömer", "ömer"), ("José", unicodedata.normalize("NFD", "José")), ("BOB", "bob")]


@pytest.mark.parametrize("table", ["users", "sources"])
def test_names_that_have_become_one_stop_the_migration_before_it_changes_anything(
    app: Flask, table: str, caplog: pytest.LogCaptureFixture
) -> None:
    upgrade(revision="0016")
    _add_named(table, [name for pair in SAME for name in pair])
    before = shape(db.engine), counts()
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit):
        upgrade()
    assert (shape(db.engine), counts(), version()) == (*before, "0016")
    said = caplog.text
    assert all(f"“{name}”" in said for pair in SAME for name in pair)
    assert "Nothing was changed" in said
    assert f"UPDATE {table} SET name" in said  # noqa: S608 - words, not run


def test_after_one_of_them_was_renamed_the_migration_goes_through(app: Flask) -> None:
    upgrade(revision="0016")
    _add_named("users", ["Ömer", "ömer", "Straße"])
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE users SET name = 'Ömer the younger' WHERE name = 'ömer'"))
    upgrade()
    with db.engine.connect() as connection:
        keys = connection.scalars(text("SELECT name_key FROM users ORDER BY name_key")).all()
    assert sorted(keys) == ["strasse", "ömer", "ömer the younger"]


def _add_named(table: str, names: list[str]) -> None:
    """Add rows of these names to a table as the release before knew it."""
    others = {
        "users": (
            "password_hash, is_admin, time_zone, preferences, created_at) VALUES (:name, "
            "'', false, 'UTC', '{}'"
        ),
        "sources": (
            "kind, base_url, enabled, failure_count, created_at) VALUES (:name, 'kodi', '', true, 0"
        ),
    }
    statement = text(f"INSERT INTO {table} (name, {others[table]}, '2026-11-21 20:00:00')")
    with db.engine.begin() as connection:
        connection.execute(statement, [{"name": name} for name in names])


# Alike to the models


def test_no_model_lacks_a_migration(app: Flask) -> None:
    upgrade()
    check()


def test_the_migrated_database_is_the_one_the_models_would_make(
    app: Flask, new_address: Callable[[], str]
) -> None:
    """Autogenerate compares neither checks, nor conditions of indexes, nor defaults: so compare
    everything.
    """
    upgrade()
    other = create_engine(new_address())
    try:
        db.metadata.create_all(other)
        assert shape(db.engine) == shape(other)
    finally:
        other.dispose()


def shape(engine: Engine) -> dict[str, Any]:
    """All that a database says of itself, by table."""
    found = inspect(engine)
    return {
        table: _table(found, table)
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def _table(found: Inspector, table: str) -> dict[str, Any]:
    return {
        "columns": {
            column["name"]: (str(column["type"]), column["nullable"], _default(column["default"]))
            for column in found.get_columns(table)
        },
        "primary key": found.get_pk_constraint(table),
        "foreign keys": _by_name(found.get_foreign_keys(table)),
        "unique keys": _by_name(found.get_unique_constraints(table)),
        "checks": _by_name(found.get_check_constraints(table)),
        "indexes": _by_name(found.get_indexes(table)),
    }


def _default(value: str | None) -> str | None:
    """SQLite has two words for false."""
    return "false" if value == "0" else value


def _by_name(things: Any) -> dict[str, Any]:
    return {thing["name"]: _plain(thing) for thing in things}


def _plain(value: Any) -> Any:
    """The same as text, for conditions of indexes cannot be compared otherwise."""
    return (
        {key: _plain(part) for key, part in value.items()}
        if isinstance(value, dict)
        else str(value)
    )


# Where Alembic's own set-up fails


def test_rebuilding_a_table_keeps_the_rows_that_refer_to_it(
    app: Flask, full: None, draft: Callable[..., str]
) -> None:
    rows, was = counts(), shape(db.engine)
    upgrade(
        directory=draft(
            "with op.batch_alter_table('media_items') as items:",
            "    items.alter_column('title', existing_type=sa.String(), nullable=True)",
        )
    )
    assert inspect(db.engine).get_columns("media_items") != was["media_items"]["columns"]
    assert counts() == rows
    now = shape(db.engine)
    assert now["media_items"].pop("columns") != was["media_items"].pop("columns")
    assert now == was


def test_rows_of_a_rebuilt_table_still_go_with_it(
    app: Flask, full: None, draft: Callable[..., str]
) -> None:
    upgrade(
        directory=draft(
            "with op.batch_alter_table('users') as users:",
            "    users.alter_column('time_zone', existing_type=sa.String(), nullable=True)",
        )
    )
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM users"))
    assert counts()["playback_progress"] == counts()["playback_sync_queue"] == 0


def test_a_migration_that_fails_leaves_nothing_behind_and_can_be_tried_again(
    app: Flask, full: None, draft: Callable[..., str]
) -> None:
    before = shape(db.engine), counts(), version()
    first = "op.create_table('halfway', sa.Column('id', sa.Integer(), primary_key=True))"
    with pytest.raises(DBAPIError, match="nowhere"):
        upgrade(directory=draft(first, "op.execute('INSERT INTO nowhere VALUES (1)')"))
    assert (shape(db.engine), counts(), version()) == before
    upgrade(directory=draft(first, "op.execute('INSERT INTO halfway VALUES (1)')"))
    assert (counts()["halfway"], version()) == (1, "draft")


def test_a_failing_step_takes_the_steps_before_it_back_too(
    app: Flask, draft: Callable[..., str]
) -> None:
    with pytest.raises(DBAPIError, match="nowhere"):
        upgrade(directory=draft("op.execute('INSERT INTO nowhere VALUES (1)')"))
    assert tables() == set()
    upgrade()


def test_a_migration_that_would_orphan_rows_is_refused(
    app: Flask, full: None, draft: Callable[..., str], caplog: pytest.LogCaptureFixture
) -> None:
    before = shape(db.engine), counts(), version()
    # Flask-Migrate turns the error of our own check into a logged line and an exit.
    with caplog.at_level(logging.ERROR), pytest.raises((SystemExit, IntegrityError)) as caught:
        upgrade(directory=draft("op.execute('UPDATE plays SET user_id = 1000000')"))
    assert "without their parents" in caplog.text or "foreign key" in str(caught.value)
    assert (shape(db.engine), counts(), version()) == before


def test_six_processes_may_upgrade_an_empty_database_at_once(app: Flask, address: str) -> None:
    race = subprocess.run(
        [sys.executable, "-m", "tests.schema.race", address, "6"],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert race.stdout == "6 succeeded\n", race.stderr
    assert (tables(), version()) == (set(db.metadata.tables), HEAD)


# The connection that migrated


def test_foreign_keys_are_kept_by_the_connection_that_migrated(app: Flask) -> None:
    upgrade()
    with db.engine.connect() as connection, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        connection.execute(text(ORPHAN))


def test_foreign_keys_are_kept_after_a_migration_that_failed(
    app: Flask, draft: Callable[..., str]
) -> None:
    upgrade()
    with pytest.raises(DBAPIError, match="nowhere"):
        upgrade(directory=draft("op.execute('INSERT INTO nowhere VALUES (1)')"))
    with db.engine.connect() as connection, pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        connection.execute(text(ORPHAN))


def test_a_migrated_sqlite_file_writes_ahead(app: Flask) -> None:
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL always writes ahead")
    upgrade()
    db.engine.dispose()
    with db.engine.connect() as connection:
        pragmas = ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        found = [connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() for pragma in pragmas]
    assert found == ["wal", 1, 1, 10_000]


def test_a_new_file_can_be_opened_while_another_process_writes_to_it(tmp_path: Path) -> None:
    """As when two are started at once: one migrates, the other has yet to connect."""
    file = tmp_path / "new.db"
    writer = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    later = Timer(0.2, writer.execute, ["ROLLBACK"])
    later.start()
    engine = create_engine(f"sqlite:///{file}")
    try:
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
    finally:
        later.join()
        writer.close()
        engine.dispose()


def test_migrating_leaves_the_loggers_of_the_application_on(app: Flask) -> None:
    ours = logging.getLogger("mydia_web.sync.outbound.worker")
    upgrade()
    assert not ours.disabled


# Before each command and at start


def test_a_current_database_is_only_read(app: Flask, full: None) -> None:
    said: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda _c, _r, sql, *_: said.append(sql))
    ensure_schema()
    assert said
    assert [sql for sql in said if not sql.lstrip().startswith(("SELECT", "PRAGMA", "BEGIN"))] == []
    assert [sql for sql in said if "IMMEDIATE" in sql or "advisory" in sql] == []


@pytest.mark.parametrize("revision", [None, *REVISIONS[:-1]])
def test_an_older_database_is_brought_up_to_date(app: Flask, revision: str | None) -> None:
    if revision:
        upgrade(revision=revision)
    ensure_schema()
    assert (tables(), version()) == (set(db.metadata.tables), HEAD)


def test_a_newer_database_is_left_alone(app: Flask, full: None, draft: Callable[..., str]) -> None:
    upgrade(directory=draft("op.drop_table('api_tokens')"))
    before = shape(db.engine), counts()
    with pytest.raises(DatabaseTooNew, match="newer mydia-web"):
        ensure_schema()
    assert (shape(db.engine), counts(), version()) == (*before, "draft")
