"""Options that several commands share."""

import os
from collections.abc import Sequence

import click

from mydia_web.errors import InvalidValue

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")


def from_environment(variable: str, option: str) -> str:
    """The value of an environment variable that an option names, which may be empty.

    Raises `InvalidValue` when it is not set.
    """
    value = os.environ.get(variable)
    if value is None:
        raise InvalidValue(option, f"{option}: the environment variable {variable} is not set.")
    return value


def not_empty(variable: str, option: str) -> str:
    """As `from_environment`, where an empty value can only be a mistake."""
    value = from_environment(variable, option)
    if not value:
        raise InvalidValue(option, f"{option}: the environment variable {variable} is empty.")
    return value


def other_credentials(pairs: Sequence[str]) -> dict[str, str]:
    """What `--credential-env NAME=VAR` names, by name; a password or PIN among it may be empty."""
    found = {}
    for pair in pairs:
        name, separator, variable = pair.partition("=")
        if not (name and separator and variable):
            raise InvalidValue("--credential-env", f"--credential-env: write NAME=VAR, not {pair}.")
        found[name] = from_environment(variable, "--credential-env")
    return found
