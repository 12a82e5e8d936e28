"""A database that is locked, full or restarted, and clocks that are set: clicks are answered or
refused in words.
"""

import sqlite3
import time
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from tests.chaos.conftest import MakeWorld, await_web, cite
from tests.chaos.processes import wait_until
from tests.chaos.server import FAULTS
from tests.databases import Cluster

pytestmark = pytest.mark.chaos


def test_clicks_wait_while_another_process_writes_to_sqlite_for_3_seconds(
    make_world: MakeWorld, tmp_path
):
    world = make_world()
    web = world.serve(embedded_worker=True)
    await_web(web)
    clickers = [world.clicker(web, world.films[part::4], seed=part) for part in range(4)]
    stop = Event()
    other = sqlite3.connect(tmp_path / "mydia.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    threads = [clicker.start(stop) for clicker in clickers]
    time.sleep(3)
    answered_meanwhile = sum(clicker.counts["answered"] for clicker in clickers)
    other.execute("COMMIT")
    other.close()
    wait_until(
        lambda: all(clicker.counts["answered"] for clicker in clickers), what="the first answers"
    )
    stop.set()
    for thread in threads:
        thread.join(40)
    assert answered_meanwhile == 0
    assert {name for clicker in clickers for name in clicker.counts} == {"answered"}
    assert max(clicker.slowest for clicker in clickers) >= 2.5
    world.sync_by_hand()
    world.assert_agreement(*clickers)
    world.assert_calm_logs()


@pytest.mark.parametrize("embedded_worker", [True, False], ids=["embedded", "separate"])
def test_clicks_are_refused_in_words_while_sqlite_is_locked_for_longer_than_they_wait(
    make_world: MakeWorld, tmp_path, record_property, embedded_worker: bool
):
    world = make_world()
    web = world.serve(embedded_worker=embedded_worker)
    workers = [] if embedded_worker else [world.watch(), world.watch()]
    await_web(web)
    clickers = [world.clicker(web, world.films[part::4], seed=part) for part in range(4)]
    for clicker in clickers:
        assert clicker.click() == 200
    stop = Event()
    other = sqlite3.connect(tmp_path / "mydia.db", isolation_level=None, timeout=30)
    other.execute("BEGIN IMMEDIATE")
    threads = [clicker.start(stop) for clicker in clickers]
    wait_until(
        lambda: all(clicker.counts["refused"] for clicker in clickers), 40, what="a refusal of each"
    )
    answered_meanwhile = sum(clicker.counts["answered"] for clicker in clickers) - len(clickers)
    other.execute("COMMIT")
    other.close()
    wait_until(
        lambda: all(clicker.counts["answered"] > 1 for clicker in clickers),
        what="answers afterwards",
    )
    stop.set()
    for thread in threads:
        thread.join(40)
    assert answered_meanwhile == 0
    assert {name for clicker in clickers for name in clicker.counts} == {"answered", "refused"}
    assert [command.is_alive for command in (web, *workers)] == [True] * (1 + len(workers))
    wait_until(lambda: world.owed() == 0, 40, what="deliveries by themselves")
    cite(dict(sum((clicker.counts for clicker in clickers), Counter())), record_property)
    world.assert_agreement(*clickers)
    world.assert_calm_logs("database is locked")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_clocks_that_are_set_an_hour_back_or_forth_delay_and_lose_nothing(
    make_world: MakeWorld, record_property, database: str
):
    """Forth, every lease has ended; back, none does, and what was to wait seconds waits an hour or
    for a person.
    """
    world = make_world(database, servers=2)
    world.set_concurrency(8)
    for server in world.servers:
        server.set(faults={**FAULTS, "429, Retry-After: 1": 0, "slow": 0.2})
    web = world.serve(embedded_worker=False)
    workers = [world.watch(), world.watch()]
    await_web(web)
    clickers = [world.clicker(web, world.films[part::2], seed=part) for part in (0, 1)]
    stop = Event()
    threads = [clicker.start(stop) for clicker in clickers]
    for hours in (1, 0, -1, 0, 1, 2, 1, 0):
        time.sleep(1)
        world.set_clocks(hours * 3600)
    time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join(40)
    clicks = sum((clicker.counts for clicker in clickers), Counter())
    for server in world.servers:
        server.calm()
    assert set(clicks) == {"answered"}
    assert [command.is_alive for command in (web, *workers)] == [True] * 3
    told = sum(len(server.state()["told"]) for server in world.servers)
    cite({**clicks, "pushes taken by servers": told}, record_property)
    world.sync_by_hand()
    world.assert_agreement(*clickers)
    world.assert_calm_logs()


@pytest.mark.parametrize("embedded_worker", [True, False], ids=["embedded", "separate"])
def test_everything_goes_on_by_itself_when_postgresql_restarts(
    make_world: MakeWorld, breakable_cluster: Cluster, record_property, embedded_worker: bool
):
    world = make_world("postgresql")
    world.set_concurrency(8)
    web = world.serve(embedded_worker=embedded_worker)
    workers = [] if embedded_worker else [world.watch(), world.watch()]
    await_web(web)
    # A commit whose answer was lost may have been done, whatever we then say of it.
    clicker = world.clicker(web, believes_refusals=False)
    stop = Event()
    thread = clicker.start(stop)
    for mode in ("fast", "immediate"):
        time.sleep(1)
        restart(breakable_cluster, mode)
        seen = clicker.counts["answered"]
        wait_until(
            lambda seen=seen: clicker.counts["answered"] > seen + 20,
            what="answers after the restart",
        )
    stop.set()
    thread.join(40)
    assert [command.is_alive for command in (web, *workers)] == [True] * (1 + len(workers))
    wait_until(lambda: world.owed() == 0, 30, what="deliveries by themselves")
    cite(dict(clicker.counts), record_property)
    world.assert_agreement(clicker)
    world.assert_calm_logs("psycopg.")


def restart(cluster: Cluster, mode: str) -> None:
    data, log = str(cluster.folder / "data"), str(cluster.folder / "log")
    cluster.run("pg_ctl", "-D", data, "-l", log, "-m", mode, "-w", "restart")


@pytest.mark.parametrize("embedded_worker", [True, False], ids=["embedded", "separate"])
def test_a_full_disk_refuses_clicks_in_words_and_loses_none_that_was_answered(
    make_world: MakeWorld, small_disk: Path, record_property, embedded_worker: bool
):
    world = make_world(folder=small_disk)
    world.logs = small_disk.parent / "logs"  # they need room of their own
    world.logs.mkdir()
    web = world.serve(embedded_worker=embedded_worker)
    workers = [] if embedded_worker else [world.watch()]
    await_web(web)
    clicker = world.clicker(web)
    for _ in range(10):
        assert clicker.click() == 200
    ballast = small_disk / "ballast"
    (kodi,) = world.servers
    kodi.set(delay=0.3)  # so that something is under way
    fill(ballast)
    wait_until(lambda: clicker.click() == 503, what="the first refusal")
    until = time.monotonic() + 3
    while time.monotonic() < until:
        clicker.click()
        time.sleep(0.05)
    kodi.calm()
    assert clicker.counts["refused"] >= 10
    ballast.unlink()
    answered = clicker.counts["answered"]
    wait_until(lambda: clicker.click() == 200, what="an answer now that there is room")
    for _ in range(10):
        assert clicker.click() == 200
    assert clicker.counts["answered"] == answered + 11
    wait_until(lambda: world.owed() == 0, 30, what="deliveries by themselves")
    assert [command.is_alive for command in (web, *workers)] == [True] * (1 + len(workers))
    cite(dict(clicker.counts), record_property)
    world.assert_agreement(clicker)
    world.assert_calm_logs("database or disk is full", "disk I/O error")


def fill(ballast: Path) -> None:
    """Take all the room that is left."""
    with ballast.open("wb", buffering=0) as out:
        for size in (65536, 4096):
            try:
                while True:
                    out.write(b"x" * size)
            except OSError:
                pass
