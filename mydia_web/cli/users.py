"""`users` and `tokens`: who watches here, and what their players and scripts sign in with."""

import json

import click

from mydia_web.accounts.users import add_token, add_user, get_user, list_users
from mydia_web.cli.support import json_option, not_empty, with_app
from mydia_web.db import begin_write, db


@click.group()
def users() -> None:
    """Add and list the people who watch."""


@users.command("add")
@click.argument("name")
@click.option("--admin", is_flag=True, help="May add sources and users.")
@click.option(
    "--password-env",
    metavar="VAR",
    help="Read the password from this environment variable, unasked.",
)
@click.option(
    "--time-zone", default="UTC", show_default=True, help="IANA name, such as Europe/Berlin."
)
@with_app
def _add_user(name: str, admin: bool, password_env: str | None, time_zone: str) -> None:
    """Add a user."""
    if password_env is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = not_empty(password_env, "--password-env")
    begin_write()
    user = add_user(name, password, is_admin=admin, time_zone=time_zone)
    db.session.commit()
    role = ", an admin" if admin else ""
    click.echo(f"Added {user.name}{role}.")


@users.command("list")
@json_option
@with_app
def _list_users(as_json: bool) -> None:
    """List the users."""
    rows = [
        {"name": user.name, "admin": user.is_admin, "time_zone": user.time_zone}
        for user in list_users()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        role = "  (admin)" if row["admin"] else ""
        click.echo(f"{row['name']}{role}")


@click.group()
def tokens() -> None:
    """Make API tokens."""


@tokens.command("add")
@click.argument("user_name", metavar="NAME")
@click.option(
    "--name", "label", required=True, help="What the token is for, such as the player's name."
)
@with_app
def _add_token(user_name: str, label: str) -> None:
    """Make a token for the user NAME. It is printed this once."""
    begin_write()
    token = add_token(get_user(user_name), label)
    db.session.commit()
    click.echo(token)
