"""Listens to servers that tell their news on an open connection: one connection for each account,
in its own thread.
"""

import logging
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from random import uniform
from threading import Event as Signal
from threading import Thread

from sqlalchemy import or_, select

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.values import Event
from mydia_web.clock import now
from mydia_web.config import AppContext, app_context
from mydia_web.db import begin_write, db
from mydia_web.queue.outages import note_alive
from mydia_web.queue.sign_ins import note_accepted
from mydia_web.queue.wakeup import INBOX, notify
from mydia_web.sources.inbox import store_event
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import backend_class, kinds_that_listen
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound import listener_status, notifications
from mydia_web.sync.inbound.notifications import Notification

log = logging.getLogger(__name__)

#: How often sources and accounts are looked at, in seconds.
LOOK_EVERY = 30.0
MOST_THREADS = 50
#: Where webhooks come in nobody needs to listen; after so long without one they count as broken.
SILENT_AFTER = timedelta(days=1)
#: Seconds before a server that is gone is tried again: twice as long each time, up to the longest
#: pause.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 120.0
#: A refused sign-in gets no better by itself, and some servers lock out who tries often.
REFUSED_PAUSE = 3600.0
#: A connection that held so long was a good one.
GOOD_SECONDS = 60.0
#: The least time between two lines about a server that comes and goes.
SAID_EVERY = 600.0
#: How long all threads together have to end; one that waits for a server ends with the process.
_END_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Listened:
    """An account to listen to. Another one than before where anything of its connection has
    changed.
    """

    account_id: int
    source_id: int
    name: str
    base_url: str
    tls: str
    remote_user_id: str
    #: Encrypted.
    credentials: str


def watch_servers(stop: Signal) -> None:
    """Listen to all accounts that can be listened to, until `stop` is set."""
    lines: dict[Listened, Line] = {}
    context = app_context()
    try:
        while not stop.is_set():
            wanted = listened()
            db.session.remove()
            _end([lines.pop(one) for one in lines.keys() - wanted])
            lines |= {one: Line(one, context) for one in wanted if one not in lines}
            stop.wait(LOOK_EVERY)
    finally:
        _end(list(lines.values()))


def listened() -> list[Listened]:
    """The accounts to listen to now."""
    is_silent = or_(Source.last_event_at.is_(None), Source.last_event_at < now() - SILENT_AFTER)
    rows = db.session.execute(
        select(SourceAccount, Source)
        .join(Source, Source.id == SourceAccount.source_id)
        .where(
            Source.enabled,
            Source.kind.in_(kinds_that_listen()),
            SourceAccount.refused_at.is_(None),
            or_(Source.webhook_key == "", is_silent),
        )
        .order_by(SourceAccount.id)
        .limit(MOST_THREADS)
    )
    return [
        Listened(
            account.id,
            source.id,
            source.name,
            source.base_url,
            source.tls,
            account.remote_user_id,
            account.credentials,
        )
        for account, source in rows
    ]


class Line:
    """A connection that is made again whenever it breaks, until `end`."""

    def __init__(self, to: Listened, context: AppContext) -> None:
        self._to, self._context = to, context
        self._stop = Signal()
        self._failures = 0
        self._is_there = False
        #: Whether it was last said to be there; None: nothing was said yet.
        self._is_said_there: bool | None = None
        self._said_at: float | None = None
        self._note(is_there=False)
        self._thread = Thread(target=self._run, name=f"listen to {to.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        listener_status.forget(self._to.source_id, self._to.account_id)

    def _run(self) -> None:
        while not self._stop.is_set():
            began_at = time.monotonic()
            try:
                self._listen()
            except BackendError as error:
                is_refused = isinstance(error, SignInRefused)
                self._note_gone(began_at, error.message, is_refused=is_refused)
                self._stop.wait(REFUSED_PAUSE if is_refused else self._pause())
            except Exception:  # a full disk or a restarted database must not end listening for good
                log.exception(
                    "listening to %s was stopped by an error", self._to.name, extra=self._extra
                )
                self._note_gone(began_at, "An error inside mydia-web.")
                self._stop.wait(self._pause())

    def _listen(self) -> None:
        with self._open() as backend, closing(backend.listen()) as news:
            for event in news:
                if self._stop.is_set():
                    return
                self._note_there()
                if event is not None:
                    self._store(event)

    @contextmanager
    def _open(self) -> Iterator[Backend]:
        with self._context():
            account = db.session.get(SourceAccount, self._to.account_id)
            source = db.session.get(Source, self._to.source_id)
            if account is None or source is None:
                raise SignInRefused("The account was removed.")
            backend = open_account(source, account)
        with closing(backend):
            yield backend

    def _store(self, event: Event) -> None:
        body = notifications.write(Notification(self._to.account_id, event))
        with self._context():
            begin_write()
            if db.session.get(SourceAccount, self._to.account_id) is not None:
                store_event(self._to.source_id, notifications.KIND, body, name=event.name)
                notify(INBOX)
            db.session.commit()

    def _note_established(self) -> None:
        """The server is there, and took the sign-in where its connection asks for one."""
        with self._context():
            begin_write()
            source = db.session.get(Source, self._to.source_id)
            if source is not None and backend_class(source.kind).traits.signs_in_to_listen:
                note_accepted(self._to.account_id)
            note_alive(self._to.source_id)
            db.session.commit()

    def _note(self, *, is_there: bool) -> None:
        """For the source's page, which must not tell of a line that was ended."""
        self._is_there = is_there
        if not self._stop.is_set():
            listener_status.note(self._to.source_id, self._to.account_id, is_there=is_there)

    def _note_there(self) -> None:
        if not self._is_there:
            self._note_established()
        self._note(is_there=True)
        if not self._is_said_there:
            self._say(True, "%s tells its news by itself.", self._to.name)

    def _note_gone(self, began_at: float, why: str, *, is_refused: bool = False) -> None:
        """Not said of a short break, nor again and again of a connection that never holds."""
        self._note(is_there=False)
        lasted = time.monotonic() - began_at
        self._failures = 1 if lasted >= GOOD_SECONDS else self._failures + 1
        is_break = self._failures == 1 and not is_refused
        is_said_lately = self._said_at is not None and time.monotonic() - self._said_at < SAID_EVERY
        if self._is_said_there is False or is_break or (self._failures > 2 and is_said_lately):
            return
        self._say(
            False, "%s cannot be listened to: %s Its news come with the pulls.", self._to.name, why
        )

    def _say(self, is_there: bool, *words: str) -> None:
        self._is_said_there, self._said_at = is_there, time.monotonic()
        log.info(*words, extra=self._extra)

    def _pause(self) -> float:
        """Not of the same length for all, for they may have been lost together."""
        return float(
            uniform(0.5, 1) * min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures - 1, 20))
        )

    @property
    def _extra(self) -> dict[str, object]:
        return {"source": self._to.source_id}


def _end(lines: list[Line]) -> None:
    until = time.monotonic() + _END_SECONDS
    for line in lines:
        line.end()
    for line in lines:
        line.join(max(0.0, until - time.monotonic()))
