"""Runs pulls: reads a source page by page, each merged and committed by itself, so that a crash keeps what came in."""

import logging
from collections.abc import Callable, Sequence
from datetime import timedelta

from sqlalchemy import select, update

from mydia_web.backends.base import LibraryPage
from mydia_web.backends.errors import BackendError
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.models import Pull, Source, SourceAccount
from mydia_web.sync.pull import PullOf, Report
from mydia_web.sync.worker.clients import open_account

log = logging.getLogger(__name__)

#: A running pull that has not moved for so long has lost its process.
LOST_AFTER = timedelta(minutes=5)

OnPage = Callable[[Report], None]


def run_pull(pull_id: int, on_page: OnPage = lambda _report: None) -> Report | None:
    """Run a requested pull to its end. None: another process has taken it. Raises `BackendError`."""
    if not _take(pull_id):
        return None
    source_id = db.session.get_one(Pull, pull_id).source_id
    try:
        report = _pull_accounts(source_id, lambda report: _moved(pull_id, report, on_page))
    except BackendError as error:
        db.session.rollback()
        _end(pull_id, "failed", error.message)
        raise
    except BaseException:
        db.session.rollback()
        _end(pull_id, "failed", "An error inside mydia-web stopped this pull. Its log tells more.")
        raise
    _end(pull_id, "done", report.message)
    return report


def preview_pull(source_id: int) -> Report:
    """What a pull would bring. Changes nothing."""
    asked_at = now()
    pages = [(account_id, _read(source_id, account_id)) for account_id in _account_ids(source_id)]
    report = Report()
    begin_write()
    try:
        for account_id, read in pages:
            pull = PullOf(get_source(source_id), _account(account_id), report)
            for page in read:
                pull.take(page, asked_at)
            pull.finish()
    finally:
        db.session.rollback()
    return report


def reclaim_lost_pulls() -> None:
    """Give up pulls whose process died, so that the source can be pulled again."""
    begin_write()
    db.session.execute(
        update(Pull)
        .where(Pull.status == "running", Pull.moved_at < now() - LOST_AFTER)
        .values(status="failed", finished_at=now(), message="It was interrupted. Pull again to go on.")
    )
    db.session.commit()


def _take(pull_id: int) -> bool:
    begin_write()
    taken = db.session.execute(
        update(Pull)
        .where(Pull.id == pull_id, Pull.status == "requested")
        .values(status="running", moved_at=now())
        .returning(Pull.id)
    ).first()
    db.session.commit()
    return taken is not None


def _pull_accounts(source_id: int, on_page: OnPage) -> Report:
    report = Report()
    for account_id in _account_ids(source_id):
        source, account = get_source(source_id), _account(account_id)
        pull = PullOf(source, account, report)
        backend = open_account(source, account)
        db.session.rollback()
        try:
            asked_at = now()
            for page in backend.library():
                begin_write()
                pull.take(page, asked_at)
                db.session.commit()
                on_page(report)
                asked_at = now()
        finally:
            backend.close()
        begin_write()
        pull.finish()
        db.session.commit()
    return report


def _read(source_id: int, account_id: int | None) -> Sequence[LibraryPage]:
    source = get_source(source_id)
    backend = open_account(source, _account(account_id))
    db.session.rollback()
    try:
        return list(backend.library())
    finally:
        backend.close()


def _account_ids(source_id: int) -> Sequence[int | None]:
    return [account.id for account in accounts_of(source_id)] or [None]


def _account(account_id: int | None) -> SourceAccount | None:
    if account_id is None:
        return None
    return db.session.scalar(select(SourceAccount).where(SourceAccount.id == account_id))


def _moved(pull_id: int, report: Report, on_page: OnPage) -> None:
    begin_write()
    db.session.execute(
        update(Pull).where(Pull.id == pull_id).values(done=report.done, total=report.total, moved_at=now())
    )
    db.session.commit()
    on_page(report)


def _end(pull_id: int, status: str, message: str) -> None:
    begin_write()
    at = now()
    pull = db.session.get(Pull, pull_id)
    if pull is not None:
        pull.status, pull.finished_at, pull.message = status, at, message
        source = db.session.get_one(Source, pull.source_id)
        if status == "done":
            source.last_ok_at, source.last_error = at, None
        else:
            source.last_error, source.last_error_at = message, at
    db.session.commit()
