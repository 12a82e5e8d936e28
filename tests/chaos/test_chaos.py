"""Whatever is killed, broken or full: what was answered stays, and every server gets to show it.

`MYDIA_CHAOS_SECONDS` lengthens the storm (8 s by default).
"""

import os
import signal
import sqlite3
import time
from collections import Counter
from pathlib import Path
from threading import Event

import pytest

from tests.chaos.clicking import Click
from tests.chaos.conftest import Killer, MakeWorld, World, await_web
from tests.chaos.processes import LEASE, wait_until
from tests.chaos.server import FAULTS
from tests.databases import Cluster

STORM_SECONDS = float(os.environ.get("MYDIA_CHAOS_SECONDS", "8"))


def storm(
    world: World, seconds: float, *, watchers: int, embedded_worker: bool, seed: int = 1
) -> dict[str, object]:
    """Click and kill for so long, then let it calm down; the numbers."""
    world.set_concurrency(8)
    for server in world.servers:
        server.set(faults=FAULTS)
    web = world.serve(embedded_worker=embedded_worker)
    commands = [web, *(world.watch() for _ in range(watchers))]
    await_web(web)
    clickers = [world.clicker(web, world.films[part::2], seed=seed + part) for part in (0, 1)]
    stop = Event()
    threads = [clicker.start(stop) for clicker in clickers]
    with Killer(commands, seed) as killer:
        time.sleep(seconds)
    stop.set()
    for thread in threads:
        thread.join(40)
        assert not thread.is_alive()
    for server in world.servers:
        server.calm()
    calm_since = time.monotonic()
    runs = world.sync_by_hand()
    calm_after = time.monotonic() - calm_since
    assert [command.is_alive for command in commands] == [True] * len(commands)
    world.assert_agreement(*clickers)
    world.assert_calm_logs()
    told = [server.state() for server in world.servers]
    clicks = sum((clicker.counts for clicker in clickers), Counter())
    return {
        "kills": killer.kills,
        "changes answered": clicks["answered"],
        "answers lost": clicks["answer lost"],
        "refused": clicks["refused"],
        "slowest answer (s)": round(max(clicker.slowest for clicker in clickers), 2),
        "pushes taken by servers": sum(len(one["told"]) for one in told),
        "requests to servers": sum(one["requests"] for one in told),
        "faults": dict(sum((Counter(one["faults"]) for one in told), Counter())),
        "runs of sync-queue until 0": runs,
        "agreement after (s)": round(calm_after, 1),
    }


def cite(numbers: dict[str, object], record_property) -> None:
    for name, value in numbers.items():
        record_property(name, value)
        print(f"{name}: {value}")


def test_nothing_answered_is_lost_when_processes_die_for_3_seconds(make_world: MakeWorld, record_property):
    numbers = storm(make_world(), 3, watchers=1, embedded_worker=True)
    cite(numbers, record_property)
    assert numbers["kills"] >= 3
    assert numbers["changes answered"] >= 20


@pytest.mark.chaos
@pytest.mark.parametrize("embedded_worker", [True, False], ids=["embedded", "separate"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_answered_is_lost_in_a_storm_of_kills_and_faults(
    make_world: MakeWorld, record_property, database: str, embedded_worker: bool
):
    world = make_world(database, servers=2)
    watchers = 1 if embedded_worker else 3
    numbers = storm(world, STORM_SECONDS, watchers=watchers, embedded_worker=embedded_worker, seed=11)
    cite(numbers, record_property)
    assert numbers["kills"] >= STORM_SECONDS
    assert numbers["pushes taken by servers"] >= 10


@pytest.mark.chaos
def test_clicks_wait_while_another_process_writes_to_sqlite_for_3_seconds(make_world: MakeWorld, tmp_path):
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
    wait_until(lambda: all(clicker.counts["answered"] for clicker in clickers), what="the first answers")
    stop.set()
    for thread in threads:
        thread.join(40)
    assert answered_meanwhile == 0
    assert {name for clicker in clickers for name in clicker.counts} == {"answered"}
    assert max(clicker.slowest for clicker in clickers) >= 2.5
    world.sync_by_hand()
    world.assert_agreement(*clickers)
    world.assert_calm_logs()


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_worker_that_was_frozen_beyond_its_lease_cannot_have_the_last_word(
    make_world: MakeWorld, database: str
):
    world = make_world(database)
    web = world.serve(embedded_worker=False)
    await_web(web)
    clicker, film = world.clicker(web), world.films[0]
    (kodi,) = world.servers
    kodi.set(delay=0.3)
    clicker.click(Click("save", film, 1000))
    frozen = world.watch()
    wait_until(lambda: kodi.state()["requests"] >= 2, what="the beginning of the first push")
    frozen.signal(signal.SIGSTOP)
    kodi.set(delay=0)
    clicker.click(Click("save", film, 2000))
    other = world.watch()
    positions = wait_until(
        lambda: [told[2] for told in kodi.state()["told"]],
        LEASE.total_seconds() + 15,
        what="the other worker",
    )
    assert positions == [2000]
    wait_until(lambda: world.owed() == 0, what="the other worker's note")
    frozen.signal(signal.SIGCONT)
    wait_until(lambda: len(kodi.state()["told"]) >= 3, what="the late push, and the one that mends it")
    wait_until(lambda: world.owed() == 0, what="the note of it")
    assert [told[2] for told in kodi.state()["told"]] == [2000, 1000, 2000]
    assert frozen.is_alive
    assert other.is_alive
    world.assert_agreement(clicker)
    world.assert_calm_logs()


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_clocks_that_are_set_an_hour_back_or_forth_delay_and_lose_nothing(
    make_world: MakeWorld, record_property, database: str
):
    """Forth, every lease has ended; back, none does, and what was to wait seconds waits an hour or for a person."""
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


@pytest.mark.chaos
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
        wait_until(lambda seen=seen: clicker.counts["answered"] > seen + 20, what="answers after the restart")
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


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_clicks_and_deliveries_of_the_same_films_never_lock_one_another_out(
    make_world: MakeWorld, record_property, database: str
):
    """I16. A click tells two servers of one film, a worker settles what came back from both: the same rows at once."""
    world = make_world(database, servers=2)
    world.set_concurrency(8)
    web = world.serve(embedded_worker=False)
    for _ in range(3):
        world.watch()
    await_web(web)
    clickers = [world.clicker(web, world.films[part:8:4], seed=part, pause=0.001) for part in range(4)]
    stop = Event()
    threads = [clicker.start(stop) for clicker in clickers]
    time.sleep(STORM_SECONDS)
    stop.set()
    for thread in threads:
        thread.join(40)
    clicks = sum((clicker.counts for clicker in clickers), Counter())
    cite({**clicks, "slowest (s)": max(clicker.slowest for clicker in clickers)}, record_property)
    assert set(clicks) == {"answered"}
    world.sync_by_hand()
    world.assert_agreement(*clickers)
    world.assert_calm_logs()


@pytest.mark.chaos
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
