"""Delivering: claims what is due, pushes it in threads, settles each row by what became of it.

One thread speaks to the database, the others to the servers, and no transaction is open while a server is waited for.
"""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from threading import Event
from types import TracebackType
from typing import Self

from sqlalchemy import select

from mydia_web.backends.base import Backend
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.accounts import open_account
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import KINDS_THAT_TAKE_PUSHES, backend_class
from mydia_web.sync.delivery import Delivery, Failure, Outcome, deliver, prepare
from mydia_web.sync.settling import settle

log = logging.getLogger(__name__)

MAX_THREADS = 8


@dataclass(slots=True)
class Tally:
    """What a drain did at one source."""

    synced: int = 0
    #: Will be tried again without anybody's doing.
    deferred: int = 0
    needs_you: int = 0
    #: The last failure, in words.
    last_error: str = ""


@dataclass(slots=True)
class Summary:
    """What a drain did, by the name of each source."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, source_name: str, outcome: Outcome) -> None:
        tally = self.tallies.setdefault(source_name, Tally())
        if outcome.failure is None:
            tally.synced += 1
            return
        tally.last_error = outcome.failure.message
        if outcome.failure.failure_class in ("transient", "rate_limited", "auth"):
            tally.deferred += 1
        else:
            tally.needs_you += 1


class Worker(AbstractContextManager["Worker"]):
    """Delivers the queue. Needs an application context in the thread that uses it."""

    def __init__(
        self,
        *,
        source_ids: Sequence[int] | None = None,
        on_settled: Callable[[Outcome], None] = lambda _outcome: None,
    ) -> None:
        self._only = source_ids
        self._on_settled = on_settled
        self._queue = PlaybackSyncRepository()
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="push")
        self._backends: dict[tuple[int, int], Backend | Failure] = {}
        self._in_flight: dict[Future[Outcome], Delivery] = {}
        self._names: dict[int, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.forget_connections()

    def drain(
        self,
        *,
        limit: int | None = None,
        max_seconds: float | None = None,
        stop: Event | None = None,
        probe: bool = False,
    ) -> Summary:
        """Deliver what is due until nothing is, `limit` rows were claimed, time is up, or `stop` is set.

        `probe` is a person asking now: servers taken for down are tried once more before their time. What is in
        flight is finished in any case.
        """
        summary, left = Summary(), limit
        until = time.monotonic() + max_seconds if max_seconds is not None else None
        given_up: set[int] = set()
        while True:
            stopping = (stop is not None and stop.is_set()) or (
                until is not None and time.monotonic() > until
            )
            if not stopping and left != 0:
                claimed = self._claim(left, given_up, probe=probe)
                left = None if left is None else left - claimed
            if not self._in_flight:
                return summary
            done, _ = wait(self._in_flight, return_when=FIRST_COMPLETED)
            for outcome in self._settle(done):
                summary.add(self._names[outcome.delivery.source_id], outcome)
                if outcome.failure and _rules_out_others(outcome.delivery.source_id, outcome.failure):
                    given_up.add(outcome.delivery.source_id)

    def forget_connections(self) -> None:
        """Close the clients: an address or a password may have been changed since they were opened."""
        for backend in self._backends.values():
            if not isinstance(backend, Failure):
                backend.close()
        self._backends.clear()

    def _claim(self, left: int | None, given_up: set[int], *, probe: bool) -> int:
        begin_write()
        self._queue.rescue()
        deliveries: list[Delivery] = []
        for source in self._sources():
            room = self._room(source, probe=probe) if source.id not in given_up else 0
            if left is not None:
                room = min(room, left - len(deliveries))
            if room > 0:
                deliveries += prepare(self._queue.mark_syncing(source.id, limit=room))
        opened = [(delivery, self._backend_for(delivery)) for delivery in deliveries]
        db.session.commit()
        for delivery, backend in opened:
            if isinstance(backend, Failure):
                self._in_flight[_done(Outcome(delivery, failure=backend))] = delivery
            else:
                self._in_flight[self._pool.submit(deliver, backend, delivery)] = delivery
        return len(deliveries)

    def _sources(self) -> Iterable[Source]:
        query = select(Source).where(Source.enabled, Source.kind.in_(KINDS_THAT_TAKE_PUSHES))
        if self._only is not None:
            query = query.where(Source.id.in_(self._only))
        for source in db.session.scalars(query.order_by(Source.id)).all():
            self._names[source.id] = source.name
            yield source

    def _room(self, source: Source, *, probe: bool) -> int:
        """How many rows of the source may be claimed now."""
        if source.pause_reason == "operator":
            return 0
        down = source.pause_reason == "down"
        if source.paused_until and source.paused_until > now() and not (down and probe):
            return 0
        allowed = 1 if down else backend_class(source.kind).concurrency
        return max(0, allowed - self._queue.count_in_flight(source.id))

    def _backend_for(self, delivery: Delivery) -> Backend | Failure:
        key = (delivery.source_id, delivery.user_id)
        if key not in self._backends:
            self._backends[key] = _open(*key)
        return self._backends[key]

    def _settle(self, done: Iterable[Future[Outcome]]) -> list[Outcome]:
        outcomes = [future.result() for future in done]
        for future in done:
            del self._in_flight[future]
        begin_write()
        for outcome in outcomes:
            settle(outcome)
        db.session.commit()
        for outcome in outcomes:
            if outcome.failure and outcome.failure.failure_class == "auth":
                self._backends.pop((outcome.delivery.source_id, outcome.delivery.user_id), None)
            self._on_settled(outcome)
        return outcomes


def _rules_out_others(source_id: int, failure: Failure) -> bool:
    """Would the source's other rows fare the same in this drain?"""
    if failure.source_wide:
        return True
    return db.session.scalar(select(Source.pause_reason).where(Source.id == source_id)) == "down"


def _open(source_id: int, user_id: int) -> Backend | Failure:
    account = db.session.scalar(
        select(SourceAccount).where(SourceAccount.source_id == source_id, SourceAccount.user_id == user_id)
    )
    source = db.session.get_one(Source, source_id)
    if account is None:
        return Failure("unmatched", f"You have no account on {source.name} any more.")
    if account.refused_at is not None:
        return Failure("auth", f"{source.name} refused the sign-in. Enter the password again on its page.")
    try:
        return open_account(source, account)
    except SignInRefused as error:
        return Failure("auth", error.message)
    except BackendError as error:
        return Failure(error.failure_class, error.message)


def _done(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future
