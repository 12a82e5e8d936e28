"""Adding sources, linking people's accounts on them, and finding both again."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, select

from mydia_web.backends.http import Address
from mydia_web.backends.values import Connection
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.models import ContentKey
from mydia_web.names import name_key
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.registry import (
    backend_class,
)


def find_source(name: str) -> Source:
    """Return the source of that name. Raise `NotFound`."""
    source: Source | None = db.session.scalar(
        select(Source).where(Source.name_key == name_key(name))
    )
    if source is None:
        known = (
            ", ".join(db.session.scalars(select(Source.name).order_by(Source.name))) or "none yet"
        )
        raise NotFound(f"There is no source named {name}. Sources: {known}.")
    return source


def get_source(source_id: int) -> Source:
    """Return the source. Raise `NotFound`."""
    source = db.session.get(Source, source_id)
    if source is None:
        raise NotFound("There is no such source. It may have been removed.")
    return source


def list_sources() -> Sequence[Source]:
    return db.session.scalars(select(Source).order_by(Source.name_key)).all()


def add_source(kind: str, name: str, base_url: str, *, tls: str = "") -> Source:
    """Add a source. Raise `InvalidValue` for `kind`, `name` or `base_url`."""
    name, base_url = checked_source(kind, name, base_url)
    source = Source(kind=kind, name=name, base_url=base_url, tls=tls)
    db.session.add(source)
    db.session.flush()
    return source


def checked_source(kind: str, name: str, base_url: str) -> tuple[str, str]:
    """Return the name and the address in their stored form. Raise `InvalidValue`."""
    name = name.strip()
    base_url = base_url.strip() or backend_class(kind).traits.fixed_address
    if not 1 <= len(name) <= 64:
        raise InvalidValue("name", "Choose a name of 1 to 64 characters.")
    if db.session.scalar(select(Source.id).where(Source.name_key == name_key(name))):
        raise InvalidValue("name", "Another source has this name.")
    _check_address(kind, base_url)
    return name, base_url


def _check_address(kind: str, base_url: str) -> None:
    if not 1 <= len(base_url) <= 2048:
        raise InvalidValue("base_url", "Say where it is.")
    if backend_class(kind).traits.address == "folder":
        if not base_url.startswith(("/", "file://")):
            raise InvalidValue("base_url", "Give the folder's whole path, such as /srv/films.")
    elif not base_url.startswith(("http://", "https://")):
        raise InvalidValue("base_url", "Give an address that begins with http:// or https://.")


def split_sign_in(
    kind: str, base_url: str, credentials: Mapping[str, str]
) -> tuple[str, dict[str, str]]:
    """Move a sign-in that was pasted as part of the address to the credentials.

    Return the plain address and the credentials; typed ones win.
    """
    typed = {name: value for name, value in credentials.items() if value}
    if backend_class(kind).traits.address == "folder":
        return base_url, typed
    address = Address.parse(base_url)
    if address.auth is None:
        return base_url, typed
    username, password = address.auth
    return address.url, {"username": username, "password": password} | typed


def link_account(
    source: Source,
    user_id: int,
    credentials: Mapping[str, str],
    *,
    remote_user_id: str = "",
    remote_user_name: str = "",
    device_id: str = "",
) -> SourceAccount:
    """Return the user's account on the source, new or signed in again.

    `device_id` is what mydia-web called itself for this sign-in.
    """
    account = db.session.scalar(
        select(SourceAccount).where(
            SourceAccount.source_id == source.id, SourceAccount.user_id == user_id
        )
    )
    if account is None:
        account = SourceAccount(source_id=source.id, user_id=user_id)
        db.session.add(account)
    account.credentials = encrypt({name: value for name, value in credentials.items() if value})
    account.remote_user_id = remote_user_id
    account.remote_user_name = remote_user_name
    account.device_id = device_id or account.device_id or str(uuid.uuid4())
    account.refused_at = None
    account.doubted_at = None
    account.ask_at = None
    account.renewing_until = None
    # It may belong to another person there, so the next pull reads everything.
    account.swept_at = None
    db.session.flush()
    return account


def remove_source(source: Source) -> None:
    """Delete the source with its items, accounts and queue; progress and plays stay."""
    db.session.execute(delete(Source).where(Source.id == source.id))


def accounts_of(source_id: int) -> Sequence[SourceAccount]:
    return db.session.scalars(
        select(SourceAccount).where(SourceAccount.source_id == source_id).order_by(SourceAccount.id)
    ).all()


def connection_of(source: Source, account: SourceAccount | None) -> Connection:
    """Return how to reach the source as this account.

    Raise `SignInRefused` for credentials that cannot be read.
    """
    connection = Connection(
        source.base_url,
        server_id=source.server_id,
        library_ids=frozenset(source.library_ids.split("\n")) - {""},
        verify_tls=trust(source.tls),
    )
    if account is None:
        return replace(connection, device_id=str(uuid.uuid4()))
    return replace(
        connection,
        credentials=decrypt(account.credentials),
        remote_user_id=account.remote_user_id,
        device_id=account.device_id,
    )


def trust(tls: str) -> bool | str:
    """Return how certificates are checked for a value of `Source.tls`."""
    return {"": True, "off": False}.get(tls, tls)


def names_of_holders(keys: Collection[ContentKey]) -> dict[ContentKey, list[str]]:
    """Return for each of these contents the names of the sources that hold it."""
    rows = db.session.execute(
        select(SourceItem.media_item_id, SourceItem.episode_id, Source.name)
        .join(Source, Source.id == SourceItem.source_id)
        .where(SourceItem.of_any(keys))
        .distinct()
        .order_by(Source.name)
    )
    names: dict[ContentKey, list[str]] = {}
    for *columns, name in rows:
        names.setdefault(ContentKey.from_columns(*columns), []).append(name)
    return names
