"""`pull`: read libraries and watch state from the sources, now."""

import signal
from typing import NoReturn

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mydia_web.backends.errors import BackendError
from mydia_web.cli.context import INTERNAL_ERROR, with_app
from mydia_web.db import begin_write, db
from mydia_web.errors import NotFound
from mydia_web.sources.accounts import find_source, list_sources
from mydia_web.sources.models import Pull
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import preview_pull, reclaim_lost_pulls, run_pull
from mydia_web.sync.pulls import is_being_read, request_pull


@click.command()
@click.argument("name", required=False)
@click.option("--everything", is_flag=True, help="Read everything, and not only what is new.")
@click.option(
    "--dry-run", is_flag=True, help="Say what reading everything would bring, and change nothing."
)
@with_app
def pull(name: str | None, everything: bool, dry_run: bool) -> None:
    """Read what is new in library and watch state from the source NAME, or from all.

    A source that was not read whole for a day is read whole.
    """
    wanted = (
        [find_source(name)] if name else [source for source in list_sources() if source.enabled]
    )
    if not wanted:
        raise NotFound("There are no sources yet. Add one with: mydia-web sources add")
    sources = [(source.id, source.name) for source in wanted]
    db.session.rollback()
    # Told to end, it gives the pull back, as after Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    reclaim_lost_pulls()
    failed = 0
    for source_id, source_name in sources:
        try:
            words = (
                _preview(source_id)
                if dry_run
                else _pull(source_id, source_name, everything=everything)
            )
            click.echo(f"{source_name}: {words}")
        except BackendError as error:
            failed += 1
            click.echo(f"{source_name}: {error.message}", err=True)
    if failed:
        raise click.exceptions.Exit(INTERNAL_ERROR)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _preview(source_id: int) -> str:
    return f"would bring {preview_pull(source_id).message}"


def _pull(source_id: int, source_name: str, *, everything: bool) -> str:
    begin_write()
    pull_id = request_pull(source_id, is_sweep=everything).id
    db.session.commit()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(source_name, total=None)
        report = run_pull(pull_id, lambda seen: _show(bar, task, seen))
    return report.message if report else _why_not(pull_id)


def _why_not(pull_id: int) -> str:
    """Say what has become of a pull that this process did not end."""
    pull = db.session.get(Pull, pull_id, populate_existing=True)
    if pull is None or pull.finished_at is not None:
        return "was read by another process."
    if not is_being_read(pull):
        return "was interrupted. The running server goes on with it, or pull again."
    assert pull.began_at is not None
    since = f"{pull.began_at.astimezone():%H:%M:%S}"
    how_far = f", {pull.done} titles so far" if pull.done else ""
    after = (
        " Everything is read after that."
        if pull.followed_by in ("sweep", "removals", "keep")
        else ""
    )
    return f"is being read by another process since {since}{how_far}.{after}"


def _show(bar: Progress, task: int, report: Report) -> None:
    bar.update(task, completed=report.done, total=report.total)  # type: ignore[arg-type]
