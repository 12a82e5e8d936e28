"""Clients of accounts: signed in, and able to renew a sign-in that runs out, whichever worker or
page uses them.
"""

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

#: As long one may take to renew; after that the next one tries.
_LONGEST = timedelta(seconds=40)
_LOOK_EVERY = 0.2


def open_account(source: Source, account: SourceAccount | None) -> Backend:
    """A client of the source for that account. Raises `SignInRefused` for credentials that cannot
    be read.
    """
    return open_backend(source.kind, live_connection(source, account))


def live_connection(source: Source, account: SourceAccount | None) -> Connection:
    """As `connection_of`, and what is renewed is kept."""
    connection = connection_of(source, account)
    if account is None:
        return connection
    return replace(connection, renew=_Renewal(app_context(), account.id, connection.credentials))


@dataclass(slots=True)
class _Renewal:
    """Renews an account's credentials once for all who use them: a service takes a refresh token
    only once.

    Runs in any thread and in transactions of its own; none is open while the service is asked.
    """

    context: AppContext
    account_id: int
    #: What the client signs in with.
    had: Credentials

    def __call__(self, ask: Callable[[Credentials], Credentials]) -> Credentials:
        with self.context():
            self.had = self._newer() or self._renewed(ask)
            return self.had

    def _renewed(self, ask: Callable[[Credentials], Credentials]) -> Credentials:
        renewed = self.had
        try:
            renewed = ask(self.had)
        finally:
            begin_write()
            kept = {"credentials": encrypt(renewed), "renewing_until": None}
            db.session.execute(
                update(SourceAccount).where(SourceAccount.id == self.account_id).values(kept)
            )
            db.session.commit()
        return renewed

    def _newer(self) -> Credentials | None:
        """What somebody else has got meanwhile. None: nobody, and it is our turn now."""
        until = time.monotonic() + _LONGEST.total_seconds()
        while time.monotonic() < until:
            begin_write()
            account = db.session.get(SourceAccount, self.account_id, with_for_update=True)
            if account is None:
                db.session.rollback()
                raise SignInRefused("The account was removed meanwhile.")
            stored = decrypt(account.credentials)
            is_free = not lies_ahead(account.renewing_until, _LONGEST)
            if is_free and stored == self.had:
                account.renewing_until = now() + _LONGEST
            db.session.commit()
            if is_free or stored != self.had:
                return stored if stored != self.had else None
            time.sleep(_LOOK_EVERY)
        raise ServerTrouble("Renewing the sign-in takes long. It will be tried again.")
