"""A worker that is killed with -9 while it tells a server: what was claimed goes out again, and
twice at most.
"""

import signal
from pathlib import Path

import pytest
from flask import Flask

from mydia_web.db import db
from mydia_web.playback import mark_watched
from tests.backends.jellyfin.bench import JellyfinBench
from tests.chaos.processes import Command
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser import Reply, Request
from tests.sync.household import Household, heat, queue


class Deadly(FakeJellyfin):
    """Kills who asks, at the first request of that kind: after it was carried out, before it is
    answered.
    """

    deadly = ""
    victim: Command | None = None

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        if self.victim and request.method == self.deadly:
            self.victim.signal(signal.SIGKILL)
            self.victim.wait(10)
            self.victim = None
        return reply


class DeadlyBench(JellyfinBench):
    def __init__(self) -> None:
        super(JellyfinBench, self).__init__(Deadly())


def sync_queue(app: Flask, folder: Path) -> Command:
    """As from a shell."""
    settings, offset = app.config["SETTINGS"], folder / "offset"
    offset.write_text("0")
    environment = {"MYDIA_DATABASE_URL": settings.database_url, "MYDIA_DATA_DIR": settings.data_dir}
    environment["MYDIA_SECRET_KEY"] = settings.secret_key
    return Command("sync-queue", environment=environment, logs=folder, offset=offset, hasty=False)


@pytest.mark.parametrize("killed_at", ["GET", "POST"])
def test_a_worker_killed_before_or_after_the_write_delivers_all_the_same(
    household: Household, app: Flask, tmp_path: Path, alice, killed_at
):
    """watchstate and Reel: what was being sent when the process died stayed "running" for ever."""
    server = household.add("jellyfin", "There", DeadlyBench())
    target = server.has_heat()
    server.pull()
    mark_watched(alice.id, heat())
    db.session.commit()
    server.fake.deadly = killed_at
    victim = server.fake.victim = sync_queue(app, tmp_path)
    assert victim.wait(30) == -signal.SIGKILL
    [row] = queue()
    assert (row.status, row.attempt_count) == ("syncing", 1)
    assert server.bench.held(target).watched is (killed_at == "POST")
    household.drain()
    assert queue()[0].status == "syncing", "its claim still holds"
    household.later(minutes=2)
    household.drain()
    held = server.bench.held(target)
    assert (held.watched, held.play_count, len(server.bench.writes())) == (True, 1, 1)
    assert [one.status for one in queue()] == ["synced"]
