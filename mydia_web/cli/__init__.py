"""Commands: `mydia-web …`, and the same as `flask --app mydia_web …`."""

import click
from flask import Flask

from mydia_web.cli.pull import pull
from mydia_web.cli.serve import demo, serve
from mydia_web.cli.sources import sources
from mydia_web.cli.sync_queue import sync_queue
from mydia_web.cli.users import tokens, users

COMMANDS: tuple[click.Command, ...] = (serve, sync_queue, pull, sources, users, tokens, demo)


@click.group(invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="mydia-web")
@click.pass_context
def main(context: click.Context) -> None:
    """One Continue Watching, one History, one click that marks it watched everywhere.

    Without a command: `serve`.
    """
    if context.invoked_subcommand is None:
        context.invoke(serve)


for _command in COMMANDS:
    main.add_command(_command)


def register(app: Flask) -> None:
    """Add the commands to `flask --app mydia_web`."""
    for command in COMMANDS:
        app.cli.add_command(command)
