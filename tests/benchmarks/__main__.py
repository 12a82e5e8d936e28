"""Measure the queue: `python -m tests.benchmarks [--database postgresql] [--rows N]`."""

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from flask_migrate import upgrade
from sqlalchemy import delete, insert, text

from mydia_web import create_app
from mydia_web.accounts.users import add_user
from mydia_web.clock import now
from mydia_web.config import Settings
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_unwatched, mark_watched, save_progress
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources import registry
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sync.worker.delivering import Worker
from tests.benchmarks.server import Plain, plain_server
from tests.databases import postgresql_cluster

USER = 1


@contextmanager
def household(database: str) -> Iterator[None]:
    """An application context on an empty database, with one user."""
    with ExitStack() as stack:
        folder = stack.enter_context(TemporaryDirectory())
        url = stack.enter_context(postgresql_cluster()).create() if database == "postgresql" else ""
        settings = Settings(data_dir=str(Path(folder)), database_url=url, secret_key="only for benchmarks")
        stack.enter_context(create_app({"SETTINGS": settings}).app_context())
        upgrade()
        begin_write()
        add_user("alice", "correct horse")
        db.session.commit()
        yield
        db.session.remove()
        db.engine.dispose()


def fill(url: str, films: int) -> int:
    """A source that holds so many films; its id."""
    source = Source(kind="plain", name=f"Plain {now().timestamp()}", base_url=url)
    db.session.add(source)
    db.session.flush()
    db.session.add(SourceAccount(source_id=source.id, user_id=USER))
    if db.session.get(MediaItem, films) is None:
        rows = [{"type": "movie", "title": f"Film {n}", "sort_title": f"film {n}"} for n in range(films)]
        db.session.execute(insert(MediaItem), rows)
    copies = [{"source_id": source.id, "remote_id": f"f{n}", "media_item_id": n} for n in range(1, films + 1)]
    db.session.execute(insert(SourceItem), copies)
    db.session.commit()
    return source.id


def owe(source_id: int, films: int) -> None:
    """Each film owed to the source, due now."""
    at = now()
    row = {
        "user_id": USER,
        "source_id": source_id,
        "change_type": "mark_watched",
        "completed": True,
        "position_ms": 0,
    }
    row |= {"intent_at": at, "origin": "web", "next_attempt_at": at, "created_at": at, "updated_at": at}
    for start in range(1, films + 1, 10_000):
        part = range(start, min(start + 10_000, films + 1))
        db.session.execute(insert(QueuedChange), [{**row, "media_item_id": n} for n in part])
    db.session.commit()


def clear() -> None:
    db.session.execute(delete(QueuedChange))
    db.session.execute(delete(Source))
    db.session.commit()


def measure_enqueue(seconds: float = 3) -> None:
    """One transaction each: progress, play, change set, and the row of one source."""
    fill("http://127.0.0.1:9", 2000)
    acts = {
        "save a position": lambda film, n: save_progress(
            USER, film, position_seconds=100 + n, duration_seconds=9000
        ),
        "mark watched, then unwatched": lambda film, n: (mark_unwatched if n % 2 else mark_watched)(
            USER, film
        ),
    }
    for name, act in acts.items():
        done, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            begin_write()
            act(db.session.get_one(MediaItem, 1 + done // 2 % 2000), done)
            db.session.commit()
            done += 1
        print(f"| {name} | {done / seconds:,.0f}/s |")
    clear()


def measure_claims(backlogs: list[int], rounds: int = 40, batch: int = 100) -> None:
    """Claim a batch and acknowledge it, behind a backlog."""
    queue = PlaybackSyncRepository()
    for backlog in backlogs:
        source_id = fill("http://127.0.0.1:9", backlog)
        owe(source_id, backlog)
        if db.engine.dialect.name == "postgresql":
            db.session.execute(text("ANALYZE playback_sync_queue"))
            db.session.commit()
        began, number = time.perf_counter(), 0
        for _ in range(min(rounds, max(1, backlog // batch))):
            begin_write()
            claims = {row.id: row.claim_token or "" for row in queue.mark_syncing(source_id, limit=batch)}
            db.session.commit()
            begin_write()
            number += len(queue.mark_many_synced(claims))
            db.session.commit()
        taken = time.perf_counter() - began
        print(
            f"| claim and acknowledge, backlog {backlog:,} | {number / taken:,.0f}/s, {1000 * taken / number:.3f} ms |"
        )
        clear()


def measure_drain() -> None:
    """From due to delivered, over HTTP, against a server of a set latency."""
    for connections, milliseconds, films in ((8, 50, 1500), (32, 50, 4000), (8, 5, 4000), (8, 0, 4000)):
        Plain.traits = replace(Plain.traits, concurrency=connections)
        with plain_server(milliseconds / 1000) as url:
            owe(fill(url, films), films)
            cpu, began = time.process_time(), time.perf_counter()
            with Worker() as worker:
                worker.drain()
            taken = time.perf_counter() - began
        cost = 1000 * (time.process_time() - cpu) / films
        ceiling = f"{100 * films / taken * milliseconds / 1000 / connections:.0f} %" if milliseconds else "-"
        print(
            f"| drain, {connections} × {milliseconds} ms | "
            f"{films / taken:,.0f}/s, {ceiling} of N/L, {cost:.2f} ms CPU |"
        )
        clear()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--database", choices=["sqlite", "postgresql"], default="sqlite")
    parser.add_argument("--rows", type=int, default=100_000, help="the largest backlog")
    asked = parser.parse_args()
    registry._BACKENDS["plain"] = Plain
    with household(asked.database):
        print(f"| {asked.database} | |\n|---|---|")
        measure_enqueue()
        measure_claims([rows for rows in (1000, 10_000, 100_000, 1_000_000) if rows <= asked.rows])
        measure_drain()


if __name__ == "__main__":
    main()
