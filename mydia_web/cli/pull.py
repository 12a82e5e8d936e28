"""`pull`: read libraries and watch state from the sources, now."""

import signal

import click
from rich.progress import TimeRemainingColumn

from mydia_web.backends.errors import BackendError
from mydia_web.cli.support import INTERNAL_ERROR, progress_bar, with_app
from mydia_web.db import begin_write, db
from mydia_web.errors import NotFound
from mydia_web.sources.accounts import find_source, list_sources
from mydia_web.sources.models import Pull, Source
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
    sources = {source.id: source.name for source in _chosen(name)}
    db.session.rollback()
    # On SIGTERM, give the pull back, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    reclaim_lost_pulls()
    has_failed = False
    for source_id, source_name in sources.items():
        try:
            if dry_run:
                outcome = f"would bring {preview_pull(source_id).message}"
            else:
                outcome = _pull(source_id, source_name, everything=everything)
            click.echo(f"{source_name}: {outcome}")
        except BackendError as error:
            has_failed = True
            click.echo(f"{source_name}: {error.message}", err=True)
    if has_failed:
        raise click.exceptions.Exit(INTERNAL_ERROR)


def _chosen(name: str | None) -> list[Source]:
    if name:
        return [find_source(name)]
    enabled = [source for source in list_sources() if source.enabled]
    if not enabled:
        raise NotFound("There are no sources yet. Add one with: mydia-web sources add")
    return enabled


def _pull(source_id: int, source_name: str, *, everything: bool) -> str:
    begin_write()
    pull_id = request_pull(source_id, is_sweep=everything).id
    db.session.commit()
    with progress_bar(TimeRemainingColumn()) as bar:
        task = bar.add_task(source_name, total=None)

        def show(report: Report) -> None:
            bar.update(task, completed=report.done, total=report.total)

        report = run_pull(pull_id, show)
    if report is None:
        return _why_not(pull_id)
    return report.message


def _why_not(pull_id: int) -> str:
    """Say what has become of a pull that this process did not end."""
    pull = db.session.get(Pull, pull_id, populate_existing=True)
    if pull is None or pull.finished_at is not None:
        return "was read by another process."
    if not is_being_read(pull):
        return "was interrupted. The running server goes on with it, or pull again."
    assert pull.began_at is not None
    words = f"is being read by another process since {pull.began_at.astimezone():%H:%M:%S}"
    if pull.done:
        words += f", {pull.done} titles so far"
    words += "."
    if pull.followed_by in ("sweep", "removals", "keep"):
        words += " Everything is read after that."
    return words
