"""Bringing the database to the shape this version needs, before anything uses it."""

import logging

from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask_migrate import upgrade

from mydia_web.db import db
from mydia_web.errors import MydiaError
from mydia_web.paths import resource


class DatabaseTooNew(MydiaError):
    """The database was made by a newer mydia-web. Install that version again, or restore a backup."""


def ensure_schema() -> None:
    """Migrate where it is needed; where it is not, this is one cheap read. Raises `DatabaseTooNew`."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    scripts = ScriptDirectory(str(resource("migrations")))
    with db.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if present == set(scripts.get_heads()):
        return
    if not present <= {script.revision for script in scripts.walk_revisions()}:
        raise DatabaseTooNew
    upgrade()
