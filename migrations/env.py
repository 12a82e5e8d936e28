"""How migrations run: in one transaction, one process at a time, without losing rows to a rebuilt
table.

On SQLite a column can only be altered by rebuilding its table; dropping the old one would cascade
into every table that refers to it, so foreign keys are off meanwhile and checked before the commit.
The driver's own transactions do not cover DDL, so the write lock is taken first and by hand; it
also makes a second process wait. On PostgreSQL an advisory lock does that.
"""

from typing import Any

from alembic import context
from flask import current_app
from sqlalchemy import Connection, text

from mydia_web.db import UTCDateTime

#: Any number will do, as long as all processes lock the same one.
ADVISORY_LOCK = 8642


def render_item(kind: str, item: Any, _autogen: Any) -> str | bool:
    """Migrations import nothing of ours: an aware time is written as what the database holds."""
    return (
        "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UTCDateTime) else False
    )


def migrate(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=current_app.extensions["migrate"].db.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=render_item,
        transactional_ddl=True,
        compare_type=False,
    )
    with context.begin_transaction():
        context.run_migrations()


def migrate_sqlite(connection: Connection) -> None:
    # Pragmas work outside transactions only, and SQLAlchemy would open one.
    raw = connection.connection.driver_connection
    assert raw is not None
    raw.execute("PRAGMA foreign_keys = OFF")
    try:
        with connection.execution_options(mydia_write=True).begin():
            migrate(connection)
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
            if broken:
                raise RuntimeError(
                    f"this migration would leave rows without their parents: {broken[:5]}"
                )
    finally:
        raw.execute("PRAGMA foreign_keys = ON")


def migrate_postgresql(connection: Connection) -> None:
    with connection.begin():
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ADVISORY_LOCK})
        migrate(connection)


with current_app.extensions["migrate"].db.engine.connect() as database:
    {"sqlite": migrate_sqlite, "postgresql": migrate_postgresql}[database.dialect.name](database)
