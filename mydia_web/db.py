"""The database: the base of all models, aware times, transactions that write, and locks."""

import sqlite3
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from itertools import count
from random import uniform
from typing import Any, TypeVar

from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    DateTime,
    Dialect,
    Engine,
    Integer,
    MetaData,
    bindparam,
    event,
    func,
    select,
    text,
)
from sqlalchemy import column as sql_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

Result = TypeVar("Result")


class Base(DeclarativeBase):
    # Batch migrations on SQLite can only alter constraints that have names.
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base, engine_options={"pool_pre_ping": False})

#: How long a writer waits for another one (SQLite), in milliseconds.
BUSY_MS = 10_000

#: The key of tables that grow with use: 64 bits, as SQLite's integer keys always are.
BigId = BigInteger().with_variant(Integer, "sqlite")


class UTCDateTime(TypeDecorator[datetime]):
    """An aware time, stored in UTC. A naive one is a bug, and is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            return value.replace(tzinfo=UTC)
        return value.astimezone(UTC)


def begin_write() -> None:
    """Open a transaction that will write, before anything is read in it.

    SQLite takes its write lock now. A transaction that reads first and writes later can neither
    wait for another writer nor see what it wrote: it fails as soon as somebody else writes in
    between. Calling this after a read is therefore always a `RuntimeError`, not just sometimes.
    PostgreSQL needs no such thing, but follows the same rule.
    """
    if not db.session().in_transaction():
        db.session.connection(execution_options={"mydia_write": True})
    elif not db.session.connection().get_execution_options().get("mydia_write"):
        raise RuntimeError("something was read in this transaction before it was opened to write")


def lock_titles(titles: Iterable[tuple[int, int]]) -> None:
    """Lock these titles, (user id, film or show id), until the transaction ends.

    Whoever reads a person's state of a title in order to change it locks the title first, so that
    what was read stays true. Everybody locks in the same order, so there is no deadlock. SQLite has
    only one writer at a time anyway.
    """
    if has_one_writer():
        return
    locked = _locked_slots()
    slots = {(user_id, title_id % _TITLE_SLOTS) for user_id, title_id in titles} - locked
    if not slots:
        return
    locked |= slots
    users, numbers = zip(*slots, strict=True)
    db.session.execute(_LOCK_IN_ORDER, {"users": list(users), "titles": list(numbers)})


def _locked_slots() -> set[tuple[int, int]]:
    """Return the set of what this transaction has locked, to be added to."""
    session = db.session()
    session.connection()  # begins a transaction, if there is none
    transaction = session.get_transaction()
    owner, slots = session.info.get("locked_slots", (None, None))
    if owner is not transaction:
        slots = set()
        session.info["locked_slots"] = (transaction, slots)
    locked: set[tuple[int, int]] = slots
    return locked


#: PostgreSQL has room for 6,400 locks in all transactions together.
_TITLE_SLOTS = 4096
_LOCK_IN_ORDER = text(
    "SELECT pg_advisory_xact_lock(one.user_id, one.title_id) FROM ("
    " SELECT * FROM unnest(CAST(:users AS integer[]), CAST(:titles AS integer[]))"
    " AS pair (user_id, title_id)"
    " ORDER BY user_id, title_id"
    ") AS one"
)


def lock_library() -> None:
    """Let nobody else add titles or items of servers until the transaction ends.

    Look for what is to be added after this, and before any title is locked.
    """
    if not has_one_writer():
        db.session.execute(text(f"SELECT pg_advisory_xact_lock({_LIBRARY})"))


_LIBRARY = 0x6C696272


def has_one_writer() -> bool:
    """Return whether one writer keeps all others from writing."""
    return bool(db.engine.dialect.name == "sqlite")


def set_lock_timeout(milliseconds: int = 200) -> None:
    """Let this transaction fail if it waits longer than that for a row that another one changed.

    PostgreSQL ends a deadlock after a second by failing either side; giving way sooner spares the
    other one. SQLite has no deadlocks.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text(f"SET LOCAL lock_timeout = {milliseconds}"))


def is_lock_conflict(error: DBAPIError) -> bool:
    """Return whether a transaction failed only because of another one.

    That one held a lock, or deleted a row that this one referred to.
    """
    return getattr(error.orig, "sqlstate", None) in _LOCK_TIMEOUT_DEADLOCK_OR_FOREIGN_KEY


_LOCK_TIMEOUT_DEADLOCK_OR_FOREIGN_KEY = ("55P03", "40P01", "23503")

_MAX_RUNS = 5
#: The longest pause between two runs, in seconds.
_MAX_PAUSE = 0.05


def retry_on_conflict(
    transaction: Callable[[], Result],
    *,
    max_runs: int = _MAX_RUNS,
    can_run_again: Callable[[], bool] = lambda: True,
) -> Result:
    """Run a whole transaction, opened to write here, that commits at its end.

    After a lock conflict it is rolled back and run again, so it may leave nothing behind but what
    is in the database.
    """
    for run in count(1):
        begin_write()
        try:
            return transaction()
        except DBAPIError as error:
            if run == max_runs or not is_lock_conflict(error) or not can_run_again():
                raise
            db.session.rollback()
            time.sleep(uniform(0, _MAX_PAUSE))  # noqa: S311 - keeps no secret
    raise AssertionError


def insert_for(table: Any) -> Any:
    """Return an INSERT with ON CONFLICT, in the dialect of the database."""
    dialect = db.engine.dialect.name
    return (postgresql if dialect == "postgresql" else sqlite).insert(table)


def add_many(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Add rows of a model: a single one with the next flush, several by one statement.

    On SQLite the session would insert several one by one, to learn which id belongs to which.
    """
    if len(rows) == 1:
        db.session.add(model(**rows[0]))
    elif rows:
        insert_many(model, rows)


def insert_many(model: Any, rows: Sequence[dict[str, Any]]) -> None:
    """Insert rows, all with the same columns, by one statement."""
    table = model.__table__
    defaults = {
        column.name: _default(column)
        for column in table.c
        if column.default is not None and column.name not in rows[0]
    }
    statement = _insert(db.engine.dialect.name, table, (*rows[0], *defaults))
    execute_with_many(statement, [row | defaults for row in rows])


def _default(column: Any) -> Any:
    if column.default.is_callable:
        return column.default.arg(None)
    return column.default.arg


@cache
def _insert(_dialect: str, table: Any, names: tuple[str, ...]) -> Any:
    return with_many(insert_for(table), names).returning(*table.primary_key)


def with_many(insert: Any, names: Sequence[str]) -> Any:
    """Prepare an INSERT of these columns for `execute_with_many`."""
    if db.engine.dialect.name != "postgresql":
        return insert
    # A list for each column: a parameter for each value takes PostgreSQL's driver three times as
    # long.
    columns = [insert.table.c[name] for name in names]
    lists = [bindparam(one.name, type_=postgresql.ARRAY(one.type)) for one in columns]
    as_columns = [sql_column(one.name, one.type) for one in columns]
    rows = func.unnest(*lists).table_valued(*as_columns, name="rows").render_derived()
    values = select(*(rows.c[name] for name in names))
    return insert.from_select(list(names), values, include_defaults=False)


def execute_with_many(statement: Any, rows: Sequence[dict[str, Any]]) -> CursorResult[Any]:
    """Run a statement that `with_many` prepared, with these rows."""
    connection = db.session.connection()
    if db.engine.dialect.name != "postgresql":
        return connection.execute(statement, rows)
    return connection.execute(statement, {name: [row[name] for row in rows] for name in rows[0]})


@event.listens_for(Engine, "connect")
def _prepare_connection(connection: Any, _record: Any) -> None:
    if not isinstance(connection, sqlite3.Connection):
        return
    # The driver's own transactions leave out SELECTs; `_begin` opens all transactions instead.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
    _enable_wal(connection)
    for pragma in (
        "synchronous = NORMAL",
        "foreign_keys = ON",
        "cache_size = -8000",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _enable_wal(connection: sqlite3.Connection) -> None:
    """Switch to WAL. That fails while another process writes to a new file, despite the timeout."""
    until = time.monotonic() + 10
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


@event.listens_for(Engine, "begin")
def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("mydia_write", False)
        if writes:
            _take_the_lock(connection)
        else:
            connection.exec_driver_sql("BEGIN")


def _take_the_lock(connection: Connection) -> None:
    """Take SQLite's write lock, trying every millisecond or two.

    SQLite's own steps grow to a tenth of a second, so that a busy writer such as a pull would
    nearly always win over one that writes little.
    """
    sqlite: Any = connection.connection.driver_connection
    until = time.monotonic() + BUSY_MS / 1000
    sqlite.execute("PRAGMA busy_timeout = 3")
    try:
        while not sqlite.in_transaction and time.monotonic() < until:
            with suppress(sqlite3.OperationalError):
                sqlite.execute("BEGIN IMMEDIATE")
        if not sqlite.in_transaction:  # to fail with the usual error
            connection.exec_driver_sql("BEGIN IMMEDIATE")
    finally:
        sqlite.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
