"""What every command stands on: the application, a database of the right shape, errors as one line."""

from collections.abc import Callable
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import click
from flask import Flask
from flask.cli import NoAppException, ScriptInfo
from sqlalchemy.exc import DBAPIError

from mydia_web.cli.schema import ensure_schema
from mydia_web.errors import InvalidValue, MydiaError, NotFound, WrongSetting

P = ParamSpec("P")
R = TypeVar("R")

INTERNAL_ERROR = 1
USAGE_ERROR = 2


def with_app(command: Callable[P, R]) -> Callable[P, R]:
    """Run the command in an application context, on a migrated database."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with one_line_errors():
            app = load_app()
            with app.app_context():
                ensure_schema()
                return command(*args, **kwargs)

    return run


def load_app() -> Flask:
    """The application that `flask --app` or a test names, else our own."""
    context = click.get_current_context()
    named = context.find_object(ScriptInfo)
    if named is not None:
        try:
            return named.load_app()
        except NoAppException:
            pass  # plain `flask sync-queue`, from any folder
    return ScriptInfo(app_import_path="mydia_web").load_app()


class one_line_errors:  # noqa: N801 - reads as a statement
    """Turn errors into one line on stderr and an exit code; a traceback would help nobody who reads
    it.
    """

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, InvalidValue | NotFound | WrongSetting):
            fail(error.message, USAGE_ERROR)
        if isinstance(error, MydiaError):
            fail(error.message, INTERNAL_ERROR)
        if isinstance(error, DBAPIError):
            fail(f"The database cannot be used: {error.orig}.", INTERNAL_ERROR)


def fail(message: str, code: int = INTERNAL_ERROR) -> NoReturn:
    click.echo(f"Error: {message}", err=True)
    raise click.exceptions.Exit(code)
