"""A library of 42,000 titles is read while its server sends its news, in processes."""

import http.client
import json
import time
from threading import Event, Thread

import pytest
from sqlalchemy import func, select

from mydia_web.db import db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.models import Source, SourceEvent, SourceItem
from tests.chaos.conftest import MakeWorld, World, address_of, await_web, cite
from tests.chaos.processes import wait_until
from tests.chaos.server import chaotic_server

pytestmark = [pytest.mark.chaos, pytest.mark.parametrize("database", ["sqlite", "postgresql"])]

TITLES = 42_000
#: Two senders, each so often, in seconds.
SENDERS, EVERY = 2, 0.1


def test_webhooks_are_answered_while_a_library_of_42_000_titles_is_read(
    make_world: MakeWorld, database: str, record_property
):
    """watchstate #873: "database is locked" on 42,000 titles."""
    world = make_world(database)
    with chaotic_server(TITLES, 100, 0) as big:
        world.servers[0] = big
        address = move_to(world, big.url)
        web = world.serve(embedded_worker=True)
        await_web(web)
        began = time.monotonic()
        pull, over = world.run("pull"), Event()
        senders = [Sender(world, web, address, number, over) for number in range(SENDERS)]
        for sender in senders:
            sender.start()
        assert pull.wait(900) == 0
        lasted = time.monotonic() - began
        over.set()
        for sender in senders:
            sender.join(30)
    times = sorted(one for sender in senders for one in sender.seconds)
    wait_until(lambda: waiting(world) == 0, 120, what="the news to be applied")
    p99 = times[len(times) * 99 // 100]
    told = {
        "database": database,
        "titles": TITLES,
        "webhooks": len(times),
        "pull in s": round(lasted, 1),
    }
    cite({**told, "p50 in ms": ms(times[len(times) // 2]), "p99 in ms": ms(p99)}, record_property)
    cite({"longest in ms": ms(times[-1])}, record_property)
    assert {status for sender in senders for status in sender.statuses} == {202}
    with world.database():
        assert set(db.session.scalars(select(SourceEvent.status))) == {"applied"}
        assert db.session.scalar(select(func.count()).select_from(SourceItem)) == TITLES + len(
            times
        )
        assert db.session.scalar(select(func.count()).select_from(PlaybackProgress)) == len(times)
    world.assert_calm_logs()


def move_to(world: World, url: str) -> str:
    """The one source is at that address now; its webhook."""
    with world.database():
        source = db.session.scalars(select(Source)).one()
        source.base_url = url
        make_webhook(source)
        db.session.commit()
        # The key is of this application's secret, which is that of the world's processes.
        return f"/webhooks/generic/{webhook_secret(source)}"


def waiting(world: World) -> int:
    with world.database():
        query = select(func.count()).where(SourceEvent.status == "received")
        return db.session.scalar(query) or 0


def ms(seconds: float) -> int:
    return round(seconds * 1000)


class Sender(Thread):
    """The server's news of films that it got a moment ago, each watched once."""

    def __init__(self, world: World, web, address: str, number: int, over: Event) -> None:
        super().__init__(daemon=True)
        self._where, self._address, self._number, self._over = (
            address_of(web),
            address,
            number,
            over,
        )
        self.seconds: list[float] = []
        self.statuses: list[int] = []

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self._where, timeout=60)
        film = TITLES + 1 + self._number
        while not self._over.wait(EVERY):
            said = {
                "event": "watched",
                "type": "movie",
                "id": f"movie:{film}",
                "title": f"Film {film}",
            }
            body = json.dumps({**said, "year": 2000})
            began = time.monotonic()
            connection.request("POST", self._address, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            self.seconds.append(time.monotonic() - began)
            self.statuses.append(answer.status)
            film += SENDERS
        connection.close()
