"""`sources`: the servers and folders that hold what is watched."""

import json

import click

from mydia_web.accounts.users import get_user
from mydia_web.cli.context import with_app
from mydia_web.cli.options import from_environment, json_option
from mydia_web.db import begin_write, db
from mydia_web.sources.accounts import (
    accounts_of,
    add_source,
    connection_of,
    find_source,
    link_account,
    list_sources,
    remove_source,
    split_sign_in,
)
from mydia_web.sources.models import Source, SourceAccount
from mydia_web.sources.registry import KINDS, open_backend


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
@click.option("--remote-user", default="", help="Name or id of the user there.")
@with_app
def add(
    kind: str,
    name: str,
    url_or_path: str,
    user_name: str,
    username: str,
    password_env: str | None,
    token_env: str | None,
    remote_user: str,
) -> None:
    """Add a source of a KIND (jellyfin, emby, kodi, folder) at URL_OR_PATH under NAME."""
    typed = {
        "username": username,
        "password": from_environment(password_env, "--password-env"),
        "token": from_environment(token_env, "--token-env"),
    }
    base_url, credentials = split_sign_in(kind, url_or_path, typed)
    begin_write()
    user = get_user(user_name)
    source = add_source(kind, name, base_url)
    link_account(source, user.id, credentials, remote_user_id=remote_user)
    db.session.commit()
    click.echo(f"Added {source.name}. Read it with: mydia-web pull {source.name!r}")


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
        click.echo(f"{row['name']}  ({row['kind']})  {row['base_url']}  {row['last_error'] or ''}".rstrip())


@sources.command()
@click.argument("name")
@with_app
def test(name: str) -> None:
    """Reach the source NAME and sign in, changing nothing."""
    source = find_source(name)
    accounts: list[SourceAccount | None] = [*accounts_of(source.id)]
    for account in accounts or [None]:
        connection = connection_of(source, account)
        db.session.rollback()
        backend = open_backend(source.kind, connection)
        try:
            found = backend.check()
        finally:
            backend.close()
        click.echo(f"{name}: {' '.join(filter(None, (found.product, found.version, found.name)))} answers.")


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
    }
