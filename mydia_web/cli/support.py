"""What commands share: the application on a migrated database, one-line errors, options, output."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import NoReturn, ParamSpec, TypeVar

import click
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Flask
from flask.cli import NoAppException, ScriptInfo
from flask_migrate import upgrade
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from mydia_web.db import db
from mydia_web.errors import InvalidValue, MydiaError, NotFound, WrongSetting
from mydia_web.paths import resource

P = ParamSpec("P")
R = TypeVar("R")

INTERNAL_ERROR = 1
USAGE_ERROR = 2

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


class DatabaseTooNew(MydiaError):
    """
    The database was made by a newer mydia-web. Install that version again, or restore a backup.
    """


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
    """Load the application that `flask --app` or a test names, else our own."""
    context = click.get_current_context()
    named = context.find_object(ScriptInfo)
    if named is not None:
        try:
            return named.load_app()
        except NoAppException:
            pass  # plain `flask sync-queue`, from any folder
    return ScriptInfo(app_import_path="mydia_web").load_app()


def ensure_schema() -> None:
    """Migrate the database if it is older than this version: otherwise, one cheap read.

    Raises `DatabaseTooNew`.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    scripts = ScriptDirectory(str(resource("migrations")))
    with db.engine.connect() as connection:
        present = set(MigrationContext.configure(connection).get_current_heads())
    if present == set(scripts.get_heads()):
        return
    known = {script.revision for script in scripts.walk_revisions()}
    if not present <= known:
        raise DatabaseTooNew
    upgrade()


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn errors into one line on stderr and an exit code, without a traceback."""
    try:
        yield
    except (InvalidValue, NotFound, WrongSetting) as error:
        fail(error.message, USAGE_ERROR)
    except MydiaError as error:
        fail(error.message)
    except DBAPIError as error:
        fail(f"The database cannot be used: {error.orig}.")


def fail(message: str, code: int = INTERNAL_ERROR) -> NoReturn:
    """End the command with a message on stderr."""
    click.echo(f"Error: {message}", err=True)
    raise click.exceptions.Exit(code)


def from_environment(variable: str, option: str) -> str:
    """Return the value, which may be empty, of an environment variable that an option names.

    Raises `InvalidValue` when it is not set.
    """
    value = os.environ.get(variable)
    if value is None:
        raise InvalidValue(option, f"{option}: the environment variable {variable} is not set.")
    return value


def not_empty(variable: str, option: str) -> str:
    """Return the value of an environment variable where an empty one can only be a mistake.

    Raises `InvalidValue`.
    """
    value = from_environment(variable, option)
    if not value:
        raise InvalidValue(option, f"{option}: the environment variable {variable} is empty.")
    return value


def other_credentials(pairs: Sequence[str]) -> dict[str, str]:
    """Return the values that `--credential-env NAME=VAR` gives, by name. They may be empty."""
    credentials = {}
    for pair in pairs:
        name, _, variable = pair.partition("=")
        if not name or not variable:
            raise InvalidValue("--credential-env", f"--credential-env: write NAME=VAR, not {pair}.")
        credentials[name] = from_environment(variable, "--credential-env")
    return credentials


def plain(value: object) -> Text:
    """Return the text without markup and terminal control characters.

    Names and messages come from people and servers.
    """
    if value is None:
        return Text()
    letters = [letter if letter.isprintable() else " " for letter in str(value)]
    return Text("".join(letters))


def progress_bar(*extra_columns: ProgressColumn, hidden: bool = False) -> Progress:
    """Return a bar on stderr that shows only on a terminal and goes away at its end."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *extra_columns,
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    )
