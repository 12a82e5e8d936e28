"""Listening to servers that send events on an open connection, a thread for each account."""

import logging
import time
from collections.abc import Collection, Iterator
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
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import backend_class, kinds_that_listen
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.inbox import store_notification

log = logging.getLogger(__name__)

#: How often the targets are looked up, in seconds.
LOOK_EVERY = 30.0
MOST_THREADS = 50
#: Where webhooks come in, nobody needs to listen. After this long without one they count as broken.
SILENT_AFTER = timedelta(days=1)
#: The pause before a server that is gone is tried again, in seconds: doubled each time.
FIRST_PAUSE = 1.0
LONGEST_PAUSE = 120.0
#: A refused sign-in does not mend itself, and some servers lock out who tries often.
REFUSED_PAUSE = 3600.0
#: A connection that held for this long was a good one.
GOOD_SECONDS = 60.0
#: The shortest time between two log lines about a server that comes and goes.
LOG_EVERY = 600.0
#: How long all threads together may take to end; the others end with the process.
_END_SECONDS = 3.0

#: Whether this process is connected, by source and account id; absent where it does not try.
_CONNECTED: dict[tuple[int, int], bool] = {}


def is_listened_to(source_id: int) -> bool | None:
    """Return whether any account of the source is connected; None: nobody tries."""
    states = [state for (known_id, _), state in list(_CONNECTED.items()) if known_id == source_id]
    return any(states) if states else None


def note_connected(source_id: int, account_id: int, *, is_connected: bool) -> None:
    """Note that an account is listened to, or is to be as soon as its server can be reached."""
    _CONNECTED[source_id, account_id] = is_connected


def forget_connected(source_id: int, account_id: int) -> None:
    _CONNECTED.pop((source_id, account_id), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenTarget:
    """An account to listen to; a different one once anything about its connection changes."""

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
    listeners: dict[ListenTarget, Listener] = {}
    context = app_context()
    try:
        while not stop.is_set():
            targets = listen_targets()
            db.session.remove()
            _end([listeners.pop(target) for target in listeners.keys() - targets])
            for target in targets:
                if target not in listeners:
                    listeners[target] = Listener(target, context)
            stop.wait(LOOK_EVERY)
    finally:
        _end(listeners.values())


def listen_targets() -> list[ListenTarget]:
    """Return the accounts to listen to now."""
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
        ListenTarget(
            account_id=account.id,
            source_id=source.id,
            name=source.name,
            base_url=source.base_url,
            tls=source.tls,
            remote_user_id=account.remote_user_id,
            credentials=account.credentials,
        )
        for account, source in rows
    ]


class Listener:
    """A connection that is made again whenever it breaks, until `end`."""

    def __init__(self, target: ListenTarget, context: AppContext) -> None:
        self._target = target
        self._context = context
        self._stop = Signal()
        self._failures = 0
        self._is_connected = False
        #: Whether it was connected by the last log line; None: nothing was logged yet.
        self._was_logged_as_connected: bool | None = None
        self._logged_at: float | None = None
        self._note(is_connected=False)
        self._thread = Thread(target=self._run, name=f"listen to {target.name}", daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._stop.set()

    def join(self, seconds: float) -> None:
        self._thread.join(seconds)
        forget_connected(self._target.source_id, self._target.account_id)

    def _run(self) -> None:
        while not self._stop.is_set():
            began_at = time.monotonic()
            try:
                self._listen()
            except SignInRefused as error:
                self._note_gone(began_at, error.message, is_refused=True)
                self._stop.wait(REFUSED_PAUSE)
            except BackendError as error:
                self._note_gone(began_at, error.message)
                self._stop.wait(self._pause())
            except Exception:  # a full disk or a restarted database must not end listening for good
                log.exception(
                    "listening to %s was stopped by an error", self._target.name, extra=self._extra
                )
                self._note_gone(began_at, "An error inside mydia-web.")
                self._stop.wait(self._pause())

    def _listen(self) -> None:
        with self._open() as backend, closing(backend.listen()) as events:
            for event in events:
                if self._stop.is_set():
                    return
                self._note_there()
                if event is not None:
                    self._store(event)

    @contextmanager
    def _open(self) -> Iterator[Backend]:
        with self._context():
            account = db.session.get(SourceAccount, self._target.account_id)
            source = db.session.get(Source, self._target.source_id)
            if account is None or source is None:
                raise SignInRefused("The account was removed.")
            backend = open_account(source, account)
        with closing(backend):
            yield backend

    def _store(self, event: Event) -> None:
        target = self._target
        with self._context():
            begin_write()
            if db.session.get(SourceAccount, target.account_id) is not None:
                store_notification(target.source_id, target.account_id, event)
            db.session.commit()

    def _note_there(self) -> None:
        if not self._is_connected:
            self._note_established()
        self._note(is_connected=True)
        if not self._was_logged_as_connected:
            self._log(True, "%s tells its news by itself.", self._target.name)

    def _note_established(self) -> None:
        """Note that the server is up, and accepted the sign-in if its connection asks for one."""
        with self._context():
            begin_write()
            source = db.session.get(Source, self._target.source_id)
            if source is not None and backend_class(source.kind).traits.signs_in_to_listen:
                note_accepted(self._target.account_id)
            note_alive(self._target.source_id)
            db.session.commit()

    def _note(self, *, is_connected: bool) -> None:
        """Note the status for the source's page, which must not show a listener that was ended."""
        self._is_connected = is_connected
        if not self._stop.is_set():
            note_connected(
                self._target.source_id, self._target.account_id, is_connected=is_connected
            )

    def _note_gone(self, began_at: float, reason: str, *, is_refused: bool = False) -> None:
        """Note a lost connection; do not log short breaks, nor repeatedly one that never holds."""
        self._note(is_connected=False)
        lasted = time.monotonic() - began_at
        self._failures = 1 if lasted >= GOOD_SECONDS else self._failures + 1
        is_short_break = self._failures == 1 and not is_refused
        never_holds = self._failures > 2 and self._was_logged_lately()
        is_logged = self._was_logged_as_connected is False
        if is_logged or is_short_break or never_holds:
            return
        self._log(
            False,
            "%s cannot be listened to: %s Its news come with the pulls.",
            self._target.name,
            reason,
        )

    def _was_logged_lately(self) -> bool:
        return self._logged_at is not None and time.monotonic() - self._logged_at < LOG_EVERY

    def _log(self, is_connected: bool, *words: str) -> None:
        self._was_logged_as_connected = is_connected
        self._logged_at = time.monotonic()
        log.info(*words, extra=self._extra)

    def _pause(self) -> float:
        """Return a varied pause, in seconds: many connections may have been lost together."""
        doublings = min(self._failures - 1, 20)
        longest = min(LONGEST_PAUSE, FIRST_PAUSE * 2**doublings)
        return float(longest * uniform(0.5, 1))  # noqa: S311 - nothing here is secret

    @property
    def _extra(self) -> dict[str, object]:
        return {"source": self._target.source_id}


def _end(listeners: Collection[Listener]) -> None:
    until = time.monotonic() + _END_SECONDS
    for listener in listeners:
        listener.end()
    for listener in listeners:
        listener.join(max(0.0, until - time.monotonic()))
