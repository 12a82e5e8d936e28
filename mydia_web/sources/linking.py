"""Signing in on a source: with typed credentials, or by a code that is confirmed at the server.

Functions that wait for the server say so: no transaction may be open while they run.
"""

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta

from sqlalchemy import delete, select, update

from mydia_web.backends.backend import Backend
from mydia_web.backends.values import Connection, Credentials, LinkCode, Linked, ServerInfo
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.sources.accounts import connection_of, link_account
from mydia_web.sources.credentials import decrypt, encrypt
from mydia_web.sources.models import AccountLink, Source, SourceAccount, SourceItem, SourceItemState
from mydia_web.sources.registry import backend_class, open_backend

_DEVICE = "device_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A sign-in that the server accepted, and what it said about itself."""

    server: ServerInfo
    linked: Linked
    #: The name of this device in the sign-in, which may be valid for it alone.
    device_id: str
    #: The server's clock minus ours; None: not measured.
    clock_skew: timedelta | None = None


def sign_in(kind: str, connection: Connection) -> SignedIn:
    """Sign in at the server and wait for it.

    Raise `BackendError`, or `InvalidValue` for something that cannot be an address.
    """
    with closing(open_backend(kind, connection)) as backend:
        server = backend.check()
        linked = backend.sign_in() or Linked(connection.credentials, connection.remote_user_id)
    return SignedIn(
        server=server,
        linked=linked,
        device_id=connection.device_id,
        clock_skew=backend.clock_skew,
    )


def reach(kind: str, connection: Connection) -> None:
    """Reach the server without signing in, and wait for it. Raise what `sign_in` raises."""
    with closing(open_backend(kind, connection)) as backend:
        backend.reach()


def link_connection(
    source: Source, account: SourceAccount | None, typed: Credentials
) -> Connection:
    """Return the connection to ask for a code with: by what was typed, or linked before."""
    connection = connection_of(source, None)
    known = connection_of(source, account).credentials if account else {}
    return replace(connection, credentials=typed or known)


def ask_for_code(kind: str, connection: Connection) -> LinkCode:
    """Ask for a code to confirm, and wait for the server. Raise `BackendError`."""
    return backend_class(kind).begin_link(connection)


def is_confirmed(kind: str, connection: Connection, secret: Mapping[str, str]) -> Linked | None:
    """Return the sign-in if the code was confirmed; wait for the server. Raise `BackendError`."""
    return backend_class(kind).poll_link(connection, secret)


def keep_link(source_id: int, user_id: int, code: LinkCode, asked_with: Connection) -> AccountLink:
    """Store the code in place of an earlier one."""
    forget_link(source_id, user_id)
    link = AccountLink(
        source_id=source_id,
        user_id=user_id,
        code=code.code,
        url=code.url,
        secret=encrypt({**asked_with.credentials, **code.secret, _DEVICE: asked_with.device_id}),
        interval_seconds=max(1.0, code.interval),
        next_poll_at=now() + timedelta(seconds=code.interval),
        expires_at=now() + timedelta(seconds=code.expires_in),
    )
    db.session.add(link)
    db.session.flush()
    return link


def find_link(source_id: int, user_id: int) -> AccountLink | None:
    return db.session.scalar(
        select(AccountLink).where(
            AccountLink.source_id == source_id, AccountLink.user_id == user_id
        )
    )


def connection_for(link: AccountLink, source: Source) -> tuple[Connection, dict[str, str]]:
    """Return the connection that the code was asked for with, and the secret to poll with.

    Raise `SignInRefused`.
    """
    secret = decrypt(link.secret)
    device_id = secret.pop(_DEVICE)
    return replace(connection_of(source, None), credentials=secret, device_id=device_id), secret


def forget_link(source_id: int, user_id: int) -> None:
    own = (AccountLink.source_id == source_id, AccountLink.user_id == user_id)
    db.session.execute(delete(AccountLink).where(*own))


def is_resolved(source: Source, account: SourceAccount) -> bool:
    """Return whether the server confirmed who the account is.

    It may have been down when the account was typed.
    """
    return bool(account.remote_user_name) or not backend_class(source.kind).traits.keeps_people


def ask_who(backend: Backend, source: Source, account: SourceAccount | None) -> Linked | None:
    """Ask the server who the account is, if that is not known yet, and wait for it.

    This ends the caller's transaction. Return None where it is known.
    """
    if account is None or is_resolved(source, account):
        return None
    db.session.rollback()
    return backend.sign_in()


def resolve(account_id: int, linked: Linked) -> None:
    """Store what the server said about an account that was typed while it was down."""
    account = db.session.get(SourceAccount, account_id, with_for_update={"key_share": True})
    if account is None:
        return
    account.remote_user_id = linked.remote_user_id or account.remote_user_id
    account.remote_user_name = linked.remote_user_name
    account.credentials = encrypt(linked.credentials)
    source = db.session.get_one(Source, account.source_id)
    source.server_id = source.server_id or linked.credentials.get("server_id", "")
    db.session.flush()


def note_server(source: Source, server_id: str) -> None:
    """Store the server's own id, and start over if it is another server than before.

    A server that was set up anew may reuse the ids of its titles. Nobody unwatched what it does
    not show as watched, so everything known of it is forgotten.
    """
    is_another = bool(server_id and source.server_id and server_id != source.server_id)
    if is_another:
        items = select(SourceItem.id).where(SourceItem.source_id == source.id)
        shown = delete(SourceItemState).where(SourceItemState.source_item_id.in_(items))
        db.session.execute(shown.execution_options(synchronize_session=False))
        accounts = update(SourceAccount).where(SourceAccount.source_id == source.id)
        db.session.execute(accounts.values(pulled_at=None, swept_at=None, library_size=None))
    source.server_id = server_id or source.server_id


def keep_sign_in(source: Source, user_id: int, linked: Linked, device_id: str) -> SourceAccount:
    """Store a sign-in that the server accepted as the user's account."""
    forget_link(source.id, user_id)
    return link_account(
        source,
        user_id,
        linked.credentials,
        remote_user_id=linked.remote_user_id,
        remote_user_name=linked.remote_user_name,
        device_id=device_id,
    )
