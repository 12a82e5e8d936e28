"""`tokens`: what players and scripts sign in with."""

import click

from mydia_web.accounts.users import add_token, get_user
from mydia_web.cli.context import with_app
from mydia_web.db import begin_write, db


@click.group()
def tokens() -> None:
    """Make API tokens."""


@tokens.command()
@click.argument("user_name", metavar="NAME")
@click.option(
    "--name", "label", required=True, help="What the token is for, such as the player's name."
)
@with_app
def add(user_name: str, label: str) -> None:
    """Make a token for the user NAME. It is printed this once."""
    begin_write()
    token = add_token(get_user(user_name), label)
    db.session.commit()
    click.echo(token)
