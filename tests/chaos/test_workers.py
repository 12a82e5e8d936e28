"""Several workers of one queue, as processes: what each may have to itself, and what they leave
when they end.
"""

import multiprocessing
import signal
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from mydia_web import create_app
from mydia_web.clock import now
from mydia_web.config import Settings
from mydia_web.db import begin_write, db
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from tests.chaos.clicking import Click, Clicker
from tests.chaos.conftest import FILMS, MakeWorld, World, await_web
from tests.chaos.processes import fork, wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.parametrize("database", ["sqlite", "postgresql"])]

CLAIMERS, ROWS, BATCH = 4, 20_000, 50
WATCHERS, PROBES = 4, 6
#: In seconds: a server that hangs is given up after 15.
GRACE = 20


# I5


def test_claimers_in_four_processes_never_get_the_same_of_20_000_rows(
    make_world: MakeWorld, tmp_path: Path, database: str
):
    world = make_world(database)
    owe_plays(world, ROWS)
    url = world.environment["MYDIA_DATABASE_URL"]
    ours: list[Connection] = []
    for _ in range(CLAIMERS):
        mine, its = multiprocessing.Pipe(duplex=False)
        fork(claim_all, url, str(tmp_path / "data"), its)
        its.close()
        ours.append(mine)
    shares = [one.recv() for one in ours]
    print("shares:", [len(share) for share in shares])
    assert sum(map(bool, shares)) > 1, "no two of them were rivals"
    assert Counter(Counter(row_id for share in shares for row_id in share).values()) == {1: ROWS}


def owe_plays(world: World, number: int) -> None:
    """So many rows of one film, as plays that do not fold."""
    common = {
        "user_id": 1,
        "media_item_id": world.films[0],
        "source_id": 1,
        "change_type": "mark_watched",
    }
    common |= {"intent_at": now(), "origin": "web", "next_attempt_at": now()}
    with world.database():
        db.session.execute(
            insert(QueuedChange), [common | {"play_key": str(one)} for one in range(number)]
        )
        db.session.commit()


def claim_all(url: str, data_dir: str, report: Connection) -> None:
    app = create_app(
        {"SETTINGS": Settings(data_dir=data_dir, database_url=url, secret_key="of tests")}
    )
    claimed: list[int] = []
    with app.app_context():
        while some := claim():
            claimed += some
    report.send(claimed)


def claim() -> list[int]:
    begin_write()
    found = [row.id for row in PlaybackSyncRepository().mark_syncing(1, limit=BATCH)]
    db.session.commit()
    return found


# I11


def test_a_server_that_is_down_is_probed_by_one_of_four_workers_with_one_row(
    make_world: MakeWorld, database: str
):
    world = make_world(database)
    world.set_concurrency(8)
    (kodi,) = world.servers
    kodi.set(faults={"500": 1})
    clicker = owe_every_film(world)
    workers = [world.watch() for _ in range(WATCHERS)]
    wait_until(lambda: is_down(world), what="the server to be taken for down")
    tried = tries(world)
    kodi.set(hesitation=0.3, most_at_once=0)
    asked = failures(kodi)
    wait_until(lambda: failures(kodi) >= asked + PROBES, 40, what=f"{PROBES} probes")
    for worker in workers:
        worker.signal(signal.SIGTERM)
    assert [worker.wait() for worker in workers] == [0] * WATCHERS
    state = kodi.state()
    assert state["most_at_once"] == 1
    assert tries(world) - tried == state["faults"]["500"] - asked, (
        "an attempt is counted for each probe alone"
    )
    kodi.set(hesitation=0)
    kodi.calm()
    world.sync_by_hand()
    world.assert_agreement(clicker)
    world.assert_calm_logs()


def is_down(world: World) -> bool:
    """And nothing from before is still under way."""
    with world.database():
        claimed = db.session.scalar(select(QueuedChange.id).where(QueuedChange.status == "syncing"))
        return claimed is None and db.session.get_one(Source, 1).pause_reason == "down"


def tries(world: World) -> int:
    return sum(row.attempt_count for row in world.rows())


def failures(kodi: Any) -> int:
    return int(kodi.state()["faults"].get("500", 0))


# I14

COMMANDS = {"watch": ["sync-queue", "--watch"], "once": ["sync-queue"], "web": ["serve"]}
#: What `once` says by it: something remains for later.
EXIT_CODES = {"watch": 0, "once": 4, "web": 0}
CONNECTIONS = 4


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("hangs", [False, True], ids=["", "hangs"])
def test_a_worker_that_is_told_to_end_finishes_what_it_began_and_gives_back_the_rest(
    make_world: MakeWorld, database: str, command: str, hangs: bool
):
    world = make_world(database)
    world.set_concurrency(CONNECTIONS)
    clicker = owe_every_film(world)
    (kodi,) = world.servers
    kodi.set(delay=100 if hangs else 0.4)
    worker = world.run(*COMMANDS[command], hasty=False, embedded_worker="true")
    # What hangs is the reading of all, before the first is written.
    at_once = 1 if hangs else CONNECTIONS
    wait_until(lambda: kodi.state()["most_at_once"] == at_once, what="the first pushes")
    worker.signal(signal.SIGTERM)
    assert worker.wait(GRACE) == EXIT_CODES[command]
    left = Counter((row.status, row.attempt_count) for row in world.rows())
    begun = ("failed", 1) if hangs else ("synced", 0)
    assert left.keys() == {begun, ("pending", 0)}
    assert at_once <= left[begun] < FILMS
    kodi.calm()
    world.sync_by_hand()
    world.assert_agreement(clicker)
    world.assert_calm_logs()


def owe_every_film(world: World) -> Clicker:
    web = world.serve(embedded_worker=False)
    await_web(web)
    clicker = world.clicker(web)
    for film in world.films:
        assert clicker.click(Click("save", film, 1000 + film)) == 200
    web.kill()
    return clicker
