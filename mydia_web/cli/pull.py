"""`pull`: read libraries and watch state from the sources, now."""

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from mydia_web.backends.errors import BackendError
from mydia_web.cli.context import INTERNAL_ERROR, with_app
from mydia_web.db import begin_write, db
from mydia_web.errors import NotFound
from mydia_web.sources.accounts import find_source, list_sources
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import preview_pull, reclaim_lost_pulls, run_pull
from mydia_web.sync.pulls import request_pull


@click.command()
@click.argument("name", required=False)
@click.option("--dry-run", is_flag=True, help="Say what it would bring, and change nothing.")
@with_app
def pull(name: str | None, dry_run: bool) -> None:
    """Read library and watch state from the source NAME, or from all."""
    wanted = [find_source(name)] if name else [source for source in list_sources() if source.enabled]
    if not wanted:
        raise NotFound("There are no sources yet. Add one with: mydia-web sources add")
    sources = [(source.id, source.name) for source in wanted]
    db.session.rollback()
    reclaim_lost_pulls()
    failed = 0
    for source_id, source_name in sources:
        try:
            click.echo(f"{source_name}: {_preview(source_id) if dry_run else _pull(source_id, source_name)}")
        except BackendError as error:
            failed += 1
            click.echo(f"{source_name}: {error.message}", err=True)
    if failed:
        raise click.exceptions.Exit(INTERNAL_ERROR)


def _preview(source_id: int) -> str:
    return f"would bring {preview_pull(source_id).message}"


def _pull(source_id: int, source_name: str) -> str:
    begin_write()
    pull_id = request_pull(source_id, is_sweep=True).id
    db.session.commit()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(source_name, total=None)
        report = run_pull(pull_id, lambda seen: _show(bar, task, seen))
    return report.message if report else "is being pulled by another process."


def _show(bar: Progress, task: int, report: Report) -> None:
    bar.update(task, completed=report.done, total=report.total)  # type: ignore[arg-type]
