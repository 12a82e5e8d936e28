"""Adding sources, signing people in on them, and asking which of them hold a content."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, exists, or_, select

from mydia_web.backends.answers import Address
from mydia_web.backends.values import Connection
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.models import Content, Episode, ExternalId
from mydia_web.names import name_key
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.registry import (
    backend_class,
    kinds_that_accept_unlisted,
    kinds_that_take_pushes,
)


def find_source(name: str) -> Source:
    """The source of that name. Raises `NotFound`."""
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
    """Raises `NotFound`."""
    source = db.session.get(Source, source_id)
    if source is None:
        raise NotFound("There is no such source. It may have been removed.")
    return source


def list_sources() -> Sequence[Source]:
    return db.session.scalars(select(Source).order_by(Source.name_key)).all()


def add_source(kind: str, name: str, base_url: str, *, tls: str = "") -> Source:
    """Raises `InvalidValue` for `kind`, `name` or `base_url`."""
    name, base_url = checked_source(kind, name, base_url)
    source = Source(kind=kind, name=name, base_url=base_url, tls=tls)
    db.session.add(source)
    db.session.flush()
    return source


def checked_source(kind: str, name: str, base_url: str) -> tuple[str, str]:
    """The name and address, if a source can be added with them. Raises `InvalidValue` as
    `add_source`.
    """
    traits = backend_class(kind).traits
    name, base_url = name.strip(), base_url.strip() or traits.fixed_address
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
    """The address without the sign-in that may be pasted as a part of it, which is kept as
    credentials instead.
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
    """The user's account on the source, made or signed in anew. `device_id` is what we called
    ourselves for it.
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
    account.remote_user_id, account.remote_user_name = remote_user_id, remote_user_name
    account.device_id = device_id or account.device_id or str(uuid.uuid4())
    account.refused_at = account.doubted_at = account.ask_at = account.renewing_until = None
    # It may be another person's there: all of it is news.
    account.swept_at = None
    db.session.flush()
    return account


def remove_source(source: Source) -> None:
    """Forget the source with its items, accounts and queue; progress and plays stay."""
    db.session.execute(delete(Source).where(Source.id == source.id))


def accounts_of(source_id: int) -> Sequence[SourceAccount]:
    return db.session.scalars(
        select(SourceAccount).where(SourceAccount.source_id == source_id).order_by(SourceAccount.id)
    ).all()


def connection_of(source: Source, account: SourceAccount | None) -> Connection:
    """Raises `SignInRefused` for credentials that cannot be read."""
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


class PushTarget(NamedTuple):
    """A source that hears of a change."""

    source_id: int
    #: Every play is stored there, so that none may be lost to the next.
    counts_plays: bool
    #: What it is told, as its admin has set.
    watched: bool = True
    positions: bool = True

    def accepts(self, change_type: str) -> bool:
        return self.positions if change_type == "progress_update" else self.watched


def trust(tls: str) -> bool | str:
    """How certificates are checked, from what `Source.tls` says."""
    return {"": True, "off": False}.get(tls, tls)


def sources_to_tell(user_id: int, content: Content) -> Sequence[PushTarget]:
    """The enabled sources with an account of the user that hold the content, or anything that has
    an id.
    """
    here = (SourceItem.source_id == Source.id, SourceItem.of(content))
    accepts_unlisted = Source.kind.in_(kinds_that_accept_unlisted())
    rows = db.session.execute(
        select(Source.id, Source.kind, Source.tells_watched, Source.tells_positions)
        .join(SourceAccount, SourceAccount.source_id == Source.id)
        .where(
            SourceAccount.user_id == user_id,
            Source.enabled,
            Source.kind.in_(kinds_that_take_pushes()),
            or_(exists().where(*here), and_(accepts_unlisted, exists().where(_has_an_id(content)))),
        )
        .order_by(Source.id)
    )
    return [
        PushTarget(source_id, backend_class(kind).traits.counts_plays, watched, positions)
        for source_id, kind, watched, positions in rows
    ]


def names_of_holders(
    movie_ids: Sequence[int], episode_ids: Sequence[int]
) -> dict[tuple[str, int], list[str]]:
    """For each of these films and episodes, keyed by (kind, id), the names of the sources that hold
    it.
    """
    rows = db.session.execute(
        select(SourceItem.media_item_id, SourceItem.episode_id, Source.name)
        .join(Source, Source.id == SourceItem.source_id)
        .where(or_(SourceItem.media_item_id.in_(movie_ids), SourceItem.episode_id.in_(episode_ids)))
        .distinct()
        .order_by(Source.name)
    )
    names: dict[tuple[str, int], list[str]] = {}
    for movie_id, episode_id, name in rows:
        key = ("movie", movie_id) if movie_id is not None else ("episode", episode_id or 0)
        names.setdefault(key, []).append(name)
    return names


def _has_an_id(content: Content) -> ColumnElement[bool]:
    if isinstance(content, Episode):
        of_show = ExternalId.media_item_id == content.media_item_id
        return or_(of_show, ExternalId.episode_id == content.id)
    return ExternalId.media_item_id == content.id
