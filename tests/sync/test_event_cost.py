"""What one event costs the database: it looks into indexes, and never reads through a history or a
library.
"""

import json
import re

import pytest
from sqlalchemy import event

from mydia_web.db import begin_write, db
from mydia_web.sources.inbox import store_event
from mydia_web.sync.inbound.inbox import apply_events
from tests.cast import add_copy, add_server

#: These grow with use, or with the library.
LARGE = (
    "source_items|source_item_states|playback_progress|plays|change_sets|changes"
    "|playback_sync_queue"
)
#: An index of which only the user or the source is known: all that they have is read.
READ_THROUGH = re.compile(
    rf"SCAN ({LARGE})\b|SEARCH ({LARGE}) .*\((user_id|source_id|source_account_id)=\?\)"
)


@pytest.fixture
def explained(session):
    """The plan of every statement while the test runs."""
    if db.engine.dialect.name != "sqlite":
        pytest.skip("PostgreSQL plans by its statistics: see tests/schema/test_indexes.py")
    asked: list[tuple[str, object]] = []

    def note(_connection, _cursor, statement, parameters, *_other):
        if not isinstance(parameters, list) and statement.startswith(
            ("SELECT", "UPDATE", "DELETE")
        ):
            asked.append((statement, parameters))

    def plans() -> list[str]:
        event.remove(db.engine, "after_cursor_execute", note)
        connection = db.engine.raw_connection()
        return [
            f"{row[3]}: {statement}"
            for statement, parameters in asked
            for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall()  # type: ignore[attr-defined]
        ]

    event.listen(db.engine, "after_cursor_execute", note)
    return plans


@pytest.mark.parametrize("kind", ["movie", "episode"])
def test_an_event_reads_through_nothing_that_grows(cast, explained, kind):
    content = cast.film if kind == "movie" else cast.episode(1, 2)
    source = add_server("Attic", cast.alice, kind="jellyfin")
    add_copy(source, content, "abc123")
    add_copy(add_server("Den", cast.alice), content)
    add_server("Trakt", cast.alice, kind="trakt")
    db.session.commit()
    for name in ("watched", "unwatched", "watched"):
        begin_write()
        told = {"event": name, "type": kind, "id": "abc123", "title": "It"}
        store_event(source.id, "generic", json.dumps(told))
        db.session.commit()
        assert apply_events() == 1
    plans = explained()
    assert any("playback_progress" in plan for plan in plans)
    assert [plan for plan in plans if READ_THROUGH.search(plan)] == []
