"""The clients a worker has open: one for each account, kept alive between pushes."""

import logging
from datetime import timedelta

from sqlalchemy import select

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError
from mydia_web.db import db
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync.clients import open_account
from mydia_web.sync.outbound.delivery import Failure

log = logging.getLogger(__name__)


class Connections:
    """Opens each account's client once, where it can be opened."""

    def __init__(self) -> None:
        self._opened: dict[tuple[int, int], Backend] = {}
        self._dropped: list[Backend] = []

    def get(self, source_id: int, user_id: int) -> Backend | Failure:
        key = (source_id, user_id)
        if (known := self._opened.get(key)) is not None:
            return known
        opened = _open(source_id, user_id)
        # Why not is looked at anew the next time: it may have been mended by then.
        if not isinstance(opened, Failure):
            self._opened[key] = opened
        return opened

    def drop(self, source_id: int, user_id: int) -> None:
        """Look at the account anew the next time; a push that is under way keeps its client."""
        dropped = self._opened.pop((source_id, user_id), None)
        if dropped is not None:
            self._dropped.append(dropped)

    def clock_skews(self) -> dict[int, timedelta]:
        """By source id, how far the clocks of those that were asked are from ours."""
        opened = [(source_id, one.clock_skew) for (source_id, _), one in self._opened.items()]
        return {source_id: skew for source_id, skew in opened if skew is not None}

    def close(self) -> None:
        """Close all: an address or a password may have been changed since they were opened."""
        for backend in (*self._opened.values(), *self._dropped):
            backend.close()
        self._opened.clear()
        self._dropped.clear()


def _open(source_id: int, user_id: int) -> Backend | Failure:
    source = db.session.get_one(Source, source_id)
    account = db.session.scalar(
        select(SourceAccount).where(
            SourceAccount.source_id == source_id, SourceAccount.user_id == user_id
        )
    )
    if account is None:
        words = f"You have no account on {source.name} any more."
        return Failure("unmatched", words, was_asked=False)
    try:
        return open_account(source, account)
    except BackendError as error:
        return Failure(error.failure_class, error.message, was_asked=False)
    except Exception as error:
        log.exception("A client could not be opened.", extra={"source": source_id, "user": user_id})
        words = f"An error inside mydia-web ({type(error).__name__}). Its log tells more."
        return Failure("bug", words, was_asked=False)
