"""Applying the stored events in the order they came in, each in a transaction of its own."""

import json
import logging
import time
from collections.abc import Collection
from datetime import timedelta
from threading import Event as Signal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from sqlalchemy import select, update

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events.reading import parse
from mydia_web.backends.values import Event
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.errors import MydiaError
from mydia_web.queue.wakeup import INBOX, WakeUp, notify
from mydia_web.sources.accounts import get_source
from mydia_web.sources.inbox import last_received, next_events, prune_events, store_event
from mydia_web.sources.models import SourceEvent
from mydia_web.sources.playing import silent_sessions
from mydia_web.sync.inbound.events import apply_event, take_silent
from mydia_web.sync.inbound.live import NothingToDo, UnknownTitle
from mydia_web.sync.inbound.merging import PushUnderWay
from mydia_web.sync.pulls import latest_pull, request_pull

log = logging.getLogger(__name__)

#: The kind of events heard on an open connection; no webhook address takes it.
NOTIFICATION = "notification"
#: How often events about unknown titles have their source pulled.
LOOKED_FOR_EVERY = timedelta(minutes=5)
#: How many events are read at a time.
AT_A_TIME = 100
#: How often the watcher of the inbox looks without being woken, in seconds.
LOOK_EVERY = 1.0

#: More waiting events than this, while others come in, are applied with pauses: storing goes first,
#: and on SQLite it needs moments in which nobody writes.
A_FEW = 10
JUST_NOW = timedelta(seconds=2)
#: Such a pause is this many times as long as the event took, up to `LONGEST_PAUSE` seconds.
PAUSE = 4
LONGEST_PAUSE = 0.1


@dataclass(frozen=True)
class _Notification:
    """An event, and the account on whose connection it was heard, whoever else it names."""

    account_id: int
    event: Event


_NOTIFICATIONS = TypeAdapter(_Notification)


def store_notification(source_id: int, account_id: int, event: Event) -> None:
    """Store an event that was heard on the account's open connection."""
    body = _NOTIFICATIONS.dump_json(_Notification(account_id, event)).decode()
    store_event(source_id, NOTIFICATION, body, name=event.name)
    notify(INBOX)


def watch_inbox(stop: Signal) -> None:
    """Apply whatever comes in until `stop` is set."""
    with WakeUp(INBOX) as wake_up:
        while not stop.is_set():
            apply_events(stop)
            _take_silent()
            db.session.remove()
            wake_up.wait(stop, LOOK_EVERY)


def apply_events(stop: Signal | None = None) -> int:
    """Apply everything received; return how many events that were.

    An event about a title with a push under way stays received until the push is settled.
    """
    number = 0
    waiting: set[int] = set()
    while True:
        events = [
            (event.id, event.source_id) for event in next_events(AT_A_TIME, except_ids=waiting)
        ]
        pause = _pause_factor(len(events))
        db.session.rollback()
        if not events:
            return number
        for event_id, _ in events:
            if stop is not None and stop.is_set():
                return number
            began_at = time.monotonic()
            if not _apply(event_id):
                waiting.add(event_id)
            number += 1
            took = time.monotonic() - began_at
            time.sleep(min(LONGEST_PAUSE, pause * took))
        _prune({source_id for _, source_id in events})


def _pause_factor(waiting: int) -> int:
    is_flood = waiting > A_FEW and last_received() > now() - JUST_NOW
    return PAUSE if is_flood else 0


def _apply(event_id: int) -> bool:
    """Apply one event, without letting a failure hold up others.

    Return False where it has to wait for the end of a push.
    """
    begin_write()
    try:
        stored = db.session.get(SourceEvent, event_id, with_for_update=True)
        if stored is not None and stored.status == "received":
            stored.message = _apply_stored(stored)
            stored.status = "applied"
        db.session.commit()
    except PushUnderWay:
        db.session.rollback()
        return False
    except NothingToDo as reason:
        _give_up(event_id, "ignored", str(reason))
        if isinstance(reason, UnknownTitle):
            _request_pull(event_id)
    except MydiaError as error:
        _give_up(event_id, "failed", error.message)
    except Exception as error:
        log.exception("An event could not be applied.", extra={"event": event_id})
        kind = type(error).__name__
        _give_up(event_id, "failed", f"An error inside mydia-web ({kind}). Its log tells more.")
    return True


def _apply_stored(stored: SourceEvent) -> str:
    source = get_source(stored.source_id)
    received_at = min(stored.received_at, now())
    if stored.kind != NOTIFICATION:
        event = parse(stored.kind, json.loads(stored.body))
        return apply_event(source, event, received_at)
    notification = _read_notification(stored.body)
    event = notification.event
    heard_at = event.heard_at or received_at
    return apply_event(source, event, heard_at, account_id=notification.account_id)


def _read_notification(body: str) -> _Notification:
    """Raise `BadPayload`."""
    try:
        return _NOTIFICATIONS.validate_json(body)
    except ValidationError as error:
        raise BadPayload(
            "This was written by another version of mydia-web. The next pull brings it."
        ) from error


def _give_up(event_id: int, status: str, message: str) -> None:
    db.session.rollback()
    begin_write()
    values = {"status": status, "message": message}
    db.session.execute(update(SourceEvent).where(SourceEvent.id == event_id).values(values))
    db.session.commit()


def _request_pull(event_id: int) -> None:
    """Ask for a pull, which brings new titles with their full names.

    Not again and again: the event may be about music.
    """
    source_id = db.session.scalar(select(SourceEvent.source_id).where(SourceEvent.id == event_id))
    last = latest_pull(source_id) if source_id is not None else None
    is_requested = last is None or now() - LOOKED_FOR_EVERY < last.requested_at <= now()
    db.session.rollback()
    if source_id is not None and not is_requested:
        begin_write()
        request_pull(source_id)
        db.session.commit()


def _take_silent() -> None:
    """Take over players that went silent. Usually there are none, and nothing is written."""
    silent = silent_sessions()
    db.session.rollback()
    if silent:
        begin_write()
        take_silent()
        db.session.commit()


def _prune(source_ids: Collection[int]) -> None:
    begin_write()
    for source_id in source_ids:
        prune_events(source_id)
    db.session.commit()
