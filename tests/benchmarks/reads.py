"""Part `reads`: marks to a Jellyfin, whose titles are read before, one by one or in batches."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection as Channel

from sqlalchemy import update

from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.db import db
from mydia_web.sources.credentials import encrypt
from mydia_web.sources.models import SourceAccount, SourceItem
from mydia_web.sync.outbound.worker import Worker
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import rate, table
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser import Reply

MARKS = 400
MILLISECONDS = (0, 5, 50)


class Slow(FakeJellyfin):
    """A Jellyfin that answers after a set time, several requests at once."""

    latency = 0.0

    def reply_to(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        time.sleep(self.latency)
        return super().reply_to(method, target, headers, body)


@dataclass(frozen=True)
class Running:
    """A server in a process of its own."""

    url: str
    user_id: str
    token: str
    remote_ids: list[str]
    channel: Channel

    def requests(self) -> int:
        self.channel.send("requests")
        count: int = self.channel.recv()
        return count


def measure(database: str, *, marks: int = MARKS) -> None:
    columns = ("latency", "read", "delivered", "requests a mark", "CPU of the worker for a mark")
    with household(database), table(f"{marks} marks to a Jellyfin, {database}", *columns) as row:
        filling.people(1)
        filling.library(marks)
        for milliseconds in MILLISECONDS:
            for words, at_once in (("one by one", 1), ("by the handful", 50)):
                taken, requests, cpu = _drain(milliseconds / 1000, at_once, marks)
                row(
                    *(f"{milliseconds} ms", words, rate(marks / taken)),
                    *(f"{requests / marks:.2f}", f"{1000 * cpu / marks:.2f} ms"),
                )


def _drain(latency: float, at_once: int, marks: int) -> tuple[float, int, float]:
    """Return seconds, requests, and seconds of CPU."""
    usual = Jellyfin.traits
    Jellyfin.traits = replace(usual, reads_at_once=at_once)
    try:
        with _jellyfin(latency, marks) as server:
            _link(server, marks)
            before = server.requests()
            cpu, began = time.process_time(), time.perf_counter()
            with Worker() as worker:
                summary = worker.drain()
            taken, cpu = time.perf_counter() - began, time.process_time() - cpu
            requests = server.requests() - before
    finally:
        Jellyfin.traits = usual
    assert sum(tally.synced for tally in summary.tallies.values()) == marks
    db.session.remove()
    filling.forget_queue()
    return taken, requests, cpu


def _link(server: Running, marks: int) -> None:
    source_id = filling.source(server.url, users=1, films=marks, kind="jellyfin")
    account = {"credentials": encrypt({"token": server.token}), "remote_user_id": server.user_id}
    db.session.execute(
        update(SourceAccount)
        .where(SourceAccount.source_id == source_id)
        .values(**account, device_id="bench")
    )
    for number, remote_id in enumerate(server.remote_ids):
        own = (SourceItem.source_id == source_id, SourceItem.remote_id == f"f{number}")
        db.session.execute(update(SourceItem).where(*own).values(remote_id=remote_id))
    db.session.commit()
    filling.owe(source_id, marks, users=1)
    filling.tidy()


@contextmanager
def _jellyfin(latency: float, titles: int) -> Iterator[Running]:
    ours, theirs = Pipe()
    process = Process(target=_serve, args=(theirs, latency, titles), daemon=True)
    process.start()
    try:
        url, user_id, token, remote_ids = ours.recv()
        yield Running(url, user_id, token, remote_ids, ours)
    finally:
        process.kill()
        process.join()


def _serve(channel: Channel, latency: float, titles: int) -> None:
    jellyfin = Slow()
    jellyfin.latency = latency
    alice = jellyfin.add_person("alice")
    films = [jellyfin.add_movie(f"Film {number}") for number in range(titles)]
    token = jellyfin.new_token(alice.id, "bench")
    channel.send((jellyfin.url, alice.id, token, [film.id for film in films]))
    while channel.recv():
        channel.send(len(jellyfin.exchanges))
