"""`demo`: a sample household to look at, in a folder and a database of its own."""

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

import click
import waitress
from flask import Flask
from werkzeug.utils import import_string

from mydia_web.cli.context import fail, one_line_errors
from mydia_web.cli.schema import ensure_schema
from mydia_web.config import Settings, data_dir, read_settings
from mydia_web.db import db
from mydia_web.demo import PASSWORD, build

#: Tells a demo from anything else that may lie in its place.
MARK = "this is a demo of mydia-web"


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
        settings = _settings(port)
        folder = data_dir(settings) / "demo"
        _refuse_what_is_not_ours(folder)
        if reset or not folder.exists():
            _make(settings, folder)
        if no_serve:
            click.echo(folder)
        else:
            _serve(_app(settings, folder))


def _settings(port: int) -> Settings:
    """The settings without the real database and its key. Servers that do not exist are not asked
    for anything.
    """
    own = ("MYDIA_DATABASE_URL", "MYDIA_SECRET_KEY")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(own)}
    return replace(read_settings(environment), port=port, embedded_worker=False, pull_interval=0)


def _refuse_what_is_not_ours(folder: Path) -> None:
    if not folder.is_symlink():
        if not folder.exists() or (folder / MARK).is_file():
            return
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
            return
    fail(
        f"{folder} is not a demo of mydia-web, so it is left alone. Move it away, or set MYDIA_DATA_DIR."
    )


def _make(settings: Settings, folder: Path) -> None:
    """Build beside and move into place: a demo is whole or not there."""
    part = Path(mkdtemp(prefix="demo-", dir=folder.parent))
    try:
        (part / MARK).touch()
        with _opened(_app(settings, part)):
            ensure_schema()
            build()
            db.session.commit()
        if folder.exists():
            shutil.rmtree(folder)
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _app(settings: Settings, folder: Path) -> Flask:
    # Named by its address: the application stands above its commands.
    create_app = import_string("mydia_web:create_app")
    own = {
        "SETTINGS": replace(settings, data_dir=str(folder)),
        "SESSION_COOKIE_NAME": "mydia_demo_session",
    }
    app: Flask = create_app(own)
    return app


@contextmanager
def _opened(app: Flask) -> Iterator[None]:
    with app.app_context():
        try:
            yield
        finally:
            db.session.remove()
            db.engine.dispose()


def _serve(app: Flask) -> None:
    settings: Settings = app.config["SETTINGS"]
    with _opened(app):
        ensure_schema()
    try:
        server = waitress.create_server(
            app, host=settings.host, port=settings.port, threads=8, ident=None
        )
    except OSError as error:
        fail(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. Choose another with --port."
        )
    click.echo(
        f"The demo is ready: open http://localhost:{server.effective_port}/ "
        f"and sign in as alex or sam with the password {PASSWORD}"
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        server.run()
    finally:
        server.close()
