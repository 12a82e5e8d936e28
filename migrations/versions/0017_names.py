"""Keep what all spellings of a name have in common, of people and of sources"""

import unicodedata
from collections import defaultdict

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_TABLES = ("users", "sources")


def upgrade() -> None:
    _check_names()
    for table in _TABLES:
        op.add_column(table, sa.Column("name_key", sa.String(), nullable=True))
        rows = sa.table(table, sa.column("id"), sa.column("name_key"))
        for row_id, name in _names(table):
            op.execute(sa.update(rows).where(rows.c.id == row_id).values(name_key=_key(name)))
        with op.batch_alter_table(table) as changed:
            changed.alter_column("name_key", existing_type=sa.String(), nullable=False)
            changed.create_unique_constraint(f"uq_{table}_name_key", ["name_key"])


def downgrade() -> None:
    for table in reversed(_TABLES):
        with op.batch_alter_table(table) as changed:
            changed.drop_constraint(f"uq_{table}_name_key", type_="unique")
            changed.drop_column("name_key")


def _check_names() -> None:
    """Raise `RuntimeError`, before anything is changed, where two names are one in two
    spellings.
    """
    found = [words for table in _TABLES for words in _collisions(table)]
    if found:
        raise RuntimeError(
            "Some names differ only in case, or in how an accent is written, and count as one "
            "name from this "
            "version on. Nothing was changed. Make a copy of the database, give all but one of "
            "them another "
            "name in it, and start again.\n" + "\n".join(found)
        )


def _collisions(table: str) -> list[str]:
    by_key = defaultdict(list)
    for row_id, name in _names(table):
        by_key[_key(name)].append((row_id, name))
    return [_words(table, same) for same in by_key.values() if len(same) > 1]


def _words(table: str, same: list[tuple[int, str]]) -> str:
    names = ", ".join(f"“{name}” (id {row_id})" for row_id, name in same)
    last_id, _ = same[-1]
    example = f"UPDATE {table} SET name = 'another name' WHERE id = {last_id};"  # noqa: S608 - a hint, not run
    return f"In {table}: {names}. Such as: {example}"


def _names(table: str) -> list[tuple[int, str]]:
    rows = sa.table(table, sa.column("id"), sa.column("name"))
    found = op.get_bind().execute(sa.select(rows.c.id, rows.c.name).order_by(rows.c.id)).all()
    return [(row_id, name) for row_id, name in found]


def _key(name: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", name.strip()).casefold())
