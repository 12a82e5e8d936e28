"""The clients a worker has open: one for each account, kept alive between pushes."""

import logging
from datetime import timedelta

from sqlalchemy import select

from mydia_web.backends.base import Backend
from mydia_web.backends.errors import BackendError
from mydia_web.db import db
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync.clients import open_account
from mydia_web.sync.outbound.delivery import Failure

log = logging.getLogger(__name__)


class Connections:
    """Opens each account's client once, or remembers why it cannot be opened."""

    def __init__(self) -> None:
        self._opened: dict[tuple[int, int], Backend | Failure] = {}
        self._dropped: list[Backend] = []

    def get(self, source_id: int, user_id: int) -> Backend | Failure:
        key = (source_id, user_id)
        if key not in self._opened:
            self._opened[key] = _open(source_id, user_id)
        return self._opened[key]

    def drop(self, source_id: int, user_id: int) -> None:
        """Look at the account anew the next time; a push that is under way keeps its client."""
        dropped = self._opened.pop((source_id, user_id), None)
        if isinstance(dropped, Backend):
            self._dropped.append(dropped)

    def clock_skews(self) -> dict[int, timedelta]:
        """By source id, how far the clocks of those that were asked are from ours."""
        opened = [(key[0], one) for key, one in self._opened.items() if isinstance(one, Backend)]
        return {source_id: skew for source_id, one in opened if (skew := one.clock_skew) is not None}

    def close(self) -> None:
        """Close all: an address or a password may have been changed since they were opened."""
        for backend in (*self._opened.values(), *self._dropped):
            if not isinstance(backend, Failure):
                backend.close()
        self._opened.clear()
        self._dropped.clear()


def _open(source_id: int, user_id: int) -> Backend | Failure:
    source = db.session.get_one(Source, source_id)
    account = db.session.scalar(
        select(SourceAccount).where(SourceAccount.source_id == source_id, SourceAccount.user_id == user_id)
    )
    if account is None:
        return Failure("unmatched", f"You have no account on {source.name} any more.")
    if account.refused_at is not None:
        return Failure("auth", f"{source.name} refused the sign-in. Enter the password again on its page.")
    try:
        return open_account(source, account)
    except BackendError as error:
        return Failure(error.failure_class, error.message)
    except Exception as error:
        log.exception("A client could not be opened.", extra={"source": source_id, "user": user_id})
        return Failure("bug", f"An error inside mydia-web ({type(error).__name__}). Its log tells more.")
