"""Pull one source, and print as JSON what that took and which rows it wrote."""

import json
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import event

from mydia_web import create_app
from mydia_web.db import begin_write, db
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull

_WRITE = re.compile(r'\s*(INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)


def pull(source_id: int, *, is_sweep: bool = True) -> dict[str, Any]:
    begin_write()
    pull_id = request_pull(source_id, is_sweep=is_sweep).id
    db.session.commit()
    with _written_rows() as (written, statements):
        began, cpu = time.perf_counter(), time.process_time()
        report = run_pull(pull_id)
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - cpu}
    assert report
    return {
        **took,
        "peak_mib": _peak_kib() / 1024,
        "statements": sum(statements.values()),
        "by_verb": dict(statements),
        "written": dict(written),
        "report": report.message,
        "problems": report.problems[:3],
    }


def _peak_kib() -> int:
    """Return the peak memory of this process.

    `getrusage` would count what the process was before it became this program.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


@contextmanager
def _written_rows() -> Iterator[tuple[Counter[str], Counter[str]]]:
    """Count written rows by table, and statements by their first word."""
    written: Counter[str] = Counter()
    statements: Counter[str] = Counter()

    def note(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        statements[statement.split(None, 1)[0]] += 1
        if (found := _WRITE.match(statement)) and cursor.rowcount > 0:
            written[found[2]] += cursor.rowcount

    event.listen(db.engine, "after_cursor_execute", note)
    try:
        yield written, statements
    finally:
        event.remove(db.engine, "after_cursor_execute", note)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        import cProfile
    with create_app().app_context():
        if len(sys.argv) > 2:
            profile = cProfile.Profile()
            profile.enable()
        result = pull(int(sys.argv[1]))
        if len(sys.argv) > 2:
            profile.dump_stats(sys.argv[2])
    print(json.dumps(result))
    sys.stdout.flush()
    os._exit(0)
