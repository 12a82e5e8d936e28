"""The open clients of a worker: one per account, kept alive between pushes."""

import logging

from sqlalchemy import select

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError
from mydia_web.db import begin_write, db
from mydia_web.sources.clocks import changed_clocks, note_clock
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync.clients import open_account
from mydia_web.sync.outbound.delivery import Failure

log = logging.getLogger(__name__)


class Connections:
    """Open each account's client once, where it can be opened."""

    def __init__(self) -> None:
        self._opened: dict[tuple[int, int], Backend] = {}
        self._dropped: list[Backend] = []

    def get(self, source_id: int, user_id: int) -> Backend | Failure:
        key = (source_id, user_id)
        if key in self._opened:
            return self._opened[key]
        opened = _open(source_id, user_id)
        # A failure is not kept: its cause may be mended by the next time.
        if not isinstance(opened, Failure):
            self._opened[key] = opened
        return opened

    def drop(self, source_id: int, user_id: int) -> None:
        """Open the account anew the next time; a push that is under way keeps its client."""
        dropped = self._opened.pop((source_id, user_id), None)
        if dropped is not None:
            self._dropped.append(dropped)

    def note_clocks(self) -> None:
        """Keep how far the servers' clocks were seen to be from ours, where that has changed.

        Each source has a transaction of its own, so that none waits for another.
        """
        skews = {
            source_id: backend.clock_skew
            for (source_id, _), backend in self._opened.items()
            if backend.clock_skew is not None
        }
        if not skews:
            return
        changed = changed_clocks(skews)
        db.session.rollback()
        for source_id, skew in changed.items():
            begin_write()
            note_clock(source_id, skew)
            db.session.commit()

    def close(self) -> None:
        """Close all: an address or a password may have been changed since they were opened."""
        for backend in (*self._opened.values(), *self._dropped):
            backend.close()
        self._opened.clear()
        self._dropped.clear()


def _open(source_id: int, user_id: int) -> Backend | Failure:
    source = db.session.get_one(Source, source_id)
    query = select(SourceAccount).where(
        SourceAccount.source_id == source_id, SourceAccount.user_id == user_id
    )
    account = db.session.scalar(query)
    if account is None:
        words = f"You have no account on {source.name} any more."
        return Failure(failure_class="unmatched", message=words, was_asked=False)
    try:
        return open_account(source, account)
    except BackendError as error:
        return Failure(failure_class=error.failure_class, message=error.message, was_asked=False)
    except Exception as error:
        log.exception("A client could not be opened.", extra={"source": source_id, "user": user_id})
        words = f"An error inside mydia-web ({type(error).__name__}). Its log tells more."
        return Failure(failure_class="bug", message=words, was_asked=False)
