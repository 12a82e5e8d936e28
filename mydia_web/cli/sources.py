"""`sources`: the servers and folders that hold what is watched."""

import json
import uuid
from contextlib import closing
from datetime import datetime, timedelta

import click

from mydia_web.accounts.users import get_user
from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.values import Connection, ServerInfo
from mydia_web.cli.context import fail, with_app
from mydia_web.cli.options import from_environment, json_option, not_empty, other_credentials
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_accepted, note_refused
from mydia_web.sources.accounts import (
    accounts_of,
    add_source,
    checked_source,
    find_source,
    get_source,
    link_account,
    list_sources,
    remove_source,
    split_sign_in,
    trust,
)
from mydia_web.sources.clocks import clock_words, note_clock, skew_words
from mydia_web.sources.linking import SignedIn, ask_who, keep_sign_in, reach, resolve, sign_in
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import KINDS, backend_class
from mydia_web.sync.clients import open_account


@click.group()
def sources() -> None:
    """Add, list, test and remove sources."""


@sources.command()
@click.argument("kind", type=click.Choice(KINDS))
@click.argument("name")
@click.argument("url_or_path")
@click.option("--user", "user_name", required=True, help="Whose account on the source this is.")
@click.option("--username", default="", help="The name to sign in with there.")
@click.option("--password-env", metavar="VAR", help="Environment variable that holds the password.")
@click.option("--token-env", metavar="VAR", help="Environment variable that holds a token or key.")
@click.option(
    "--credential-env",
    "others",
    multiple=True,
    metavar="NAME=VAR",
    help="Another credential; may be repeated.",
)
@click.option("--remote-user", default="", help="Name or id of the user there.")
@click.option(
    "--ca-file", default="", metavar="FILE", help="Trust the certificates in this PEM file."
)
@click.option("--insecure", is_flag=True, help="Trust any certificate.")
@click.option(
    "--add-anyway", is_flag=True, help="Add it also where it does not answer, or refuses."
)
@with_app
def add(
    kind: str,
    name: str,
    url_or_path: str,
    user_name: str,
    username: str,
    password_env: str | None,
    token_env: str | None,
    others: tuple[str, ...],
    remote_user: str,
    ca_file: str,
    insecure: bool,
    add_anyway: bool,
) -> None:
    """Add a source of a KIND at URL_OR_PATH under NAME, and sign in on it."""
    typed = {
        "username": username,
        "password": from_environment(password_env, "--password-env") if password_env else "",
        "token": not_empty(token_env, "--token-env") if token_env else "",
        **other_credentials(others),
    }
    base_url, credentials = split_sign_in(kind, url_or_path, typed)
    tls = "off" if insecure else ca_file
    name, base_url = checked_source(kind, name, base_url)
    get_user(user_name)
    db.session.rollback()
    connection = Connection(
        base_url, credentials, remote_user, device_id=str(uuid.uuid4()), verify_tls=trust(tls)
    )
    signed_in = _sign_in(kind, name, connection, anyway=add_anyway)
    begin_write()
    user, source = get_user(user_name), add_source(kind, name, base_url, tls=tls)
    if signed_in:
        keep_sign_in(source, user.id, signed_in.linked, signed_in.device_id)
        source.server_id = signed_in.server.server_id
    elif credentials or not backend_class(kind).traits.linking:
        link_account(source, user.id, credentials, remote_user_id=remote_user)
    db.session.commit()
    click.echo(f"Added {source.name}. Read it with: mydia-web pull {source.name!r}")


def _sign_in(kind: str, name: str, connection: Connection, *, anyway: bool) -> SignedIn | None:
    """None: it is to be linked by a code, or is added `anyway`. Exits where it is not to be added."""
    traits = backend_class(kind).traits
    try:
        if not traits.linking or connection.credentials:
            return sign_in(kind, connection)
        reach(kind, connection)
    except BackendError as error:
        if not anyway:
            fail(f"{error.message} Nothing was added. With --add-anyway it is added as it is.")
        click.echo(f"{error.message} It is added all the same.", err=True)
    if traits.linking and not connection.credentials:
        click.echo(
            f"Sign in by {traits.linking} with: mydia-web sources link {name!r} --user …", err=True
        )
    return None


@sources.command(name="list")
@json_option
@with_app
def list_(as_json: bool) -> None:
    """List the sources."""
    rows = [_row(source) for source in list_sources()]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        words = " ".join(str(one) for one in (row["last_error"], row["clock"]) if one)
        click.echo(f"{row['name']}  ({row['kind']})  {row['base_url']}  {words}".rstrip())


@sources.command()
@click.argument("name")
@with_app
def test(name: str) -> None:
    """Reach the source NAME and sign in, changing nothing there; what waited for that goes out
    again.
    """
    source = find_source(name)
    source_id = source.id
    account_ids: list[int | None] = [account.id for account in accounts_of(source.id)]
    for account_id in account_ids or [None]:
        found, clock_skew = _tested(source_id, account_id)
        what = " ".join(filter(None, (found.product, found.version, found.name)))
        click.echo(f"{name}: {what} answers. {skew_words(clock_skew)}".rstrip())


def _tested(source_id: int, account_id: int | None) -> tuple[ServerInfo, timedelta | None]:
    """What the server says of itself, and how far its clock is from ours; noted, as is its refusal."""
    asked_at = now()
    try:
        account = db.session.get(SourceAccount, account_id) if account_id else None
        with closing(open_account(get_source(source_id), account)) as backend:
            linked = ask_who(backend, get_source(source_id), account)
            db.session.rollback()
            found = backend.check()
    except SignInRefused:
        _note_refused(account_id, asked_at)
        raise
    begin_write()
    if account_id:
        note_accepted(account_id)
        if linked is not None:
            resolve(account_id, linked)
    note_reached(source_id)
    note_clock(source_id, backend.clock_skew)
    db.session.commit()
    return found, backend.clock_skew


def _note_refused(account_id: int | None, asked_at: datetime) -> None:
    db.session.rollback()
    if account_id:
        begin_write()
        note_refused(account_id, asked_at)
        db.session.commit()


@sources.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_app
def remove(name: str, yes: bool) -> None:
    """Forget the source NAME. What you have watched stays."""
    source = find_source(name)
    if not yes:
        click.confirm(f"Remove {source.name}? What you have watched stays.", abort=True)
    db.session.rollback()
    begin_write()
    remove_source(find_source(name))
    db.session.commit()
    click.echo(f"Removed {name}.")


def _row(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "kind": source.kind,
        "base_url": source.base_url,
        "enabled": source.enabled,
        "last_ok_at": source.last_ok_at.isoformat() if source.last_ok_at else None,
        "last_error": source.last_error,
        "paused_until": source.paused_until.isoformat() if source.paused_until else None,
        "pause_reason": source.pause_reason,
        "clock_skew_seconds": None if source.clock_skew_ms is None else source.clock_skew_ms / 1000,
        "clock": clock_words(source.clock_skew_ms),
    }
