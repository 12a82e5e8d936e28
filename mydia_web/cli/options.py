"""Options that several commands share."""

import os

import click

from mydia_web.errors import InvalidValue

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def from_environment(variable: str | None, option: str) -> str:
    """The value of an environment variable that an option names. Raises `InvalidValue` when it is not set."""
    if variable is None:
        return ""
    value = os.environ.get(variable)
    if not value:
        raise InvalidValue(option, f"{option}: the environment variable {variable} is not set.")
    return value
