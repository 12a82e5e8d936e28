"""Whatever is killed: what was answered stays, and every server gets to show it.

`MYDIA_CHAOS_SECONDS` (8 by default) lengthens a storm, and `MYDIA_CHAOS_KILLS` until there were so
many; `MYDIA_CHAOS_SEED` makes it another one.
"""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from threading import Event, Thread

import pytest

from tests.chaos.clicking import Click
from tests.chaos.conftest import MakeWorld, World, await_web, cite
from tests.chaos.processes import LEASE, Command, wait_until
from tests.chaos.server import FAULTS

STORM_SECONDS = float(os.environ.get("MYDIA_CHAOS_SECONDS", "8"))
KILLS = int(os.environ.get("MYDIA_CHAOS_KILLS", "5"))
#: How many more seconds a slow machine may need for so many kills and answers.
PATIENCE = 300
SEED = int(os.environ.get("MYDIA_CHAOS_SEED", "11"))


class Killer:
    """Kills one of the commands and starts it again, each time after up to 20 answers, or 2 s
    without so many.
    """

    def __init__(self, commands: list[Command], answered: Callable[[], int], seed: int) -> None:
        self._commands, self._answered, self._random = commands, answered, random.Random(seed)
        self._stop = Event()
        self.kills = 0
        self._thread = Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Killer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over():
            command = self._random.choice(self._commands)
            command.kill()
            self.kills += 1
            command.start()

    def _is_over(self) -> bool:
        enough, until = self._answered() + self._random.randint(0, 20), time.monotonic() + 2
        while self._answered() < enough and time.monotonic() < until:
            self._stop.wait(0.01)
        return self._stop.wait(self._random.uniform(0, 0.3))


def storm(
    world: World,
    *,
    seconds: float,
    kills: int,
    answers: int,
    watchers: int,
    embedded_worker: bool,
    seed: int = 1,
) -> dict[str, object]:
    """Click and kill for so long and at least so often, then let it calm down; the numbers."""
    world.set_concurrency(8)
    for server in world.servers:
        server.set(faults=FAULTS)
    web = world.serve(embedded_worker=embedded_worker)
    commands = [web, *(world.watch() for _ in range(watchers))]
    await_web(web)
    clickers = [world.clicker(web, world.films[part::2], seed=seed + part) for part in (0, 1)]

    def answered() -> int:
        return sum(clicker.counts["answered"] for clicker in clickers)

    stop = Event()
    threads = [clicker.start(stop) for clicker in clickers]
    with Killer(commands, answered, seed) as killer:
        time.sleep(seconds)
        wait_until(
            lambda: killer.kills >= kills and answered() >= answers, PATIENCE, what="enough of both"
        )
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


def test_nothing_answered_is_lost_when_processes_die(make_world: MakeWorld, record_property):
    world = make_world()
    cite(
        storm(world, seconds=1, kills=3, answers=20, watchers=1, embedded_worker=True),
        record_property,
    )


@pytest.mark.chaos
@pytest.mark.parametrize("embedded_worker", [True, False], ids=["embedded", "separate"])
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_answered_is_lost_in_a_storm_of_kills_and_faults(
    make_world: MakeWorld, record_property, database: str, embedded_worker: bool
):
    world = make_world(database, servers=2)
    watchers = 1 if embedded_worker else 3
    numbers = storm(
        world,
        seconds=STORM_SECONDS,
        kills=KILLS,
        answers=100,
        watchers=watchers,
        embedded_worker=embedded_worker,
        seed=SEED,
    )
    cite(numbers, record_property)
    assert numbers["pushes taken by servers"] >= 10


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
    wait_until(
        lambda: len(kodi.state()["told"]) >= 3, what="the late push, and the one that mends it"
    )
    wait_until(lambda: world.owed() == 0, what="the note of it")
    assert [told[2] for told in kodi.state()["told"]] == [2000, 1000, 2000]
    assert frozen.is_alive
    assert other.is_alive
    world.assert_agreement(clicker)
    world.assert_calm_logs()


@pytest.mark.chaos
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_clicks_and_deliveries_of_the_same_films_never_lock_one_another_out(
    make_world: MakeWorld, record_property, database: str
):
    """I16. A click tells two servers of one film, a worker settles what came back from both: the
    same rows at once.
    """
    world = make_world(database, servers=2)
    world.set_concurrency(8)
    web = world.serve(embedded_worker=False)
    for _ in range(3):
        world.watch()
    await_web(web)
    clickers = [
        world.clicker(web, world.films[part:8:4], seed=part, pause=0.001) for part in range(4)
    ]
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
