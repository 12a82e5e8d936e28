"""The floor: the same claim and the same acknowledgement by the bare driver, with nothing of ours
between.
"""

import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import psycopg

from mydia_web.clock import now
from mydia_web.queue.repository import LEASE
from tests.benchmarks import filling
from tests.benchmarks.crew import BATCH
from tests.benchmarks.household import Household
from tests.benchmarks.peers import JOBS, USERS, Contestant, Field

_CLAIM = """
    WITH pick AS (SELECT id FROM playback_sync_queue WHERE source_id = ? AND next_attempt_at <= ?
                  ORDER BY next_attempt_at, id LIMIT ? {lock})
    UPDATE playback_sync_queue SET status = 'syncing', claim_token = ?, claimed_seq = intent_seq,
        lease_until = ?, next_attempt_at = NULL, last_attempt_at = ?,
        attempt_count = attempt_count + 1, updated_at = ?
    WHERE id IN (SELECT id FROM pick) RETURNING *
"""
_ACKNOWLEDGE = """
    UPDATE playback_sync_queue SET synced_seq = claimed_seq,
        status = CASE WHEN intent_seq = claimed_seq THEN 'synced' ELSE 'pending' END,
        next_attempt_at = CASE WHEN intent_seq = claimed_seq THEN NULL ELSE {at} END,
        attempt_count = 0, claim_token = NULL, lease_until = NULL, error_class = NULL,
        error_message = NULL, updated_at = ?
    WHERE id IN ({ids}) AND claim_token = ? RETURNING id
"""

#: A statement with its values, in a transaction of its own; the rows it returns.
_Execute = Callable[[str, Sequence[Any]], list[Any]]


def _take(together: int) -> Contestant:
    def take(field: Field) -> float:
        filling.owe(field.source_id, JOBS, users=USERS)
        filling.tidy()
        with (_postgresql if field.home.cluster else _sqlite)(field.home) as execute:
            began = time.perf_counter()
            _drain(
                execute,
                field.source_id,
                together,
                lock="FOR UPDATE SKIP LOCKED" if field.home.cluster else "",
            )
            taken = time.perf_counter() - began
        filling.forget_queue()
        return taken

    return take


def _drain(execute: _Execute, source_id: int, together: int, *, lock: str) -> None:
    left = JOBS
    while left:
        token, at = str(uuid.uuid4()), now()
        claimed = execute(
            _CLAIM.format(lock=lock), [source_id, at, BATCH, token, at + LEASE, at, at]
        )
        ids = [row[0] for row in claimed]
        for start in range(0, len(ids), together):
            part = ids[start : start + together]
            at = now()
            marks = ", ".join("?" * len(part))
            # PostgreSQL cannot tell the type of a parameter that stands alone in a CASE.
            typed = "CAST(? AS timestamptz)" if lock else "?"
            left -= len(execute(_ACKNOWLEDGE.format(at=typed, ids=marks), [at, at, *part, token]))


@contextmanager
def _sqlite(home: Household) -> Iterator[_Execute]:
    connection = sqlite3.connect(f"{home.settings.data_dir}/mydia.db", isolation_level=None)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "cache_size = -32000"):
        connection.execute(f"PRAGMA {pragma}")

    def execute(statement: str, values: Sequence[Any]) -> list[Any]:
        return connection.execute(statement, [_as_text(value) for value in values]).fetchall()

    yield execute
    connection.close()


def _as_text(value: Any) -> Any:
    return f"{value:%Y-%m-%d %H:%M:%S.%f}" if isinstance(value, datetime) else value


@contextmanager
def _postgresql(home: Household) -> Iterator[_Execute]:
    address = home.settings.database_url.replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:

        def execute(statement: str, values: Sequence[Any]) -> list[Any]:
            return connection.execute(statement.replace("?", "%s").encode(), values).fetchall()

        yield execute


CONTESTANTS: dict[str, Contestant] = {
    "the bare driver, row by row": _take(1),
    f"the bare driver, {BATCH} at a time": _take(BATCH),
}
