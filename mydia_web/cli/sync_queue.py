"""`sync-queue`: deliver what the servers are still owed."""

import json
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from threading import Event, Thread, Timer

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Table

from mydia_web import config
from mydia_web.cli.context import USAGE_ERROR, fail, with_app
from mydia_web.cli.live import LiveView, show
from mydia_web.cli.options import json_option
from mydia_web.cli.queue_state import as_json as depth_as_json
from mydia_web.cli.queue_state import note, planned_calls, retry_failed, waits_for_sign_in
from mydia_web.cli.terminal import plain
from mydia_web.config import app_context
from mydia_web.db import begin_write, db
from mydia_web.logs import set_up
from mydia_web.queue.depths import Depth, depths
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.queue.sign_ins import ask_again
from mydia_web.sources.accounts import find_source, list_sources
from mydia_web.sources.health import pause, pause_all, resume, resume_all
from mydia_web.sync.ahead import cut_times_ahead
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.summary import Summary
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.service import READERS, Service, keep_going, watch_queue

ALL_DONE = 0
NEEDS_A_PERSON = 3
LATER = 4


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
def sync_queue(
    watch: bool,
    limit: int | None,
    names: tuple[str, ...],
    retry_failed: bool,
    dry_run: bool,
    status: bool,
    max_seconds: float | None,
    to_pause: str | None,
    to_resume: str | None,
    all_paused: bool | None,
    as_json: bool,
) -> None:
    """Deliver what the servers are still owed.

    \b
    Exit codes: 0 everything due was delivered, 1 internal error, 2 usage,
    3 something now needs a person, 4 something remains for later.
    """
    pauses = [bool(to_pause), bool(to_resume), all_paused is not None]
    if sum([watch, dry_run, status, *pauses]) > 1:
        fail("Choose one of --watch, --dry-run, --status, --pause and --resume.", USAGE_ERROR)
    source_ids = [find_source(name).id for name in names] or [
        source.id for source in list_sources()
    ]
    db.session.rollback()
    if any(pauses):
        _set_pause(to_pause, to_resume, all_paused)
    elif status:
        _show_status(depths(source_ids), as_json)
    elif dry_run:
        _show_plan(source_ids, limit, as_json)
    elif watch:
        _watch(source_ids if names else None, max_seconds, as_json=as_json)
    else:
        _drain(source_ids, limit, max_seconds, as_json=as_json, again=retry_failed)


def _set_pause(to_pause: str | None, to_resume: str | None, all_paused: bool | None) -> None:
    begin_write()
    if to_pause:
        pause(find_source(to_pause))
    elif to_resume:
        resume(find_source(to_resume))
    elif all_paused:
        pause_all()
    else:
        resume_all()
    db.session.commit()
    what = to_pause or to_resume or "Every source"
    click.echo(f"{what} {'is paused' if to_pause or all_paused else 'goes on'}.")


def _show_status(found: Sequence[Depth], as_json: bool) -> None:
    if as_json:
        for depth in found:
            click.echo(json.dumps(depth_as_json(depth)))
        return
    table = Table("Source", "Waiting", "Sending", "Needs you", "Delivered", "")
    for depth in found:
        table.add_row(
            plain(depth.source.name),
            str(depth.waiting),
            str(depth.sending),
            str(depth.needs_you),
            str(depth.synced),
            plain(note(depth.source)),
        )
    Console().print(table)


def _show_plan(source_ids: Sequence[int], limit: int | None, as_json: bool) -> None:
    for call in planned_calls(source_ids, limit or 1000):
        click.echo(json.dumps(call.as_json()) if as_json else call.text)


def _watch(source_ids: list[int] | None, max_seconds: float | None, *, as_json: bool) -> None:
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    if max_seconds is not None:
        end = Timer(max_seconds, stop.set)
        end.daemon = True
        end.start()
    # A worker of all sources also reads them, for where no web server does.
    readers = Service(app_context(), READERS if source_ids is None else ())
    readers.start()
    console = Console()
    try:
        if console.is_terminal and not console.is_dumb_terminal and not as_json:
            _watch_live(source_ids, stop, console)
            return
        set_up(config.settings().log_format, config.settings().log_level)
        click.echo("Watching the queue. Ctrl-C ends it.", err=True)
        keep_going(_watching(source_ids), stop, app_context())
    finally:
        readers.stop()


def _watch_live(source_ids: list[int] | None, stop: Event, console: Console) -> None:
    """The worker in a thread of its own, and this one shows what it does."""
    view, settings = LiveView(source_ids), config.settings()
    set_up(settings.log_format, settings.log_level, view.tail, stderr=not sys.stderr.isatty())
    watching = _watching(source_ids, view.settled)
    worker = Thread(target=keep_going, args=(watching, stop, app_context()), name="watch_queue")
    worker.start()
    try:
        show(view, console, stop, worker)
    finally:
        stop.set()
        worker.join()


def _watching(
    source_ids: list[int] | None, on_settled: Callable[[Outcome], None] = lambda _outcome: None
) -> Callable[[Event], None]:
    def watching(stop: Event) -> None:
        watch_queue(stop, source_ids=source_ids, on_settled=on_settled)

    return watching


def _drain(
    source_ids: Sequence[int],
    limit: int | None,
    max_seconds: float | None,
    *,
    as_json: bool,
    again: bool,
) -> None:
    queue, stop = PlaybackSyncRepository(), Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    # Where no server runs beside it, nobody else reads what webhooks have brought.
    apply_events(stop)
    begin_write()
    if again:
        retry_failed(source_ids)
        ask_again(source_ids)
    cut_times_ahead()
    queue.rescue()
    # A person is asking: neither the undo window nor a pause after a failure keeps them waiting.
    queue.hurry(source_ids)
    db.session.commit()
    owed = sum(depth.waiting for depth in depths(source_ids))
    db.session.rollback()
    total = min(owed, limit or owed)
    with _bar(total, hidden=as_json) as bar:
        task = bar.add_task("Delivering", total=total) if bar else None

        def settled(_outcome: Outcome) -> None:
            if bar is not None and task is not None:
                bar.update(task, advance=1)

        with Worker(source_ids=source_ids, on_settled=settled) as worker:
            summary = worker.drain(limit=limit, max_seconds=max_seconds, stop=stop, probe=True)
    left = depths(source_ids)
    _show_summary(summary, left, as_json)
    raise click.exceptions.Exit(_exit_code(summary, left))


def _bar(total: int, *, hidden: bool) -> AbstractContextManager[Progress | None]:
    console = Console(stderr=True)
    if hidden or not total or not console.is_terminal:
        return nullcontext()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    return Progress(*columns, console=console, transient=True)


def _show_summary(summary: Summary, left: Sequence[Depth], as_json: bool) -> None:
    remaining = {depth.source.name: depth.owed for depth in left}
    rows = [
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
    if as_json:
        for row in rows:
            click.echo(json.dumps(row))
        return
    if not rows:
        click.echo("Nothing is due.")
        return
    table = Table("Source", "Delivered", "Later", "Needs you", "Remaining", "Last error")
    for row in rows:
        table.add_row(*(plain(value) for value in row.values()))
    Console().print(table)


def _exit_code(summary: Summary, left: Sequence[Depth]) -> int:
    if any(tally.needs_you for tally in summary.tallies.values()):
        return NEEDS_A_PERSON
    owed = any(depth.owed for depth in left) or waits_for_sign_in(
        [depth.source.id for depth in left]
    )
    return LATER if owed else ALL_DONE
