"""`users`: who watches here."""

import json

import click
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.accounts.users import add_user
from mydia_web.cli.context import with_app
from mydia_web.cli.options import json_option, not_empty
from mydia_web.db import begin_write, db


@click.group()
def users() -> None:
    """Add and list the people who watch."""


@users.command()
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
def add(name: str, admin: bool, password_env: str | None, time_zone: str) -> None:
    """Add a user."""
    if password_env is None:
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    else:
        password = not_empty(password_env, "--password-env")
    begin_write()
    user = add_user(name, password, is_admin=admin, time_zone=time_zone)
    db.session.commit()
    click.echo(f"Added {user.name}{', an admin' if admin else ''}.")


@users.command(name="list")
@json_option
@with_app
def list_(as_json: bool) -> None:
    """List the users."""
    found = db.session.scalars(select(User).order_by(User.name_key)).all()
    if as_json:
        click.echo(
            json.dumps(
                [
                    {"name": user.name, "admin": user.is_admin, "time_zone": user.time_zone}
                    for user in found
                ]
            )
        )
        return
    for user in found:
        click.echo(f"{user.name}{'  (admin)' if user.is_admin else ''}")
