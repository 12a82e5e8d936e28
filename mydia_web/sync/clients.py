"""Clients signed in as accounts; they renew a sign-in that expires, whoever uses them."""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import update

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import ServerTrouble, SignInRefused
from mydia_web.backends.values import Connection, Credentials
from mydia_web.clock import lies_ahead, now
from mydia_web.config import AppContext, app_context
from mydia_web.db import begin_write, db
from mydia_web.sources.accounts import connection_of
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import open_backend

#: How long one client may take to renew a sign-in; after that the next one tries.
_LONGEST = timedelta(seconds=40)
#: How often the others look whether it is renewed, in seconds.
_LOOK_EVERY = 0.2


def open_account(source: Source, account: SourceAccount | None) -> Backend:
    """Open a client of the source. Raise `SignInRefused` for credentials that cannot be read."""
    return open_backend(source.kind, live_connection(source, account))


def live_connection(source: Source, account: SourceAccount | None) -> Connection:
    """Return a connection as `connection_of` does, which stores renewed credentials."""
    connection = connection_of(source, account)
    if account is None:
        return connection
    return replace(connection, renew=_Renewal(app_context(), account.id, connection.credentials))


@dataclass(slots=True)
class _Renewal:
    """Renews an account's credentials once for everybody: a refresh token is accepted only once.

    It runs in any thread and in transactions of its own; none is open while the service is asked.
    """

    context: AppContext
    account_id: int
    #: What the client signs in with now.
    current: Credentials

    def __call__(self, ask: Callable[[Credentials], Credentials]) -> Credentials:
        with self.context():
            self.current = self._newer() or self._renewed(ask)
            return self.current

    def _renewed(self, ask: Callable[[Credentials], Credentials]) -> Credentials:
        renewed = self.current
        try:
            renewed = ask(self.current)
        finally:
            begin_write()
            values = {"credentials": encrypt(renewed), "renewing_until": None}
            db.session.execute(
                update(SourceAccount).where(SourceAccount.id == self.account_id).values(values)
            )
            db.session.commit()
        return renewed

    def _newer(self) -> Credentials | None:
        """Wait for credentials that another client renews; return None where it is our turn."""
        until = time.monotonic() + _LONGEST.total_seconds()
        while time.monotonic() < until:
            begin_write()
            account = db.session.get(SourceAccount, self.account_id, with_for_update=True)
            if account is None:
                db.session.rollback()
                raise SignInRefused("The account was removed meanwhile.")
            stored = decrypt(account.credentials)
            is_newer = stored != self.current
            is_our_turn = not is_newer and not lies_ahead(account.renewing_until, _LONGEST)
            if is_our_turn:
                account.renewing_until = now() + _LONGEST
            db.session.commit()
            if is_newer:
                return stored
            if is_our_turn:
                return None
            time.sleep(_LOOK_EVERY)
        raise ServerTrouble("Renewing the sign-in takes long. It will be tried again.")
