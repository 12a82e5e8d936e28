"""`sync-queue`: deliver what the servers are still owed."""

import json
import signal
import sys
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from threading import Event, Thread, Timer
from typing import Any

import click
from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from mydia_web import config
from mydia_web.cli.live import LiveView, show
from mydia_web.cli.support import USAGE_ERROR, fail, json_option, plain, progress_bar, with_app
from mydia_web.db import begin_write, db
from mydia_web.logs import set_up
from mydia_web.queue.board import SourceCounts, count_by_source
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import ask_again
from mydia_web.sources.accounts import accounts_of, find_source, list_sources
from mydia_web.sources.health import is_paused, pause, pause_all, resume, resume_all
from mydia_web.sources.models import Source
from mydia_web.sync.ahead import cut_times_ahead
from mydia_web.sync.clients import open_account
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.outbound.delivery import Outcome, prepare
from mydia_web.sync.outbound.metrics import Summary
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.service import READERS, Service, keep_going, watch_queue

ALL_DONE = 0
NEEDS_A_PERSON = 3
LATER = 4
#: How many changes a dry run shows without `--limit`.
MAX_PLANNED = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The options of `sync-queue`."""

    watch: bool
    limit: int | None
    names: tuple[str, ...]
    retry_failed: bool
    dry_run: bool
    status: bool
    max_seconds: float | None
    to_pause: str | None
    to_resume: str | None
    all_paused: bool | None
    as_json: bool

    @property
    def changes_pause(self) -> bool:
        return bool(self.to_pause or self.to_resume) or self.all_paused is not None

    def check(self) -> None:
        modes = (
            self.watch,
            self.dry_run,
            self.status,
            self.to_pause is not None,
            self.to_resume is not None,
            self.all_paused is not None,
        )
        if sum(modes) > 1:
            fail("Choose one of --watch, --dry-run, --status, --pause and --resume.", USAGE_ERROR)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """One call that a delivery would make."""

    row_id: int
    source: str
    call: str


@click.command("sync-queue")
@click.option("--watch", is_flag=True, help="Keep running and deliver whatever becomes due.")
@click.option("--limit", type=click.IntRange(min=1), help="Send at most this many changes.")
@click.option(
    "--source", "names", multiple=True, metavar="NAME", help="Only to this source; may be repeated."
)
@click.option("--retry-failed", is_flag=True, help="Try again what needs a person.")
@click.option("--dry-run", is_flag=True, help="Print the exact calls, and make none.")
@click.option("--status", is_flag=True, help="Show what is owed, and send nothing.")
@click.option(
    "--max-seconds",
    type=click.FloatRange(min=0),
    help="Stop claiming after this long, or watching.",
)
@click.option(
    "--pause", "to_pause", metavar="NAME", help="Send nothing to this source until --resume."
)
@click.option("--resume", "to_resume", metavar="NAME", help="Send to this source again.")
@click.option(
    "--pause-all/--resume-all", "all_paused", default=None, help="The same for every source."
)
@json_option
@with_app
def sync_queue(**arguments: Any) -> None:
    """Deliver what the servers are still owed.

    \b
    Exit codes: 0 everything due was delivered, 1 internal error, 2 usage,
    3 something now needs a person, 4 something remains for later.
    """
    options = Options(**arguments)
    options.check()
    sources = [find_source(name) for name in options.names] or list_sources()
    source_ids = [source.id for source in sources]
    db.session.rollback()
    if options.changes_pause:
        _set_pause(options)
    elif options.status:
        _show_status(count_by_source(source_ids), as_json=options.as_json)
    elif options.dry_run:
        _show_plan(planned_calls(source_ids, options.limit or MAX_PLANNED), options.as_json)
    elif options.watch:
        _watch(source_ids if options.names else None, options)
    else:
        _drain(source_ids, options)


def _set_pause(options: Options) -> None:
    begin_write()
    if options.to_pause:
        pause(find_source(options.to_pause))
        outcome = f"{options.to_pause} is paused."
    elif options.to_resume:
        resume(find_source(options.to_resume))
        outcome = f"{options.to_resume} goes on."
    elif options.all_paused:
        pause_all()
        outcome = "Every source is paused."
    else:
        resume_all()
        outcome = "Every source goes on."
    db.session.commit()
    click.echo(outcome)


def _show_status(queues: Sequence[SourceCounts], *, as_json: bool) -> None:
    rows = [
        {
            "source": queue.source.name,
            "waiting": queue.waiting,
            "sending": queue.sending,
            "needs_you": queue.needs_you,
            "synced": queue.synced,
            "note": _note(queue.source),
        }
        for queue in queues
    ]
    headings = ("Source", "Waiting", "Sending", "Needs you", "Delivered", "")
    _print_rows(headings, rows, as_json=as_json)


def _note(source: Source) -> str:
    if source.pause_reason == "operator":
        return "paused"
    if source.paused_until and is_paused(source):
        until = f"until {source.paused_until:%H:%M:%S} UTC"
        if source.pause_reason == "down":
            return f"is down {until}"
        return f"asked us to wait {until}"
    return source.last_error or ""


def _print_rows(
    headings: Sequence[str], rows: Sequence[dict[str, object]], *, as_json: bool
) -> None:
    """Print a table, or one JSON object for each row."""
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    table = Table(*headings)
    for row in rows:
        table.add_row(*map(plain, row.values()))
    Console().print(table)


def planned_calls(source_ids: Sequence[int], limit: int) -> Iterable[PlannedCall]:
    """Yield the calls that the next deliveries would make, without claiming their rows."""
    is_scheduled = QueuedChange.next_attempt_at.is_not(None)
    query = (
        select(QueuedChange)
        .where(QueuedChange.source_id.in_(source_ids), is_scheduled)
        .order_by(QueuedChange.next_attempt_at, QueuedChange.id)
        .limit(limit)
    )
    rows = db.session.scalars(query).all()
    for row, delivery in zip(rows, prepare(rows), strict=True):
        source = db.session.get_one(Source, row.source_id)
        accounts = {account.user_id: account for account in accounts_of(source.id)}
        with closing(open_account(source, accounts.get(row.user_id))) as backend:
            for _, target in delivery.targets:
                for call in backend.explain(target, delivery.wanted):
                    yield PlannedCall(row.id, source.name, call)


def _show_plan(calls: Iterable[PlannedCall], as_json: bool) -> None:
    for call in calls:
        if as_json:
            click.echo(json.dumps(asdict(call)))
        else:
            click.echo(f"{call.source}  #{call.row_id}  {call.call}")


def _watch(source_ids: list[int] | None, options: Options) -> None:
    """Deliver until a signal or `--max-seconds`; without `--source`, also read the sources."""
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if options.max_seconds is not None:
        timer = Timer(options.max_seconds, stop.set)
        timer.daemon = True
        timer.start()
    readers = Service(config.app_context(), READERS if source_ids is None else ())
    readers.start()
    console = Console()
    has_view = console.is_terminal and not console.is_dumb_terminal
    try:
        if has_view and not options.as_json:
            _watch_live(source_ids, stop, console)
        else:
            _watch_logging(source_ids, stop)
    finally:
        readers.stop()


def _watch_logging(source_ids: list[int] | None, stop: Event) -> None:
    settings = config.settings()
    set_up(settings.log_format, settings.log_level)
    click.echo("Watching the queue. Ctrl-C ends it.", err=True)

    def watch(stop: Event) -> None:
        watch_queue(stop, source_ids=source_ids)

    keep_going(watch, stop, config.app_context())


def _watch_live(source_ids: list[int] | None, stop: Event, console: Console) -> None:
    """Run the worker in a thread of its own, and show in this one what it does."""
    view = LiveView(source_ids)
    settings = config.settings()
    set_up(settings.log_format, settings.log_level, view.tail, stderr=not sys.stderr.isatty())

    def watch(stop: Event) -> None:
        watch_queue(stop, source_ids=source_ids, on_settled=view.settled)

    worker = Thread(target=keep_going, args=(watch, stop, config.app_context()), name="watch_queue")
    worker.start()
    try:
        show(view, console, stop, worker)
    finally:
        stop.set()
        worker.join()


def _drain(source_ids: Sequence[int], options: Options) -> None:
    """Deliver what is due, and exit with the code that says what is left."""
    stop = Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Where no server runs beside it, nobody else reads what webhooks have brought.
    apply_events(stop)
    _make_due(source_ids, retry_failed=options.retry_failed)
    total = sum(queue.waiting for queue in count_by_source(source_ids))
    db.session.rollback()
    if options.limit is not None:
        total = min(total, options.limit)
    with progress_bar(hidden=options.as_json or not total) as bar:
        task = bar.add_task("Delivering", total=total)

        def settled(_outcome: Outcome) -> None:
            bar.advance(task)

        with Worker(source_ids=source_ids, on_settled=settled) as worker:
            summary = worker.drain(
                limit=options.limit, max_seconds=options.max_seconds, stop=stop, probe=True
            )
    left = count_by_source(source_ids)
    _show_summary(summary, left, as_json=options.as_json)
    raise click.exceptions.Exit(_exit_code(summary, left))


def _make_due(source_ids: Sequence[int], *, retry_failed: bool) -> None:
    queue = PlaybackSyncRepository()
    begin_write()
    if retry_failed:
        queue.retry_sources(source_ids)
        ask_again(source_ids)
    cut_times_ahead()
    queue.rescue()
    # A person is asking: neither the undo window nor a pause after a failure keeps them waiting.
    queue.hurry(source_ids)
    db.session.commit()


def _show_summary(summary: Summary, left: Sequence[SourceCounts], *, as_json: bool) -> None:
    remaining = {queue.source.name: queue.owed for queue in left}
    rows: list[dict[str, object]] = [
        {
            "source": source,
            "synced": tally.synced,
            "deferred": tally.deferred,
            "needs_you": tally.needs_you,
            "remaining": remaining.get(source, 0),
            "last_error": tally.last_error or None,
        }
        for source, tally in sorted(summary.tallies.items())
    ]
    if not rows and not as_json:
        click.echo("Nothing is due.")
        return
    headings = ("Source", "Delivered", "Later", "Needs you", "Remaining", "Last error")
    _print_rows(headings, rows, as_json=as_json)


def _exit_code(summary: Summary, left: Sequence[SourceCounts]) -> int:
    if any(tally.needs_you for tally in summary.tallies.values()):
        return NEEDS_A_PERSON
    if any(queue.owed for queue in left):
        return LATER
    if _waits_for_sign_in([queue.source.id for queue in left]):
        return LATER
    return ALL_DONE


def _waits_for_sign_in(source_ids: Sequence[int]) -> bool:
    """Return whether a change goes out once its account is signed in again."""
    refused = select(QueuedChange.id).where(
        QueuedChange.source_id.in_(source_ids),
        QueuedChange.status == Status.FAILED,
        QueuedChange.error_class == "auth",
    )
    return db.session.scalar(refused.limit(1)) is not None
