"""Building the sample household in an empty database."""

from datetime import UTC, timedelta

from mydia_web.clock import now
from mydia_web.db import begin_write
from mydia_web.demo.artwork import add_artwork
from mydia_web.demo.household import add_people, last_evening, live
from mydia_web.demo.library import add_library
from mydia_web.demo.outbox import settle_queue
from mydia_web.demo.servers import add_servers


def build() -> None:
    """Needs an application context; the caller commits."""
    begin_write()
    at = now()
    down_since = (last_evening(at) - timedelta(hours=7)).astimezone(UTC)
    alex, sam = add_people()
    library = add_library(at.date())
    servers = add_servers(library, alex, sam, at, down_since)
    live(alex, sam, library, servers, at)
    settle_queue(alex, sam, library, servers, at, down_since)
    add_artwork(library, servers.living_room.id)
