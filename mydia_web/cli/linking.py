"""`sources link`, `libraries` and `rekey`: what belongs to accounts on sources."""

import json
import time
from contextlib import closing

import click
from rich.console import Console
from sqlalchemy import delete, select

from mydia_web.accounts.users import get_user
from mydia_web.backends.errors import BackendError, LinkEnded
from mydia_web.backends.values import Connection, LinkCode, Linked
from mydia_web.cli.context import with_app
from mydia_web.cli.options import json_option, not_empty, other_credentials
from mydia_web.cli.sources import sources
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_linked
from mydia_web.sources.accounts import accounts_of, find_source
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.linking import ask_for_code, is_confirmed, keep_sign_in, link_connection
from mydia_web.sources.models import AccountLink, SourceAccount
from mydia_web.sources.overview import account_on
from mydia_web.sources.registry import backend_class
from mydia_web.sync.clients import open_account


@sources.command()
@click.argument("name")
@click.option("--user", "user_name", required=True, help="Who signs in.")
@click.option(
    "--credential-env",
    "others",
    multiple=True,
    metavar="NAME=VAR",
    help="What the server wants to know first.",
)
@with_app
def link(name: str, user_name: str, others: tuple[str, ...]) -> None:
    """Sign in on the source NAME by a code that is confirmed there; no password is typed."""
    source, user = find_source(name), get_user(user_name)
    traits, kind, source_id, user_id = (
        backend_class(source.kind).traits,
        source.kind,
        source.id,
        user.id,
    )
    if not traits.linking:
        raise InvalidValue(
            "name", f"{traits.product} has no sign-in by a code. Use: mydia-web sources add."
        )
    typed = other_credentials(others)
    connection = link_connection(source, account_on(source_id, user_id), typed)
    db.session.rollback()
    code = ask_for_code(kind, connection)
    click.echo(f"Open {code.url} and enter the code {code.code}")
    linked = _await(kind, connection, code)
    begin_write()
    account = keep_sign_in(find_source(name), user_id, linked, connection.device_id)
    note_linked(account, was_accepted=True)
    note_reached(source_id)
    db.session.commit()
    click.echo(
        f"{user_name} is signed in on {name}{f' as {linked.remote_user_name}' if linked.remote_user_name else ''}."
    )


def _await(kind: str, connection: Connection, code: LinkCode) -> Linked:
    """Ask as often as the server allows, until the code is confirmed or no good any more."""
    until = time.monotonic() + code.expires_in
    with Console(stderr=True).status("Waiting for you to confirm it there; Ctrl-C gives up"):
        while time.monotonic() < until:
            time.sleep(code.interval)
            try:
                linked = is_confirmed(kind, connection, code.secret)
            except LinkEnded:
                raise
            except BackendError as error:
                click.echo(f"{error.message} Asking again.", err=True)
                continue
            if linked is not None:
                return linked
    raise LinkEnded("The code is too old. Ask for a new one.")


@sources.command()
@click.argument("name")
@click.option(
    "--only", multiple=True, metavar="ID", help="Read only this library; may be repeated."
)
@click.option("--all", "everything", is_flag=True, help="Read all libraries again.")
@json_option
@with_app
def libraries(name: str, only: tuple[str, ...], everything: bool, as_json: bool) -> None:
    """List the libraries of the source NAME, or choose which of them are read."""
    source = find_source(name)
    account = next(iter(accounts_of(source.id)), None)
    with closing(open_account(source, account)) as backend:
        db.session.rollback()
        found = {one.remote_id: one.name for one in backend.libraries()}
    if unknown := set(only) - found.keys():
        raise InvalidValue(
            "only", f"There is no library {min(unknown)} on {name}. Libraries: {', '.join(found)}."
        )
    begin_write()
    source = find_source(name)
    if only or everything:
        source.library_ids = "\n".join(sorted(only))
    chosen = set(filter(None, source.library_ids.split("\n"))) or set(found)
    db.session.commit()
    rows = [{"id": one, "name": title, "read": one in chosen} for one, title in found.items()]
    if as_json:
        click.echo(json.dumps(rows))
    else:
        for row in rows:
            click.echo(f"{'read' if row['read'] else 'left out':8}  {row['id']}  {row['name']}")


@sources.command()
@click.option(
    "--old-key-env",
    metavar="VAR",
    required=True,
    help="Environment variable that holds the old secret key.",
)
@with_app
def rekey(old_key_env: str) -> None:
    """Keep the stored sign-ins after the secret key was changed."""
    old = not_empty(old_key_env, "--old-key-env")
    begin_write()
    # A code under way is asked for anew in less time than it takes to explain.
    db.session.execute(delete(AccountLink))
    accounts = db.session.scalars(
        select(SourceAccount).where(SourceAccount.credentials != "")
    ).all()
    for account in accounts:
        account.credentials = encrypt(decrypt(account.credentials, secret=old))
        note_linked(account, was_accepted=False)
    db.session.commit()
    click.echo(f"{len(accounts)} sign-ins are kept under the new key.")
