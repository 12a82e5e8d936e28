"""`serve`: the web server with the worker in it."""

import gc
import signal
from typing import Any

import click
import waitress
from flask import Flask

from mydia_web import config
from mydia_web.cli.context import INTERNAL_ERROR, fail, load_app, one_line_errors
from mydia_web.cli.schema import ensure_schema
from mydia_web.logs import set_up
from mydia_web.sync.service import Service

THREADS = 8


@click.command()
def serve() -> None:
    """Migrate the database, serve the pages and deliver the queue."""
    with one_line_errors():
        app = load_app()
        with app.app_context():
            ensure_schema()
            settings = config.settings()
            set_up(settings.log_format, settings.log_level)
        server = _listen(app, settings.host, settings.port)
        service = Service(app.app_context) if settings.embedded_worker else None
        _run(server, service)


def _listen(app: Flask, host: str, port: int) -> Any:
    try:
        server = waitress.create_server(app, host=host, port=port, threads=THREADS, ident=None)
    except OSError as error:
        fail(
            f"Cannot listen on {host} port {port}: {error.strerror}. Choose another with MYDIA_PORT.",
            INTERNAL_ERROR,
        )
    shown = "localhost" if host in ("127.0.0.1", "0.0.0.0", "::") else host  # noqa: S104 - only shown
    click.echo(f"mydia-web is ready: open http://{shown}:{server.effective_port}/")
    return server


def _run(server: Any, service: Service | None) -> None:
    # What start-up made stays for good: the collector need not look at it in the middle of
    # requests.
    gc.collect()
    gc.freeze()
    signal.signal(signal.SIGTERM, _interrupt)
    if service:
        service.start()
    try:
        server.run()
    except KeyboardInterrupt:
        pass
    finally:
        server.close()
        if service:
            service.stop()


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt
