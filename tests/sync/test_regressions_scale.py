"""A whole library is read while the server sends its news. tests/chaos/test_scale.py does it with
42,000 titles.
"""

import threading

from sqlalchemy import func, select

from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.playback.models import PlaybackProgress
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import webhook_secret
from mydia_web.sources.models import SourceEvent, SourceItem
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.pulls import request_pull
from tests.sync.household import Household

FILMS, EVENTS = 300, 60


def test_a_sweep_and_webhooks_at_once_lock_nobody_out_and_lose_nothing(
    household: Household, client, alice
):
    """watchstate #873: "database is locked" on 42,000 titles."""
    server = household.add("kodi", "Den")
    for number in range(FILMS):
        server.bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
    address = f"/webhooks/generic/{webhook_secret(get_source(server.source_id))}"
    db.session.commit()
    begin_write()
    pull_id = request_pull(server.source_id, is_sweep=True).id
    db.session.commit()
    reading = threading.Thread(target=in_context(app_context(), run_pull, pull_id))
    applying = threading.Thread(target=in_context(app_context(), apply_until, EVENTS))
    for thread in (reading, applying):
        thread.start()
    for number in range(EVENTS):
        server.fake.movies[number + 1].played.playcount = 1
        said = {
            "event": "watched",
            "type": "movie",
            "id": f"movie:{number + 1}",
            "title": f"Film {number}",
        }
        said["ids"] = {"imdb": f"tt{number + 1:07}"}
        assert client.post(address, json=said).status_code == 202
    for thread in (reading, applying):
        thread.join(60)
        assert not thread.is_alive()
    db.session.rollback()
    # What a page has shown before its message was taken in is no news any more.
    assert set(db.session.scalars(select(SourceEvent.status))) <= {"applied", "ignored"}
    assert count(PlaybackProgress) == EVENTS
    assert count(SourceItem) == FILMS


def in_context(context, work, *arguments):
    def working() -> None:
        with context():
            work(*arguments)
            db.session.remove()

    return working


def apply_until(number: int) -> None:
    applied = 0
    while applied < number:
        applied += apply_events()
        db.session.remove()


def count(table) -> int:
    return db.session.scalar(select(func.count()).select_from(table)) or 0
