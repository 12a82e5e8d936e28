"""Part `sizes`: bytes on the disk per row of each table that grows with use."""

from sqlalchemy import text

from mydia_web.db import db
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import Row, table

USERS = 20

_POSTGRESQL = """
    SELECT relname, CAST(pg_relation_size(oid) AS float) FROM pg_class
    WHERE oid = CAST(:name AS regclass)
       OR oid IN (SELECT indexrelid FROM pg_index WHERE indrelid = CAST(:name AS regclass))
"""
_SQLITE = """
    SELECT dbstat.name, CAST(sum(pgsize) AS real) FROM dbstat
    JOIN sqlite_schema AS s ON s.name = dbstat.name WHERE s.tbl_name = :name GROUP BY dbstat.name
"""


def measure(database: str, *, rows: int) -> None:
    with (
        household(database),
        table(
            f"Bytes for a row, {database}", "table", "rows", "table", "indexes", "largest indexes"
        ) as row,
    ):
        filling.people(USERS)
        filling.library(max(filling.FILMS, rows // USERS))
        source_id = filling.source("http://127.0.0.1:9", users=USERS)
        filling.owe(source_id, rows, users=USERS)
        filling.tidy()
        _measure("playback_sync_queue", "due", rows, row)
        filling.deliver_all(source_id)
        filling.tidy()
        _measure("playback_sync_queue", "delivered", rows, row)
        filling.watch(rows, users=USERS)
        filling.tidy()
        for name in ("playback_progress", "plays", "change_sets", "changes", "source_item_states"):
            _measure(name, "", rows, row)


def _measure(name: str, which: str, rows: int, row: Row) -> None:
    query = _SQLITE if db.engine.dialect.name == "sqlite" else _POSTGRESQL
    sizes = {part: size / rows for part, size in db.session.execute(text(query), {"name": name})}
    db.session.rollback()
    own = sizes.pop(name)
    largest = sorted(sizes, key=lambda part: -sizes[part])[:3]
    words = ", ".join(
        f"{part.removeprefix('ix_').removeprefix(name)} {sizes[part]:.0f}" for part in largest
    )
    row(f"`{name}` {which}", f"{rows:,}", f"{own:.0f}", f"{sum(sizes.values()):.0f}", words)
