"""Reading one account of a source: what to ask for, and its pages, each committed by itself.

A crash keeps the pages that came in.
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from threading import Event

from sqlalchemy import update

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.values import LibraryPage
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import begin_write, db, has_one_writer, insert_for
from mydia_web.playback.models import PullChangeSet
from mydia_web.playback.shows import refresh_show
from mydia_web.queue.sign_ins import note_accepted
from mydia_web.sources.accounts import accounts_of, get_source
from mydia_web.sources.clocks import note_clock
from mydia_web.sources.linking import ask_who, resolve
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sync import metrics
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.pull import AccountPull, Players
from mydia_web.sync.inbound.report import Progress, Report, fingerprint_of
from mydia_web.sync.pulls import Claim, ClaimLost, hold

log = logging.getLogger(__name__)

#: A full scan is due this often even where a server tells its changes: no API tells all of them.
FULL_SCAN_EVERY = timedelta(hours=24)
#: Changes are asked for from this long before the last pull: clocks differ, and what is saved while
#: a listing is read may be dated before its end.
OVERLAP = timedelta(hours=1)
#: Clocks that differ by less than this are right.
_CLOCK_SLACK = timedelta(seconds=30)

#: Where there is one writer, this many titles are merged in a transaction, and twice as many after
#: one that took less than half of `HELD` seconds. Others write in a pause of `BREATH` seconds.
AT_A_TIME = 40
HELD = 0.04
BREATH = 0.005

OnPage = Callable[[Report], None]


@dataclass(slots=True, kw_only=True)
class RunningPull:
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

    def hold(self, *, moves_on: bool = False) -> None:
        """Store the progress, in the transaction of what is taken in. Raise `ClaimLost`.

        A try that moves on does not count as failed, whatever becomes of it.
        """
        values = {
            "done": self.report.done,
            "total": self.report.total,
            "progress": self.progress.dump(self.report),
        }
        if moves_on:
            values["tries"] = 0
        hold(self.claim, moved_at=now(), **values)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What to read for one account; a source without people has a single one without an account."""

    account_id: int | None
    #: Changes since then are asked for first; None: nothing was read before, or at an unknown time.
    since: datetime | None
    #: Everything is read as well.
    everything: bool = True
    #: How many titles the last full scan found; None: unknown.
    library_size: int | None = None


def readings_of(source_id: int, *, everything: bool) -> list[Reading]:
    accounts = accounts_of(source_id)
    if not accounts:
        return [Reading(account_id=None, since=None)]
    skew_ms = get_source(source_id).clock_skew_ms or 0
    behind = timedelta(milliseconds=max(0, -skew_ms))
    return [
        Reading(
            account_id=account.id,
            since=_since(account, behind),
            everything=everything or _is_full_scan_due(account),
            library_size=account.library_size,
        )
        for account in accounts
    ]


def _since(account: SourceAccount, behind: timedelta) -> datetime | None:
    """Return the time from which to ask for changes.

    It is by the server's clock, which may be `behind` ours.
    """
    if account.pulled_at is None or account.swept_at is None or _is_ahead(account.pulled_at):
        return None
    return max(UNKNOWN_TIME, account.pulled_at - OVERLAP - behind)


def _is_full_scan_due(account: SourceAccount) -> bool:
    if account.pulled_at is None or account.swept_at is None:
        return True
    if _is_ahead(account.pulled_at) or _is_ahead(account.swept_at):
        return True
    return account.swept_at < now() - FULL_SCAN_EVERY


def _is_ahead(at: datetime) -> bool:
    """Return whether our clock was wrong when that was stored, by more than the overlap."""
    return at > now() + OVERLAP


def find_account(account_id: int | None) -> SourceAccount | None:
    if account_id is None:
        return None
    return db.session.get(SourceAccount, account_id)


def read_account(run: RunningPull, reading: Reading) -> bool:
    """Take over what changed, then everything where due; return whether everything was read."""
    source = get_source(run.source_id)
    account = find_account(reading.account_id)
    changed = AccountPull(source, account, run.report)
    whole = AccountPull(source, account, run.report, changed.act, is_complete=True)
    began_at = now()
    held_back = run.report.held_back
    last = None
    with closing(open_account(source, account)) as backend:
        person = _person(run, backend, source, account)
        if account is not None:
            ask_players = _player_query(backend, person, source.clock_skew_ms or 0)
            changed.ask_players = ask_players
            whole.ask_players = ask_players
        db.session.rollback()
        changes = backend.changes(reading.since) if reading.since is not None else None
        if changes is not None:
            last = _take_pages(run, changed, "news", changes)
        has_other_items = _has_other_items(last, reading.library_size, changed.added)
        is_whole = reading.everything or changes is None or has_other_items
        if is_whole:
            if changes is not None:
                _finish(run, changed, is_whole=False)
                db.session.commit()
                run.report.held_back = held_back
            last = _take_pages(run, whole, "library", _listing(run, backend))
    _finish(run, whole if is_whole else changed, is_whole=is_whole)
    note_clock(run.source_id, backend.clock_skew)
    _note_read(reading.account_id, began_at, last, is_whole=is_whole)
    db.session.commit()
    return is_whole


def _person(
    run: RunningPull, backend: Backend, source: Source, account: SourceAccount | None
) -> str:
    """Return the account's user id there; ask for it where only a typed name is known."""
    linked = ask_who(backend, source, account)
    if linked is not None and account is not None:
        begin_write()
        resolve(account.id, linked)
        run.hold()
        db.session.commit()
    return account.remote_user_id if account is not None else ""


def _player_query(backend: Backend, person: str, skew_ms: int) -> Callable[[], Players | None]:
    """Return a function that asks, once, what is playing.

    Only servers that date plays by their start are asked: on those, a title that was only started
    looks as if it had been watched.
    """
    ahead = _CLOCK_SLACK + timedelta(milliseconds=max(0, skew_ms))

    @cache
    def ask() -> Players | None:
        if not backend.traits.dates_plays_by_start:
            return None
        asked_at = now()
        try:
            playing = backend.playing()
        except SignInRefused:
            raise
        except BackendError as error:
            log.info("What is being played cannot be told: %s", error.message)
            return None
        remote_ids = [
            played.remote_id
            for played in playing
            if not person or played.remote_user_id in ("", person)
        ]
        return Players(frozenset(remote_ids), asked_at, ahead)

    return ask


def _has_other_items(last: LibraryPage | None, size: int | None, added: int) -> bool:
    """Return whether the library lost items, or got some that are dated long ago."""
    if last is None or last.library_size is None:
        return False
    return size is None or last.library_size != size + added


def _listing(run: RunningPull, backend: Backend) -> Iterator[LibraryPage]:
    for page in backend.library():
        run.listed.update(item.remote_id for item in page.items)
        yield page


# Pages


def _take_pages(
    run: RunningPull, pull: AccountPull, listing: str, pages: Iterator[LibraryPage]
) -> LibraryPage | None:
    """Merge the pages, each in transactions of its own; return the last one."""
    asked_at = now()
    page = None
    for page in pages:
        if run.stop.is_set():
            raise ClaimLost
        fingerprint = fingerprint_of(pull.account_id, listing, page)
        pull.look_at_players(page)
        if run.progress.has_taken(fingerprint) and not pull.needs_every_page:
            run.report.done = page.done
            run.report.total = page.total
        else:
            _take_page(run, pull, page, asked_at, fingerprint)
        run.on_page(run.report)
        asked_at = now()
    return page


def _take_page(
    run: RunningPull, pull: AccountPull, page: LibraryPage, asked_at: datetime, fingerprint: str
) -> None:
    is_new = fingerprint not in run.progress.pages
    open_before = _open_ends(run, pull)
    changes = pull.changes_on(page)
    db.session.rollback()
    for part in _parts(changes):
        brought_before = pull.added + run.report.brought
        healed_before = run.report.healed
        begin_write()
        pull.take(part, asked_at)
        moves_on = pull.added + run.report.brought > brought_before
        run.progress.shows |= pull.new_shows
        if part.done == page.done:
            run.progress.note(fingerprint, is_done=_open_ends(run, pull) == open_before)
            moves_on = moves_on or is_new
        _note_change_set(run, pull)
        run.hold(moves_on=moves_on)
        db.session.commit()
        metrics.count_healed(run.source_name, run.report.healed - healed_before)


def _open_ends(run: RunningPull, pull: AccountPull) -> int:
    """Return how much waits for the end of the pull, or is told there.

    A page that adds to it has to be read again by the next try.
    """
    return pull.left_for_the_end + run.report.unmatched + len(run.report.problems)


def _parts(page: LibraryPage) -> Iterator[LibraryPage]:
    """Yield the page, in parts where nobody else could write meanwhile; pause between them."""
    total = len(page.items)
    size = AT_A_TIME if has_one_writer() else total
    problems = page.problems
    start = 0
    while True:
        began_at = time.monotonic()
        items = page.items[start : start + size]
        start += len(items)
        left = total - start
        yield LibraryPage(items=items, done=page.done - left, total=page.total, problems=problems)
        if not left:
            return
        problems = ()
        was_short = time.monotonic() - began_at < HELD / 2
        size = size * 2 if was_short else AT_A_TIME
        time.sleep(BREATH)


def _finish(run: RunningPull, pull: AccountPull, *, is_whole: bool) -> None:
    """Finish a listing; leave the transaction open."""
    begin_write()
    pull.finish(is_whole=is_whole)
    for show_id in sorted(run.progress.shows - pull.new_shows):
        refresh_show(show_id)
    run.progress.shows.clear()
    _note_change_set(run, pull)
    run.hold()


def _note_change_set(run: RunningPull, pull: AccountPull) -> None:
    for change_set_id in pull.take_change_sets():
        row = insert_for(PullChangeSet).values(
            pull_id=run.claim.pull_id, change_set_id=change_set_id
        )
        db.session.execute(row.on_conflict_do_nothing())


def _note_read(
    account_id: int | None, began_at: datetime, last: LibraryPage | None, *, is_whole: bool
) -> None:
    """Note when the account was read, now that its last page is stored."""
    if account_id is None:
        return
    values: dict[str, object] = {"pulled_at": began_at, "library_size": None}
    if last is not None:
        values["library_size"] = last.total if is_whole else last.library_size
    if is_whole:
        values["swept_at"] = began_at
    db.session.execute(update(SourceAccount).where(SourceAccount.id == account_id).values(values))
    note_accepted(account_id)
