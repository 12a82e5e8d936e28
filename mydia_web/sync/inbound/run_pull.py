"""Runs pulls: reads a source page by page, each merged and committed by itself, so that a crash
keeps what came in.
"""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import Event
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.values import LibraryPage
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import begin_write, db, has_one_writer, insert_for, is_lock_conflict
from mydia_web.playback.models import PullChangeSet
from mydia_web.playback.shows import refresh_show
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_accepted, note_refused
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.clocks import note_clock
from mydia_web.sources.health import note_trouble
from mydia_web.sources.linking import ask_who, resolve
from mydia_web.sources.models import Pull, Source, SourceAccount
from mydia_web.sources.registry import kinds_that_accept_unlisted
from mydia_web.sync import metrics
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.claim_keeper import ClaimKeeper
from mydia_web.sync.inbound.pull import Players, PullOf
from mydia_web.sync.inbound.removals import forget_copies, missing_copies
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.resume import Progress, brought, fingerprint
from mydia_web.sync.pulls import (
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

#: Servers that tell what changed are read whole all the same this often: no API tells everything.
SWEEP_EVERY = timedelta(hours=24)
#: Clocks that differ by less are right.
_CLOCK_SLACK = timedelta(seconds=30)
#: Clocks differ, and what is saved while a listing is read may lie before its end.
OVERLAP = timedelta(hours=1)

#: Where there is one writer, so many titles are taken in at a time, or more where that holds the
#: others up for no longer than so many seconds; then there is a pause for them.
AT_A_TIME, HELD, BREATH = 40, 0.04, 0.005

OnPage = Callable[[Report], None]


@dataclass(frozen=True, slots=True)
class _Reading:
    """What is read for one account (None: a source without people)."""

    account_id: int | None
    #: From when on news is asked for first; None: nothing was ever read, or nobody knows when.
    since: datetime | None
    #: Whether everything is read then.
    everything: bool = True
    #: How many titles there were when everything was read; None: that is not known.
    library_size: int | None = None


@dataclass(slots=True, kw_only=True)
class _Run:
    """A pull under way."""

    claim: Claim
    source_id: int
    source_name: str
    report: Report
    #: What earlier tries and this one have taken in.
    progress: Progress
    on_page: OnPage
    stop: Event
    #: The remote ids that complete readings have listed.
    listed: set[str] = field(default_factory=set)

    def hold(self, *, gets_on: bool = False) -> None:
        """Write down how far it is, in the transaction of what it takes in. Raises `ClaimLost`.

        A try that gets on is no failed one, whatever becomes of it.
        """
        report = self.report
        values = {
            "done": report.done,
            "total": report.total,
            "progress": self.progress.dump(report),
        }
        if gets_on:
            values["tries"] = 0
        hold(self.claim, moved_at=now(), **values)


def run_pull(
    pull_id: int, on_page: OnPage = lambda _report: None, *, stop: Event | None = None
) -> Report | None:
    """Run a requested pull to its end. Raises `BackendError`.

    None: another worker has it, or it was interrupted and goes on later, as it is once `stop` is
    set.
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
    run = _Run(
        claim=claim,
        source_id=pull.source_id,
        source_name=get_source(pull.source_id).name,
        report=report,
        progress=Progress.load(pull.progress, report),
        on_page=on_page,
        stop=stop,
    )
    is_preview = pull.is_preview
    readings = _readings(pull.source_id, everything=pull.is_sweep)
    db.session.rollback()
    try:
        if is_preview:
            preview_pull(run.source_id, report)
        else:
            _pull_accounts(run, readings)
    except BackendError as error:
        db.session.rollback()
        _end(run, "failed", error.message)
        raise
    except ClaimLost:
        db.session.rollback()
        _give_back(claim)
        log.info("pull %s goes on elsewhere, or later", claim.pull_id)
        return None
    except Exception as error:
        db.session.rollback()
        if isinstance(error, DBAPIError) and is_lock_conflict(error):
            _give_back(claim, counts_as_try=True)
            return None
        _end(run, "failed", "An error inside mydia-web stopped this pull. Its log tells more.")
        raise
    except BaseException:  # Ctrl-C, or the end of the process
        db.session.rollback()
        _give_back(claim)
        raise
    is_ours = _end(
        run, "done", f"It would bring {report.message}" if is_preview else report.message
    )
    return report if is_ours else None


def preview_pull(source_id: int, report: Report | None = None) -> Report:
    """Return what a pull of everything would bring. Changes nothing."""
    report = report or Report()
    asked_at = now()
    pages = [
        (one.account_id, _read(source_id, one)) for one in _readings(source_id, everything=True)
    ]
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
    """Let pulls go on whose process died, as soon as their leases have ended."""
    is_needed = has_lost_pulls()
    db.session.rollback()
    if is_needed:
        begin_write()
        free_lost_pulls()
        db.session.commit()


def _readings(source_id: int, *, everything: bool) -> list[_Reading]:
    accounts = accounts_of(source_id)
    skew_ms = get_source(source_id).clock_skew_ms
    behind = timedelta(milliseconds=max(0, -(skew_ms or 0)))
    found = [
        _Reading(
            account.id,
            _since(account, behind),
            everything=everything or _is_sweep_due(account),
            library_size=account.library_size,
        )
        for account in accounts
    ]
    return found or [_Reading(None, None)]


def _since(account: SourceAccount, behind: timedelta) -> datetime | None:
    """Return from when on news is asked for, by the server's clock, which may be `behind` ours."""
    if account.pulled_at is None or account.swept_at is None or _is_ahead(account.pulled_at):
        return None
    return max(UNKNOWN_TIME, account.pulled_at - OVERLAP - behind)


def _is_sweep_due(account: SourceAccount) -> bool:
    if account.pulled_at is None or account.swept_at is None or _is_ahead(account.pulled_at):
        return True
    return account.swept_at < now() - SWEEP_EVERY or _is_ahead(account.swept_at)


def _is_ahead(at: datetime) -> bool:
    """Return whether our clock was wrong when that was written, by more than what is asked for
    twice.
    """
    return at > now() + OVERLAP


def _pull_accounts(run: _Run, readings: Sequence[_Reading]) -> None:
    """An account whose sign-in is refused keeps the others waiting for nothing."""
    report = run.report
    refused: SignInRefused | None = None
    began_at = now()
    is_whole = True
    for reading in readings:
        try:
            is_whole &= _pull_account(run, reading)
        except SignInRefused as error:
            db.session.rollback()
            _note_refused(run, reading.account_id, began_at)
            report.problems.append(error.message)
            refused = error
    if refused and len(report.problems) >= len(readings) and not report.done:
        raise refused
    if is_whole and not report.problems:
        _forget_gone(run, began_at)


def _forget_gone(run: _Run, began_at: datetime) -> None:
    """Only where everybody on the source was shown everything, and all of it could be read."""
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


def _pull_account(run: _Run, reading: _Reading) -> bool:
    """Ask what is new, take that over, and read everything where that is wanted. Return whether
    everything was read.
    """
    source = get_source(run.source_id)
    account = _account(reading.account_id)
    news = PullOf(source, account, run.report)
    whole = PullOf(source, account, run.report, news.act)
    whole.is_complete = True
    began_at = now()
    held_back = run.report.held_back
    with closing(open_account(source, account)) as backend:
        person = _person(run, backend, source, account)
        if backend.traits.dates_plays_by_start and account is not None:
            ahead = _CLOCK_SLACK + timedelta(milliseconds=max(0, source.clock_skew_ms or 0))
            news.ask_players = whole.ask_players = cache(
                lambda: _ask_players(backend, person, ahead)
            )
        db.session.rollback()
        changes = backend.changes(reading.since) if reading.since is not None else None
        last = _take_pages(run, news, "news", changes) if changes is not None else None
        is_another = _is_another_library(last, reading.library_size, news.added)
        is_whole = reading.everything or changes is None or is_another
        if is_whole:
            if changes is not None:
                _finish(run, news, is_whole=False)
                db.session.commit()
                run.report.held_back = held_back
            last = _take_pages(run, whole, "library", _listing(run, backend))
    _finish(run, whole if is_whole else news, is_whole=is_whole)
    note_clock(run.source_id, backend.clock_skew)
    size = _size_of_library(last, is_whole=is_whole)
    _note_read(reading.account_id, began_at, size, is_whole=is_whole)
    db.session.commit()
    return is_whole


def _person(run: _Run, backend: Backend, source: Source, account: SourceAccount | None) -> str:
    """Return who the account is there. Where that was typed while the server was down, it is asked
    now.
    """
    linked = ask_who(backend, source, account)
    if linked is not None and account is not None:
        begin_write()
        resolve(account.id, linked)
        run.hold()
        db.session.commit()
    return account.remote_user_id if account is not None else ""


def _ask_players(backend: Backend, person: str, ahead: timedelta) -> Players | None:
    """Ask what is being played: a title that was only begun looks there as if it had been watched."""
    asked_at = now()
    try:
        players = backend.playing()
    except SignInRefused:
        raise
    except BackendError as error:
        log.info("What is being played cannot be told: %s", error.message)
        return None
    own = [one.remote_id for one in players if not person or one.remote_user_id in ("", person)]
    return Players(frozenset(own), asked_at, ahead)


def _finish(run: _Run, pull: PullOf, *, is_whole: bool) -> None:
    """Leave the transaction open."""
    begin_write()
    pull.finish(is_whole=is_whole)
    for show_id in sorted(run.progress.shows - pull.new_shows):
        refresh_show(show_id)
    run.progress.shows.clear()
    _note_change_set(run, pull)
    run.hold()


def _listing(run: _Run, backend: Backend) -> Iterator[LibraryPage]:
    for page in backend.library():
        run.listed.update(item.remote_id for item in page.items)
        yield page


def _size_of_library(last: LibraryPage | None, *, is_whole: bool) -> int | None:
    if last is None:
        return None
    return last.total if is_whole else last.library_size


def _is_another_library(last: LibraryPage | None, size: int | None, added: int) -> bool:
    """Return whether it has lost something, or got something that is dated long ago."""
    if last is None or last.library_size is None:
        return False
    return size is None or last.library_size != size + added


def _take_pages(
    run: _Run, pull: PullOf, what: str, pages: Iterator[LibraryPage]
) -> LibraryPage | None:
    """Merge them, each in transactions of its own. Return the last of them."""
    asked_at = now()
    page = None
    for page in pages:
        if run.stop.is_set():
            raise ClaimLost
        mark = fingerprint(pull.account_id, what, page)
        pull.look_at_players(page)
        if run.progress.has_taken(mark) and not pull.needs_every_page:
            run.report.done = page.done
            run.report.total = page.total
        else:
            _take_page(run, pull, page, asked_at, mark)
        run.on_page(run.report)
        asked_at = now()
    return page


def _take_page(run: _Run, pull: PullOf, page: LibraryPage, asked_at: datetime, mark: str) -> None:
    is_new = mark not in run.progress.pages
    open_before = _open_ends(run, pull)
    changes = pull.changes_on(page)
    db.session.rollback()
    for part in _parts(changes):
        brought_before = pull.added + brought(run.report)
        healed_before = run.report.healed
        begin_write()
        pull.take(part, asked_at)
        gets_on = pull.added + brought(run.report) > brought_before
        run.progress.shows |= pull.new_shows
        if part.done == page.done:
            run.progress.note(mark, is_done=_open_ends(run, pull) == open_before)
            gets_on = gets_on or is_new
        _note_change_set(run, pull)
        run.hold(gets_on=gets_on)
        db.session.commit()
        metrics.count_healed(run.source_name, run.report.healed - healed_before)


def _open_ends(run: _Run, pull: PullOf) -> int:
    """Return how much was found that is dealt with, or told, at the end of a pull: its page has to
    be read again.
    """
    return pull.left_for_the_end + run.report.unmatched + len(run.report.problems)


def _parts(page: LibraryPage) -> Iterator[LibraryPage]:
    """A page, in parts where nobody else could write while it is taken in; between them the others
    get their turn.
    """
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


def _note_change_set(run: _Run, pull: PullOf) -> None:
    for change_set_id in pull.take_change_sets():
        row = insert_for(PullChangeSet).values(
            pull_id=run.claim.pull_id, change_set_id=change_set_id
        )
        db.session.execute(row.on_conflict_do_nothing())


def _note_read(
    account_id: int | None, began_at: datetime, library_size: int | None, *, is_whole: bool
) -> None:
    """Only now that the last page is kept: what failed before is read again."""
    swept = {"swept_at": began_at} if is_whole else {}
    values = {"pulled_at": began_at, "library_size": library_size, **swept}
    db.session.execute(update(SourceAccount).where(SourceAccount.id == account_id).values(values))
    if account_id is not None:
        note_accepted(account_id)


def _note_refused(run: _Run, account_id: int | None, began_at: datetime) -> None:
    if account_id is not None:
        begin_write()
        hold(run.claim)
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


def _give_back(claim: Claim, *, counts_as_try: bool = False) -> None:
    begin_write()
    give_back(claim, counts_as_try=counts_as_try)
    db.session.commit()


def _end(run: _Run, status: Literal["done", "failed"], message: str) -> bool:
    """Return whether it was ours to end."""
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
