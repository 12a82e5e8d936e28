"""Part `webhooks`: events of many servers at once to `mydia-web serve`, and their processing."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import quantiles
from threading import Thread

from sqlalchemy import func, select

from mydia_web.db import db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.models import Source, SourceEvent
from mydia_web.sync.inbound.inbox import apply_events
from tests.backends.events import payloads
from tests.benchmarks import filling
from tests.benchmarks.household import Household, household
from tests.benchmarks.process import cpu_seconds
from tests.benchmarks.report import rate, table

CLIENTS = 8
#: One for each event, so that each event queues a change for the other server.
FILMS = 50_000
#: The event of a Jellyfin when a film is marked as watched.
PAYLOAD = "made.jellyfin.UserDataSaved.movie.TogglePlayed.json"
_HERE = Path(__file__).parents[2]
_READY_SECONDS = 30.0


@dataclass(frozen=True)
class Answered:
    """The answers of all clients."""

    seconds: float
    #: Seconds until each answer.
    took: list[float]

    def words(self) -> tuple[str, str, str, str]:
        cuts = quantiles(self.took, n=100)
        figures = (cuts[49], cuts[98], max(self.took))
        p50, p99, longest = (f"{1000 * figure:.0f} ms" for figure in figures)
        return rate(len(self.took) / self.seconds), p50, p99, longest


def measure(database: str, *, seconds: float) -> None:
    columns = (
        "`mydia-web serve`",
        "answered",
        "",
        "p50",
        "p99",
        "longest",
        "CPU each",
        "lost",
        "applied",
    )
    with table(f"Webhooks of {CLIENTS} servers at once, {database}", *columns) as row:
        for words, has_worker in (("without its worker", False), ("with its worker", True)):
            with household(database) as home:
                path = _fill()
                with serving(home, has_worker=has_worker) as (port, pid):
                    spent = cpu_seconds(pid)
                    answered = _storm(port, path, seconds)
                    spent = cpu_seconds(pid) - spent
                    began = time.perf_counter()
                    left = _left()
                    while has_worker and _left():
                        time.sleep(0.05)
                if not has_worker:
                    began = time.perf_counter()
                    apply_events()
                applied = rate(left / (time.perf_counter() - began)) if left else "while they came"
                posted = len(answered.took)
                each = f"{1000 * spent / posted:.1f} ms"
                row(words, f"{posted:,}", *answered.words(), each, posted - _kept(), applied)


def _fill() -> str:
    """Add a Jellyfin, and another server to push to. Return the path of the Jellyfin's webhook."""
    filling.people(1)
    filling.library(FILMS)
    source = db.session.get_one(
        Source, filling.source("http://127.0.0.1:9", users=1, films=FILMS, kind="jellyfin")
    )
    filling.source("http://127.0.0.1:9", users=1, films=FILMS, kind="kodi")
    make_webhook(source)
    db.session.commit()
    path = f"/webhooks/jellyfin/{webhook_secret(source)}"
    filling.tidy()
    db.session.remove()
    return path


def _kept() -> int:
    """Count the events that were applied: each leaves a watched film."""
    watched = db.session.scalar(select(func.count()).select_from(PlaybackProgress)) or 0
    db.session.remove()
    return int(watched)


def _left() -> int:
    received = select(func.count()).select_from(SourceEvent).where(SourceEvent.status == "received")
    left = db.session.scalar(received) or 0
    db.session.remove()
    return int(left)


@contextmanager
def serving(home: Household, *, has_worker: bool) -> Iterator[tuple[int, int]]:
    """Run `mydia-web serve`, and yield its port and process id."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    settings = {
        "MYDIA_HOST": "127.0.0.1",
        "MYDIA_PORT": str(port),
        "MYDIA_EMBEDDED_WORKER": str(has_worker).lower(),
        "MYDIA_LISTEN": "false",
    }
    command = [str(Path(sys.executable).parent / "mydia-web"), "serve"]
    process = subprocess.Popen(
        command, env={**home.environment, **settings}, cwd=_HERE, stdout=subprocess.DEVNULL
    )
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + _READY_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _storm(port: int, path: str, seconds: float) -> Answered:
    """Send events from clients in a process of their own."""
    ours, theirs = Pipe()
    process = Process(target=_post_all, args=(theirs, port, path, seconds), daemon=True)
    process.start()
    answered: Answered = ours.recv()
    process.join()
    return answered


def _post_all(channel: Connection, port: int, path: str, seconds: float) -> None:
    took: list[float] = []
    began = time.perf_counter()
    clients = [
        Thread(target=_post, args=(port, path, began + seconds, number, took))
        for number in range(CLIENTS)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    channel.send(Answered(time.perf_counter() - began, took))


def _post(port: int, path: str, until: float, first: int, took: list[float]) -> None:
    payload = payloads.payload(PAYLOAD)
    connection = HTTPConnection("127.0.0.1", port)
    for number in range(first, FILMS, CLIENTS):
        body = json.dumps({**payload, "ItemId": f"f{number}"})
        began = time.perf_counter()
        if began > until:
            return
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 202, f"answered with {answer.status}"
        took.append(time.perf_counter() - began)
