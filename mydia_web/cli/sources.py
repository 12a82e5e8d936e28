"""`sources`: the servers and folders that hold what is watched, and the accounts on them."""

import json
import time
import uuid
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click
from rich.console import Console
from sqlalchemy import delete, select

from mydia_web.accounts.users import get_user
from mydia_web.backends.errors import BackendError, LinkEnded, SignInRefused
from mydia_web.backends.values import Connection, LinkCode, Linked
from mydia_web.cli.support import (
    fail,
    from_environment,
    json_option,
    not_empty,
    other_credentials,
    with_app,
)
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.errors import InvalidValue
from mydia_web.queue.outages import note_reached
from mydia_web.queue.sign_ins import note_accepted, note_linked, note_refused
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
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.linking import (
    SignedIn,
    ask_for_code,
    ask_who,
    is_confirmed,
    keep_sign_in,
    link_connection,
    reach,
    resolve,
    sign_in,
)
from mydia_web.sources.models import AccountLink, Source, SourceAccount
from mydia_web.sources.overview import account_on
from mydia_web.sources.registry import KINDS, backend_class
from mydia_web.sync.clients import open_account


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSource:
    """The arguments of `sources add`."""

    kind: str
    name: str
    url_or_path: str
    user_name: str
    username: str
    password_env: str | None
    token_env: str | None
    others: tuple[str, ...]
    remote_user: str
    ca_file: str
    insecure: bool
    add_anyway: bool

    @property
    def credentials(self) -> dict[str, str]:
        """The typed credentials. Raises `InvalidValue` for a variable that is not set."""
        password = ""
        if self.password_env:
            password = from_environment(self.password_env, "--password-env")
        token = ""
        if self.token_env:
            token = not_empty(self.token_env, "--token-env")
        own = {"username": self.username, "password": password, "token": token}
        return own | other_credentials(self.others)

    @property
    def tls(self) -> str:
        if self.insecure:
            return "off"
        return self.ca_file


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
def add(**arguments: Any) -> None:
    """Add a source of a KIND at URL_OR_PATH under NAME, and sign in on it."""
    new = NewSource(**arguments)
    kind = new.kind
    base_url, credentials = split_sign_in(kind, new.url_or_path, new.credentials)
    name, base_url = checked_source(kind, new.name, base_url)
    get_user(new.user_name)
    db.session.rollback()
    connection = Connection(
        base_url,
        credentials=credentials,
        remote_user_id=new.remote_user,
        device_id=str(uuid.uuid4()),
        verify_tls=trust(new.tls),
    )
    signed_in = _sign_in(kind, name, connection, anyway=new.add_anyway)
    begin_write()
    user = get_user(new.user_name)
    source = add_source(kind, name, base_url, tls=new.tls)
    if signed_in:
        keep_sign_in(source, user.id, signed_in.linked, signed_in.device_id)
        source.server_id = signed_in.server.server_id
    elif credentials or not backend_class(kind).traits.linking:
        link_account(source, user.id, credentials, remote_user_id=new.remote_user)
    db.session.commit()
    click.echo(f"Added {source.name}. Read it with: mydia-web pull {source.name!r}")


def _sign_in(kind: str, name: str, connection: Connection, *, anyway: bool) -> SignedIn | None:
    """Sign in, unless that needs a code or the source is added `anyway`.

    Exits when the source must not be added.
    """
    linking = backend_class(kind).traits.linking
    needs_code = bool(linking) and not connection.credentials
    try:
        if not needs_code:
            return sign_in(kind, connection)
        reach(kind, connection)
    except BackendError as error:
        if not anyway:
            fail(f"{error.message} Nothing was added. With --add-anyway it is added as it is.")
        click.echo(f"{error.message} It is added all the same.", err=True)
    if needs_code:
        click.echo(f"Sign in by {linking} with: mydia-web sources link {name!r} --user …", err=True)
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
        notes = " ".join(str(note) for note in (row["last_error"], row["clock"]) if note)
        click.echo(f"{row['name']}  ({row['kind']})  {row['base_url']}  {notes}".rstrip())


def _row(source: Source) -> dict[str, object]:
    skew_ms = source.clock_skew_ms
    return {
        "name": source.name,
        "kind": source.kind,
        "base_url": source.base_url,
        "enabled": source.enabled,
        "last_ok_at": _iso(source.last_ok_at),
        "last_error": source.last_error,
        "paused_until": _iso(source.paused_until),
        "pause_reason": source.pause_reason,
        "clock_skew_seconds": None if skew_ms is None else skew_ms / 1000,
        "clock": clock_words(skew_ms),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


@sources.command()
@click.argument("name")
@with_app
def test(name: str) -> None:
    """Reach the source NAME and sign in, changing nothing there.

    What waited for that goes out again.
    """
    source_id = find_source(name).id
    account_ids: list[int | None] = [account.id for account in accounts_of(source_id)]
    for account_id in account_ids or [None]:
        click.echo(f"{name}: {_test(source_id, account_id)}")


def _test(source_id: int, account_id: int | None) -> str:
    """Sign in with an account, note how that went, and return it in words."""
    asked_at = now()
    try:
        account = db.session.get(SourceAccount, account_id) if account_id else None
        source = get_source(source_id)
        with closing(open_account(source, account)) as backend:
            linked = ask_who(backend, source, account)
            db.session.rollback()
            server = backend.check()
    except SignInRefused:
        db.session.rollback()
        if account_id:
            begin_write()
            note_refused(account_id, asked_at)
            db.session.commit()
        raise
    begin_write()
    if account_id:
        note_accepted(account_id)
        if linked is not None:
            resolve(account_id, linked)
    note_reached(source_id)
    note_clock(source_id, backend.clock_skew)
    db.session.commit()
    who = " ".join(filter(None, (server.product, server.version, server.name)))
    return f"{who} answers. {skew_words(backend.clock_skew)}".rstrip()


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
    source = find_source(name)
    source_id = source.id
    kind = source.kind
    user_id = get_user(user_name).id
    traits = backend_class(kind).traits
    if not traits.linking:
        raise InvalidValue(
            "name", f"{traits.product} has no sign-in by a code. Use: mydia-web sources add."
        )
    account = account_on(source_id, user_id)
    connection = link_connection(source, account, other_credentials(others))
    db.session.rollback()
    code = ask_for_code(kind, connection)
    click.echo(f"Open {code.url} and enter the code {code.code}")
    linked = _wait_for(code, kind, connection)
    begin_write()
    account = keep_sign_in(find_source(name), user_id, linked, connection.device_id)
    note_linked(account, was_accepted=True)
    note_reached(source_id)
    db.session.commit()
    remote_name = f" as {linked.remote_user_name}" if linked.remote_user_name else ""
    click.echo(f"{user_name} is signed in on {name}{remote_name}.")


def _wait_for(code: LinkCode, kind: str, connection: Connection) -> Linked:
    """Ask as often as the server allows until the code is confirmed. Raises `LinkEnded`."""
    deadline = time.monotonic() + code.expires_in
    with Console(stderr=True).status("Waiting for you to confirm it there; Ctrl-C gives up"):
        while time.monotonic() < deadline:
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
    names = _library_names(find_source(name))
    unknown = set(only) - names.keys()
    if unknown:
        listed = ", ".join(names)
        raise InvalidValue(
            "only", f"There is no library {min(unknown)} on {name}. Libraries: {listed}."
        )
    begin_write()
    source = find_source(name)
    if only or everything:
        source.library_ids = "\n".join(sorted(only))
    chosen = set(filter(None, source.library_ids.split("\n"))) or set(names)
    db.session.commit()
    rows = [
        {"id": library_id, "name": title, "read": library_id in chosen}
        for library_id, title in names.items()
    ]
    if as_json:
        click.echo(json.dumps(rows))
        return
    for row in rows:
        state = "read" if row["read"] else "left out"
        click.echo(f"{state:8}  {row['id']}  {row['name']}")


def _library_names(source: Source) -> dict[str, str]:
    """Ask the server for the names of its libraries, by id. Ends the transaction."""
    account = next(iter(accounts_of(source.id)), None)
    with closing(open_account(source, account)) as backend:
        db.session.rollback()
        return {library.remote_id: library.name for library in backend.libraries()}


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
    old_key = not_empty(old_key_env, "--old-key-env")
    begin_write()
    # A code under way is asked for anew in less time than it takes to explain.
    db.session.execute(delete(AccountLink))
    signed_in = select(SourceAccount).where(SourceAccount.credentials != "")
    accounts = db.session.scalars(signed_in).all()
    for account in accounts:
        account.credentials = encrypt(decrypt(account.credentials, secret=old_key))
        note_linked(account, was_accepted=False)
    db.session.commit()
    click.echo(f"{len(accounts)} sign-ins are kept under the new key.")
