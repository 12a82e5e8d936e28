"""Part `latency`: from a webhook of one server to the push to another, by `mydia-web serve`."""

import json
import time
from dataclasses import dataclass
from http.client import HTTPConnection
from random import Random
from statistics import median, quantiles
from threading import Event

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.models import Source, SourceItem
from tests.backends.events import payloads
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import table
from tests.benchmarks.webhooks import PAYLOAD, serving
from tests.fakes.kodi import FakeKodi

#: The longest wait for a push.
_PATIENCE = 10.0


class ListeningKodi(FakeKodi):
    """A Kodi that notes when it is read for a push, and when it is written to."""

    def __init__(self) -> None:
        super().__init__()
        self.password = ""
        self.is_written = Event()
        self.read_at = self.written_at = 0.0

    def expect(self) -> None:
        self.is_written.clear()
        self.read_at = self.written_at = 0.0

    def answer(self, question: object) -> object:
        method = question.get("method", "") if isinstance(question, dict) else ""
        self.read_at = self.read_at or time.perf_counter()
        if ".Set" in method:
            self.written_at = time.perf_counter()
            self.is_written.set()
        return super().answer(question)


@dataclass(frozen=True)
class Taken:
    """Seconds from sending the webhook to each step."""

    stored: float
    read: float
    written: float


def measure(database: str, *, events: int) -> None:
    columns = (
        "median",
        "answered",
        "the other server is read",
        "is written to",
        "90 % within",
        "longest",
    )
    with (
        household(database) as home,
        ListeningKodi() as kodi,
        table(f"Latency, {database}", *columns) as row,
    ):
        path = _fill(kodi, events + 1)
        with serving(home, has_worker=True) as (port, _):
            _send(kodi, port, path, 0)  # the first one loads what the others use
            pauses = Random(1)
            taken = []
            for number in range(1, events + 1):
                time.sleep(pauses.uniform(0.3, 0.8))
                taken.append(_send(kodi, port, path, number))
        written = [latency.written for latency in taken]
        figures = (
            median(latency.stored for latency in taken),
            median(latency.read for latency in taken),
            median(written),
            quantiles(written, n=10)[8],
            max(written),
        )
        row(f"{events} webhooks", *(f"{1000 * figure:.0f} ms" for figure in figures))


def _fill(kodi: ListeningKodi, films: int) -> str:
    """Add a Jellyfin, and a Kodi with the same films. Return the path of the Jellyfin's webhook."""
    filling.people(1)
    filling.library(films)
    jellyfin = filling.source("http://127.0.0.1:9", users=1, films=films, kind="jellyfin")
    other = filling.source(kodi.url, users=1, films=0, kind="kodi")
    for number in range(films):
        movie = kodi.add_movie(f"Film {number}", year=1950 + number % 76, minutes=90)
        copy = {"source_id": other, "remote_id": f"movie:{movie.id}", "path": movie.file}
        db.session.add(SourceItem(**copy, media_item_id=number + 1, seen_at=now()))
    source = db.session.get_one(Source, jellyfin)
    make_webhook(source)
    db.session.commit()
    path = f"/webhooks/jellyfin/{webhook_secret(source)}"
    db.session.remove()
    return path


def _send(kodi: ListeningKodi, port: int, path: str, number: int) -> Taken:
    body = json.dumps({**payloads.payload(PAYLOAD), "ItemId": f"f{number}"})
    connection = HTTPConnection("127.0.0.1", port)
    kodi.expect()
    began = time.perf_counter()
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    stored = time.perf_counter()
    assert answer.status == 202, f"answered with {answer.status}"
    assert kodi.is_written.wait(_PATIENCE), "the other server was not told"
    connection.close()
    return Taken(stored - began, kodi.read_at - began, kodi.written_at - began)
