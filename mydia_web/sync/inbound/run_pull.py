"""Running a requested pull: claimed, kept alive, read account by account, and ended."""

import logging
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from threading import Event, Thread
from types import TracebackType
from typing import Literal, Self

from sqlalchemy.exc import DBAPIError

from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.values import LibraryPage
from mydia_web.clock import now
from mydia_web.config import app_context
from mydia_web.db import begin_write, db, is_lock_conflict
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_refused
from mydia_web.sources.accounts import get_source
from mydia_web.sources.health import note_trouble
from mydia_web.sources.models import Pull
from mydia_web.sources.registry import kinds_that_accept_unlisted
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.pull import AccountPull
from mydia_web.sync.inbound.reading import (
    OnPage,
    Reading,
    RunningPull,
    find_account,
    read_account,
    readings_of,
)
from mydia_web.sync.inbound.removals import forget_copies, missing_copies
from mydia_web.sync.inbound.report import Progress, Report
from mydia_web.sync.pulls import (
    LEASE,
    Claim,
    ClaimLost,
    claim_pull,
    end_pull,
    free_lost_pulls,
    give_back,
    has_lost_pulls,
    hold,
)

log = logging.getLogger(__name__)

#: How often the lease is renewed, in seconds: three times before it ends.
RENEW_EVERY = LEASE.total_seconds() / 4
#: How soon a stop is noticed, in seconds.
_LOOK_EVERY = 0.1


def run_pull(
    pull_id: int, on_page: OnPage = lambda _report: None, *, stop: Event | None = None
) -> Report | None:
    """Run a requested pull to its end. Raise `BackendError`.

    Return None where another worker has it, or where it was interrupted and continues later, as it
    does once `stop` is set.
    """
    begin_write()
    claim = claim_pull(pull_id)
    db.session.commit()
    if claim is None:
        return None
    stop = stop or Event()
    with ClaimKeeper(claim, stop):
        return _run_claimed(claim, on_page, stop)


def _run_claimed(claim: Claim, on_page: OnPage, stop: Event) -> Report | None:
    pull = db.session.get_one(Pull, claim.pull_id, populate_existing=True)
    report = Report(takes_removals=pull.takes_removals, keeps_ours=pull.keeps_ours)
    run = RunningPull(
        claim=claim,
        source_id=pull.source_id,
        source_name=get_source(pull.source_id).name,
        report=report,
        progress=Progress.load(pull.progress, report),
        on_page=on_page,
        stop=stop,
    )
    is_preview = pull.is_preview
    readings = readings_of(pull.source_id, everything=pull.is_sweep)
    db.session.rollback()
    try:
        if is_preview:
            preview_pull(run.source_id, report)
        else:
            _pull_accounts(run, readings)
    except BackendError as error:
        _end(run, "failed", error.message)
        raise
    except ClaimLost:
        _give_back(claim)
        log.info("pull %s goes on elsewhere, or later", claim.pull_id)
        return None
    except Exception as error:
        if isinstance(error, DBAPIError) and is_lock_conflict(error):
            _give_back(claim, counts_as_try=True)
            return None
        _end(run, "failed", "An error inside mydia-web stopped this pull. Its log tells more.")
        raise
    except BaseException:  # Ctrl-C, or the end of the process
        _give_back(claim)
        raise
    message = f"It would bring {report.message}" if is_preview else report.message
    is_ours = _end(run, "done", message)
    return report if is_ours else None


def _pull_accounts(run: RunningPull, readings: Sequence[Reading]) -> None:
    """Read each account. One whose sign-in is refused does not hold up the others."""
    report = run.report
    refused: SignInRefused | None = None
    began_at = now()
    is_whole = True
    for reading in readings:
        try:
            is_whole &= read_account(run, reading)
        except SignInRefused as error:
            db.session.rollback()
            _note_refused(run, reading.account_id, began_at)
            report.problems.append(error.message)
            refused = error
    if refused and len(report.problems) >= len(readings) and not report.done:
        raise refused
    if is_whole and not report.problems:
        _forget_missing(run, began_at)


def _note_refused(run: RunningPull, account_id: int | None, began_at: datetime) -> None:
    if account_id is not None:
        begin_write()
        hold(run.claim)
        note_refused(account_id, began_at)
        db.session.commit()


def _forget_missing(run: RunningPull, began_at: datetime) -> None:
    """Forget copies that no account was shown; call it only after everything could be read."""
    report = run.report
    begin_write()
    if get_source(run.source_id).kind not in kinds_that_accept_unlisted():
        missing, are_too_many = missing_copies(run.source_id, run.listed, began_at)
        if are_too_many and not report.takes_removals:
            report.missing = len(missing)
        elif missing:
            report.gone = len(missing)
            forget_copies(run.source_id, missing)
    run.hold()
    db.session.commit()


def _give_back(claim: Claim, *, counts_as_try: bool = False) -> None:
    db.session.rollback()
    begin_write()
    give_back(claim, counts_as_try=counts_as_try)
    db.session.commit()


def _end(run: RunningPull, status: Literal["done", "failed"], message: str) -> bool:
    """End the pull; return whether it was still ours."""
    db.session.rollback()
    report = run.report
    begin_write()
    pull = end_pull(
        run.claim, status, message=message, held_back=report.held_back, missing=report.missing
    )
    if pull is not None and status == "done":
        note_reached(run.source_id)
    elif pull is not None:
        note_trouble(run.source_id, message)
    db.session.commit()
    return pull is not None


def preview_pull(source_id: int, report: Report | None = None) -> Report:
    """Return what a pull of everything would bring. Changes nothing."""
    report = report or Report()
    asked_at = now()
    listings = [
        (reading.account_id, _list_all(source_id, reading))
        for reading in readings_of(source_id, everything=True)
    ]
    begin_write()
    try:
        for account_id, pages in listings:
            pull = AccountPull(get_source(source_id), find_account(account_id), report)
            for page in pages:
                pull.take(page, asked_at)
            pull.finish()
    finally:
        db.session.rollback()
    return report


def _list_all(source_id: int, reading: Reading) -> Sequence[LibraryPage]:
    source = get_source(source_id)
    with closing(open_account(source, find_account(reading.account_id))) as backend:
        db.session.rollback()
        return list(backend.library())


def reclaim_lost_pulls() -> None:
    """Let others continue the pulls of dead processes, as soon as their leases have ended."""
    is_needed = has_lost_pulls()
    db.session.rollback()
    if is_needed:
        begin_write()
        free_lost_pulls()
        db.session.commit()


class ClaimKeeper:
    """A thread that renews a pull's lease, and gives the pull back as soon as `stop` is set.

    The reader cannot do that: one answer of a slow server may take two minutes, and with a lease
    that long, nobody would read the source for as long after a kill. The reader learns from its
    next write that it has lost the pull.
    """

    def __init__(self, claim: Claim, stop: Event) -> None:
        self._claim = claim
        self._stop = stop
        self._over = Event()
        self._context = app_context()
        self._thread = Thread(target=self._run, name=f"lease of pull {claim.pull_id}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        error: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        renew_at = time.monotonic() + RENEW_EVERY
        while not self._over.wait(_LOOK_EVERY):
            is_stopping = self._stop.is_set()
            if not is_stopping and time.monotonic() < renew_at:
                continue
            try:
                self._write(is_stopping)
            except ClaimLost:
                return
            except DBAPIError as error:  # The database may be back before the lease ends.
                log.warning(
                    "pull %s: its lease could not be renewed: %s", self._claim.pull_id, error.orig
                )
            else:
                if is_stopping:
                    return
            renew_at = time.monotonic() + RENEW_EVERY

    def _write(self, is_stopping: bool) -> None:
        with self._context():
            try:
                begin_write()
                if is_stopping:
                    give_back(self._claim)
                else:
                    hold(self._claim)
                db.session.commit()
            finally:
                db.session.remove()
