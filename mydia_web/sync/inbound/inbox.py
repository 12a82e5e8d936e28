"""Applies what servers sent: in the order in which it came, each in a transaction of its own."""

import json
import logging
import time
from datetime import timedelta
from threading import Event as Signal

from sqlalchemy import select, update

from mydia_web.backends.events.reading import parse
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.errors import MydiaError
from mydia_web.queue.wakeup import INBOX, WakeUp
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import last_received, next_events, prune_events
from mydia_web.sources.models import SourceEvent
from mydia_web.sources.playing import silent_sessions
from mydia_web.sync.inbound import notifications
from mydia_web.sync.inbound.events import apply_event, take_silent
from mydia_web.sync.inbound.live import NoNews, UnknownTitle
from mydia_web.sync.inbound.merging import PushUnderWay
from mydia_web.sync.pulls import latest_pull, request_pull

log = logging.getLogger(__name__)

#: How often an event about an unknown title has its source pulled.
LOOKED_FOR_EVERY = timedelta(minutes=5)
#: How many are read at a time.
AT_A_TIME = 100
#: While more than a few wait and more come in, storing these goes first: on SQLite it needs moments
#: in which nobody writes. Each is followed by a pause of so many times as long as it took, of so
#: many seconds at most.
A_FEW, JUST_NOW, PAUSE, LONGEST_PAUSE = 10, timedelta(seconds=2), 4, 0.1
#: The watcher of the inbox, which is woken, looks by itself this often, in seconds.
LOOK_EVERY = 1.0


def watch_inbox(stop: Signal) -> None:
    """Apply whatever comes in until `stop` is set."""
    with WakeUp(INBOX) as wake_up:
        while not stop.is_set():
            apply_events(stop)
            _take_silent()
            db.session.remove()
            wake_up.wait(stop, LOOK_EVERY)


def apply_events(stop: Signal | None = None) -> int:
    """Apply all that was received; how many. What a push is under way to stays received until that
    is settled.
    """
    number = 0
    waiting: set[int] = set()
    while True:
        found = [
            (event.id, event.source_id) for event in next_events(AT_A_TIME, except_ids=waiting)
        ]
        pause = PAUSE if len(found) > A_FEW and last_received() > now() - JUST_NOW else 0
        db.session.rollback()
        for event_id, _ in found:
            if stop is not None and stop.is_set():
                return number
            began = time.monotonic()
            if not _apply(event_id):
                waiting.add(event_id)
            number += 1
            time.sleep(min(LONGEST_PAUSE, pause * (time.monotonic() - began)))
        if not found:
            return number
        _prune({source_id for _, source_id in found})


def _apply(event_id: int) -> bool:
    """Apply one event. One that cannot be applied holds up no other. False: it waits for the end of
    a push.
    """
    begin_write()
    try:
        stored = db.session.get(SourceEvent, event_id, with_for_update=True)
        if stored is not None and stored.status == "received":
            stored.status, stored.message = "applied", _applied(stored)
        db.session.commit()
    except PushUnderWay:
        db.session.rollback()
        return False
    except NoNews as reason:
        _give_up(event_id, "ignored", str(reason))
        if isinstance(reason, UnknownTitle):
            _have_it_looked_for(event_id)
    except MydiaError as error:
        _give_up(event_id, "failed", error.message)
    except Exception as error:
        log.exception("An event could not be applied.", extra={"event": event_id})
        _give_up(
            event_id,
            "failed",
            f"An error inside mydia-web ({type(error).__name__}). Its log tells more.",
        )
    return True


def _have_it_looked_for(event_id: int) -> None:
    """Ask for a pull, which brings what is new by its full name. Not again and again: it may be
    music.
    """
    source_id = db.session.scalar(select(SourceEvent.source_id).where(SourceEvent.id == event_id))
    last = latest_pull(source_id) if source_id is not None else None
    is_asked = last is None or now() - LOOKED_FOR_EVERY < last.requested_at <= now()
    db.session.rollback()
    if source_id is not None and not is_asked:
        begin_write()
        request_pull(source_id)
        db.session.commit()


def _take_silent() -> None:
    """Most of the time nothing plays, and nothing is written."""
    silent = silent_sessions()
    db.session.rollback()
    if silent:
        begin_write()
        take_silent()
        db.session.commit()


def _applied(stored: SourceEvent) -> str:
    source, received_at = get_source(stored.source_id), min(stored.received_at, now())
    if stored.kind != notifications.KIND:
        return apply_event(source, parse(stored.kind, json.loads(stored.body)), received_at)
    told = notifications.read(stored.body)
    return apply_event(
        source, told.event, told.event.heard_at or received_at, account_id=told.account_id
    )


def _give_up(event_id: int, status: str, words: str) -> None:
    db.session.rollback()
    begin_write()
    values = {"status": status, "message": words}
    db.session.execute(update(SourceEvent).where(SourceEvent.id == event_id).values(values))
    db.session.commit()


def _prune(source_ids: set[int]) -> None:
    begin_write()
    for source_id in source_ids:
        prune_events(source_id)
    db.session.commit()
