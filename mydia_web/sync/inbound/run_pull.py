"""Runs pulls: reads a source page by page, each merged and committed by itself, so that a crash keeps what came in."""

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from mydia_web.backends.base import LibraryPage
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import begin_write, db, has_one_writer
from mydia_web.playback.models import PullChangeSet
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_accepted, note_refused
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.clocks import note_clock
from mydia_web.sources.health import note_trouble
from mydia_web.sources.models import Pull, Source, SourceAccount
from mydia_web.sources.registry import kinds_that_hold_everything
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.pull import PullOf
from mydia_web.sync.inbound.removals import forget_copies, missing_copies
from mydia_web.sync.inbound.report import Report

log = logging.getLogger(__name__)

#: A running pull that has not moved for so long has lost its process.
LOST_AFTER = timedelta(minutes=5)
#: A pull that took so many processes along is not begun again by itself.
MOST_TRIES = 3
#: Servers that tell what changed are read whole all the same this often: no API tells everything.
SWEEP_EVERY = timedelta(hours=24)
#: Clocks differ, and what is saved while a listing is read may lie before its end.
OVERLAP = timedelta(hours=1)

#: Where there is one writer, so many titles are taken in at a time, or more where that holds the others up for no
#: longer than so many seconds; then there is a pause for them.
AT_A_TIME, HELD, BREATH = 40, 0.04, 0.005

OnPage = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read for one account (None: a source without people)."""

    account_id: int | None
    #: None: everything.
    since: datetime | None
    #: How many titles there were when everything was read; None: that is not known.
    library_size: int | None = None


def run_pull(pull_id: int, on_page: OnPage = lambda _report: None) -> Report | None:
    """Run a requested pull to its end. None: another process has taken it. Raises `BackendError`."""
    if not _take(pull_id):
        return None
    pull = db.session.get_one(Pull, pull_id)
    source_id, is_preview = pull.source_id, pull.is_preview
    report = Report(takes_removals=pull.takes_removals)
    readings = _readings(source_id, everything=pull.is_sweep or is_preview)
    db.session.rollback()
    try:
        if is_preview:
            preview_pull(source_id, report)
        else:
            _pull_accounts(pull_id, source_id, readings, report, on_page)
    except BackendError as error:
        db.session.rollback()
        _end(pull_id, "failed", error.message, report)
        raise
    except BaseException:
        db.session.rollback()
        _end(pull_id, "failed", "An error inside mydia-web stopped this pull. Its log tells more.", report)
        raise
    _end(pull_id, "done", f"It would bring {report.message}" if is_preview else report.message, report)
    return report


def preview_pull(source_id: int, report: Report | None = None) -> Report:
    """What a pull of everything would bring. Changes nothing."""
    report, asked_at = report or Report(), now()
    pages = [(one.account_id, _read(source_id, one)) for one in _readings(source_id, everything=True)]
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
    """Begin pulls whose process died anew: what they had brought is kept."""
    begin_write()
    lost = (Pull.status == "running", Pull.moved_at < now() - LOST_AFTER)
    again = {"status": "requested", "message": ""}
    db.session.execute(update(Pull).where(*lost, Pull.tries < MOST_TRIES).values(again))
    db.session.execute(
        update(Pull)
        .where(*lost)
        .values(status="failed", finished_at=now(), message="It was interrupted. Pull again to go on.")
    )
    db.session.commit()


def _take(pull_id: int) -> bool:
    begin_write()
    taken = db.session.execute(
        update(Pull)
        .where(Pull.id == pull_id, Pull.status == "requested")
        .values(status="running", moved_at=now(), tries=Pull.tries + 1)
        .returning(Pull.id)
    ).first()
    db.session.commit()
    return taken is not None


def _readings(source_id: int, *, everything: bool) -> list[_Reading]:
    accounts, skew_ms = accounts_of(source_id), get_source(source_id).clock_skew_ms
    behind = timedelta(milliseconds=max(0, -(skew_ms or 0)))
    found = [
        _Reading(one.id, None if everything else _since(one, behind), one.library_size) for one in accounts
    ]
    return found or [_Reading(None, None)]


def _since(account: SourceAccount, behind: timedelta) -> datetime | None:
    """From when on news is asked for, by the server's clock, which may be `behind` ours.

    None: a sweep is due, or nothing was ever read.
    """
    if account.pulled_at is None or account.swept_at is None or account.swept_at < now() - SWEEP_EVERY:
        return None
    return max(UNKNOWN_TIME, account.pulled_at - OVERLAP - behind)


def _pull_accounts(
    pull_id: int, source_id: int, readings: Sequence[_Reading], report: Report, on_page: OnPage
) -> None:
    """An account whose sign-in is refused keeps the others waiting for nothing."""
    refused: SignInRefused | None = None
    began_at, listed, is_whole = now(), set[str](), True
    for reading in readings:
        try:
            is_whole &= _pull_account(pull_id, source_id, reading, report, on_page, listed)
        except SignInRefused as error:
            db.session.rollback()
            _note_refused(reading.account_id, began_at)
            report.problems.append(error.message)
            refused = error
    if refused and len(report.problems) >= len(readings) and not report.done:
        raise refused
    if is_whole and not report.problems:
        _forget_gone(source_id, listed, began_at, report)


def _forget_gone(source_id: int, listed: Collection[str], began_at: datetime, report: Report) -> None:
    """Only where everybody on the source was shown everything, and all of it could be read."""
    begin_write()
    if get_source(source_id).kind not in kinds_that_hold_everything():
        missing, are_too_many = missing_copies(source_id, listed, began_at)
        if are_too_many and not report.takes_removals:
            report.missing = len(missing)
        elif missing:
            report.gone = len(missing)
            forget_copies(source_id, missing)
    db.session.commit()


def _pull_account(
    pull_id: int, source_id: int, reading: _Reading, report: Report, on_page: OnPage, listed: set[str]
) -> bool:
    """Was everything read? What was, is added to `listed`."""
    source, account = get_source(source_id), _account(reading.account_id)
    pull, began_at = PullOf(source, account, report), now()

    def take(pages: Iterator[LibraryPage]) -> LibraryPage | None:
        return _take_pages(pull_id, pull, pages, listed, on_page)

    with closing(open_account(source, account)) as backend:
        db.session.rollback()
        changed = backend.changes(reading.since) if reading.since is not None else None
        last = take(changed) if changed is not None else None
        is_whole = changed is None or _is_another_library(last, reading.library_size, pull.added)
        if is_whole:
            last = take(backend.library())
    begin_write()
    pull.finish(is_whole=is_whole)
    _note_change_set(pull_id, pull)
    note_clock(source_id, backend.clock_skew)
    size = (last.total if is_whole else last.library_size) if last else None
    _note_read(reading.account_id, began_at, size, is_whole=is_whole)
    db.session.commit()
    return is_whole


def _is_another_library(last: LibraryPage | None, size: int | None, added: int) -> bool:
    """Has it lost something, or got something that is dated long ago?"""
    if last is None or last.library_size is None:
        return False
    return size is None or last.library_size != size + added


def _take_pages(
    pull_id: int, pull: PullOf, pages: Iterator[LibraryPage], listed: set[str], on_page: OnPage
) -> LibraryPage | None:
    """The last of them."""
    asked_at, page = now(), None
    for page in pages:
        listed.update(item.remote_id for item in page.items)
        for part in _parts(page):
            begin_write()
            pull.take(part, asked_at)
            _note_change_set(pull_id, pull)
            db.session.commit()
        _moved(pull_id, pull.report, on_page)
        asked_at = now()
    return page


def _parts(page: LibraryPage) -> Iterator[LibraryPage]:
    """A page, in parts where nobody else could write while it is taken in; between them the others get their turn."""
    start, size, end = 0, AT_A_TIME if has_one_writer() else len(page.items), len(page.items)
    while True:
        items, began = page.items[start : start + size], time.monotonic()
        left = end - start - len(items)
        yield LibraryPage(items, page.done - left, page.total, () if start else page.problems)
        if not left:
            return
        start += size
        size = size * 2 if time.monotonic() - began < HELD / 2 else AT_A_TIME
        time.sleep(BREATH)


def _note_change_set(pull_id: int, pull: PullOf) -> None:
    for change_set_id in pull.take_change_sets():
        db.session.add(PullChangeSet(pull_id=pull_id, change_set_id=change_set_id))


def _note_read(
    account_id: int | None, began_at: datetime, library_size: int | None, *, is_whole: bool
) -> None:
    """Only now that the last page is kept: what failed before is read again."""
    swept = {"swept_at": began_at} if is_whole else {}
    values = {"pulled_at": began_at, "library_size": library_size, **swept}
    db.session.execute(update(SourceAccount).where(SourceAccount.id == account_id).values(values))
    if account_id is not None:
        note_accepted(account_id)


def _note_refused(account_id: int | None, began_at: datetime) -> None:
    if account_id is not None:
        begin_write()
        note_refused(account_id, began_at)
        db.session.commit()


def _read(source_id: int, reading: _Reading) -> Sequence[LibraryPage]:
    source = get_source(source_id)
    with closing(open_account(source, _account(reading.account_id))) as backend:
        db.session.rollback()
        return list(backend.library())


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


def _end(pull_id: int, status: str, message: str, report: Report) -> None:
    begin_write()
    pull = db.session.get(Pull, pull_id)
    if pull is not None:
        pull.status, pull.finished_at, pull.message = status, now(), message
        pull.held_back, pull.missing = report.held_back, report.missing
        db.session.get_one(Source, pull.source_id)
        if status == "done":
            note_reached(pull.source_id)
        else:
            note_trouble(pull.source_id, message)
    db.session.commit()
