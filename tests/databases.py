"""Real databases for tests: SQLite files, and a throw-away PostgreSQL cluster made from the
system's binaries.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, NullPool, create_engine, make_url

_numbers = count(1)

_CUT_OTHERS_OFF = """
    SELECT count(pg_terminate_backend(pid, 1000)) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Of few rows, deleting them is ten times faster than a TRUNCATE.
_EMPTY = """
    DO $$
    DECLARE
        one record;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR one IN
            SELECT quote_ident(relname) AS name, pg_relation_size(oid) > 1000000 AS is_large FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'alembic_version'
        LOOP
            IF one.is_large THEN
                EXECUTE 'TRUNCATE ' || one.name || ' CASCADE';
            ELSE
                EXECUTE 'DELETE FROM ' || one.name;
            END IF;
        END LOOP;
        FOR one IN SELECT quote_ident(sequencename) AS name FROM pg_sequences WHERE last_value IS NOT NULL LOOP
            EXECUTE 'ALTER SEQUENCE ' || one.name || ' RESTART';
        END LOOP;
    END $$
"""
_SHAPE = """
    SELECT (SELECT version_num FROM alembic_version),
        (SELECT md5(string_agg(relname, ' ' ORDER BY relname)) FROM pg_class
         WHERE relnamespace = 'public'::regnamespace),
        (SELECT md5(string_agg(attname, ' ' ORDER BY attrelid::regclass::text, attnum)) FROM pg_attribute
         WHERE attrelid::regclass::text !~ '^pg_'),
        (SELECT count(*) FROM pg_constraint), (SELECT count(*) FROM pg_trigger)
"""


class Cluster:
    """A PostgreSQL of its own, reachable by a socket in its folder and gone with it."""

    def __init__(self, folder: Path, binaries: Path) -> None:
        self.folder = folder
        self._binaries = binaries
        # The first connection of an engine asks the server a handful of questions.
        self._engines: dict[str, Engine] = {}

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@/{database}?host={self.folder}"

    def create(self, like: str | None = None) -> str:
        """The address of a new database, empty or a copy of the one at the address `like`."""
        name = f"test_{next(_numbers)}"
        template = make_url(like).database if like else "template0"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy")
        return self.url(name)

    def drop(self, url: str) -> None:
        """Whoever is still connected is cut off."""
        self._engines.pop(url, None)
        self.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def empty(self, url: str) -> None:
        """Take all rows away, and count from 1 again. It costs a fifth of a new database, or less
        on a slow disk.
        """
        self.execute(_CUT_OTHERS_OFF, url)
        self.execute(_EMPTY, url)

    def shape(self, url: str) -> object:
        """Return what differs between two databases where their tables do."""
        return self.execute(_SHAPE, url)

    def run(self, command: str, *arguments: str) -> None:
        # PostgreSQL refuses to run as root.
        user = "postgres" if os.getuid() == 0 else None
        subprocess.run(
            [self._binaries / command, *arguments],
            check=True,
            user=user,
            cwd="/",
            stdout=subprocess.DEVNULL,
        )

    def execute(self, statement: str, url: str = "") -> object:
        """Run one statement by itself; the first row of its answer, where it has one."""
        url = url or self.url("postgres")
        if url not in self._engines:
            self._engines[url] = create_engine(
                url, isolation_level="AUTOCOMMIT", poolclass=NullPool
            )
        with self._engines[url].connect() as connection:
            answer = connection.exec_driver_sql(statement)
            return tuple(answer.one()) if answer.returns_rows else None


@contextmanager
def postgresql_cluster(options: str = "-c fsync=off") -> Iterator[Cluster]:
    """Start a cluster, and end it. Raises `LookupError` with the reason where there can be none.

    It lies where temporary files do (`TMPDIR`): in memory, a new database takes a quarter of the
    time.
    """
    binaries = _find_binaries()
    folder = Path(tempfile.mkdtemp(prefix="mydia-pg-"))
    cluster = Cluster(folder, binaries)
    if os.getuid() == 0:
        shutil.chown(folder, "postgres")
    data, log = str(folder / "data"), str(folder / "log")
    settings = f"-c listen_addresses='' -c unix_socket_directories={folder} -c max_connections=100 {options}"
    try:
        cluster.run(
            "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
        )
        cluster.run("pg_ctl", "-D", data, "-l", log, "-o", settings, "-w", "start")
        try:
            yield cluster
        finally:
            cluster.run("pg_ctl", "-D", data, "-m", "immediate", "-w", "stop")
    finally:
        shutil.rmtree(folder)


def _find_binaries() -> Path:
    """Debian keeps them off the path, a folder for each version."""
    on_path = shutil.which("pg_ctl")
    folders = sorted(
        Path("/usr/lib/postgresql").glob("*/bin"), key=lambda one: int(one.parent.name)
    )
    for folder in [*([Path(on_path).resolve().parent] if on_path else []), *reversed(folders)]:
        if (folder / "initdb").exists() and (folder / "pg_ctl").exists():
            return folder
    raise LookupError("PostgreSQL's initdb and pg_ctl are not installed")
