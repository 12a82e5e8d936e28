"""`serve` and `demo`: the web server with the worker in it, and a sample household to look at."""

import gc
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import click
import waitress
from flask import Flask
from werkzeug.utils import import_string

from mydia_web import config
from mydia_web.cli.support import ensure_schema, fail, load_app, one_line_errors
from mydia_web.config import Settings
from mydia_web.db import db
from mydia_web.demo import PASSWORD, build
from mydia_web.logs import set_up
from mydia_web.sync.service import Service

THREADS = 8
#: A file in the folder of a demo, which tells it from anything else in that place.
DEMO_MARK = "this is a demo of mydia-web"


@click.command()
def serve() -> None:
    """Migrate the database, serve the pages and deliver the queue."""
    with one_line_errors():
        app = load_app()
        with app.app_context():
            ensure_schema()
            settings = config.settings()
            set_up(settings.log_format, settings.log_level)
        server = _listen(app, settings, "MYDIA_PORT")
        host = settings.host
        if host in ("127.0.0.1", "0.0.0.0", "::"):  # noqa: S104 - only shown
            host = "localhost"
        click.echo(f"mydia-web is ready: open http://{host}:{server.effective_port}/")
        # What start-up made stays for good: the garbage collector need not look at it in the
        # middle of requests.
        gc.collect()
        gc.freeze()
        if settings.embedded_worker:
            _run(server, Service(app.app_context))
        else:
            _run(server, Service(app.app_context, ()))


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8643,
    show_default=True,
    help="Where to serve it.",
)
@click.option("--reset", is_flag=True, help="Make it anew; what was changed in it is lost.")
@click.option("--no-serve", is_flag=True, help="Only build it, and print its folder.")
def demo(port: int, reset: bool, no_serve: bool) -> None:
    """Show a sample household; real data is not touched."""
    with one_line_errors():
        settings = _demo_settings(port)
        folder = config.data_dir(settings) / "demo"
        if not _may_be_replaced(folder):
            fail(
                f"{folder} is not a demo of mydia-web, so it is left alone. "
                "Move it away, or set MYDIA_DATA_DIR."
            )
        if reset or not (folder / DEMO_MARK).exists():
            _build_demo(settings, folder)
        if no_serve:
            click.echo(folder)
        else:
            _serve_demo(settings, folder)


def _demo_settings(port: int) -> Settings:
    """Return the settings without the real database and its key, and without any syncing.

    The servers of the demo do not exist, so nothing is asked of them.
    """
    own = ("MYDIA_DATABASE_URL", "MYDIA_SECRET_KEY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    settings = config.read_settings(environment)
    return replace(settings, port=port, embedded_worker=False, pull_interval=0)


def _may_be_replaced(folder: Path) -> bool:
    if folder.is_symlink():
        return False
    if not folder.exists():
        return True
    is_empty = folder.is_dir() and not any(folder.iterdir())
    return is_empty or (folder / DEMO_MARK).is_file()


def _build_demo(settings: Settings, folder: Path) -> None:
    """Build the demo in another folder and move it into place, so that it is never half there."""
    part = Path(mkdtemp(prefix="demo-", dir=folder.parent))
    try:
        (part / DEMO_MARK).touch()
        with _migrated(_demo_app(settings, part)):
            build()
            db.session.commit()
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _serve_demo(settings: Settings, folder: Path) -> None:
    app = _demo_app(settings, folder)
    with _migrated(app):
        server = _listen(app, settings, "--port")
    click.echo(
        f"The demo is ready: open http://localhost:{server.effective_port}/ "
        f"and sign in as alex or sam with the password {PASSWORD}"
    )
    _run(server, Service(app.app_context, ()))


def _demo_app(settings: Settings, folder: Path) -> Flask:
    # Named by its address: the application stands above its commands.
    create_app = import_string("mydia_web:create_app")
    overrides = {
        "SETTINGS": replace(settings, data_dir=str(folder)),
        "SESSION_COOKIE_NAME": "mydia_demo_session",
    }
    app: Flask = create_app(overrides)
    return app


@contextmanager
def _migrated(app: Flask) -> Iterator[None]:
    """Use the application's database, and close it afterwards: its folder may be moved."""
    with app.app_context():
        try:
            ensure_schema()
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def _listen(app: Flask, settings: Settings, other_port: str) -> Any:
    host = settings.host
    port = settings.port
    try:
        return waitress.create_server(app, host=host, port=port, threads=THREADS, ident=None)
    except OSError as error:
        reason = f"Cannot listen on {host} port {port}: {error.strerror}."
        fail(f"{reason} Choose another with {other_port}.")


def _run(server: Any, service: Service) -> None:
    """Serve until Ctrl-C or SIGTERM; what is under way is finished."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    service.start()
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        service.stop()
