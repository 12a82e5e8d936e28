"""What people type to add a source or to sign in on one, as the traits of its kind ask for it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask import abort, request

from mydia_web.backends.errors import BackendError, SignInRefused
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import Connection
from mydia_web.errors import InvalidValue
from mydia_web.sources.accounts import split_sign_in, trust
from mydia_web.sources.clocks import skew_words
from mydia_web.sources.linking import SignedIn, reach, sign_in
from mydia_web.sources.registry import KINDS, backend_class


@dataclass(frozen=True, slots=True)
class Typed:
    """A form about a source, with what was typed."""

    kind: str
    name: str
    base_url: str
    credentials: Mapping[str, str] = field(repr=False)
    #: As `Source.tls`.
    tls: str = ""

    @property
    def traits(self) -> Traits:
        return backend_class(self.kind).traits

    @property
    def shown(self) -> dict[str, str]:
        """What may come back in the form: no secrets."""
        secret = {one.name for one in self.traits.fields if one.secret}
        return {name: value for name, value in self.credentials.items() if name not in secret}

    def connection(self) -> Connection:
        """Raises `InvalidValue` for an address that is none."""
        return Connection(
            self.base_url or self.traits.fixed_address,
            {name: value for name, value in self.credentials.items() if name != "remote_user"},
            self.credentials.get("remote_user", ""),
            device_id=str(uuid.uuid4()),
            verify_tls=trust(self.tls),
        )


def read_form(kind: str = "") -> Typed:
    """What was sent. 404 for a kind there is not."""
    kind = kind or request.values.get("kind", "")
    if kind not in KINDS:
        abort(404)
    typed = {one.name: _sent(one.name, one.secret) for one in backend_class(kind).traits.fields}
    base_url, credentials = split_sign_in(kind, _sent("base_url"), typed)
    tls = "off" if request.form.get("tls") == "off" else _sent("ca_file")
    return Typed(kind, _sent("name"), base_url, credentials, tls)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of a sign-in: `signed_in`, or why not, in words."""

    signed_in: SignedIn | None
    words: str
    #: The server is there and says no, or the address can be none: waiting does not help.
    refused: bool = False

    @property
    def failed(self) -> bool:
        return self.signed_in is None and bool(self.words)


def try_sign_in(kind: str, connection: Connection) -> Tried:
    """Waits for the server: no transaction may be open."""
    try:
        signed_in = sign_in(kind, connection)
    except InvalidValue as error:
        return Tried(None, error.message, refused=True)
    except BackendError as error:
        return Tried(None, error.message, refused=isinstance(error, SignInRefused))
    server = signed_in.server
    what = " ".join(filter(None, (server.product, server.version)))
    name = f"“{server.name}” " if server.name and server.name != server.product else ""
    who = (
        f" You are {signed_in.linked.remote_user_name} there."
        if signed_in.linked.remote_user_name
        else ""
    )
    clock = skew_words(signed_in.clock_skew)
    words = (
        (f"{name}answers: {what}." if name else f"{what} answers.")
        + who
        + (f" {clock}" if clock else "")
    )
    return Tried(signed_in, words)


def try_reach(kind: str, connection: Connection) -> Tried:
    """Find out whether such a server is there at all, without a sign-in. Waits for it: no
    transaction may be open.
    """
    try:
        reach(kind, connection)
    except InvalidValue as error:
        return Tried(None, error.message, refused=True)
    except BackendError as error:
        return Tried(None, error.message)
    return Tried(None, "")


def _sent(name: str, secret: bool = False) -> str:
    value = request.form.get(name, "")
    return value if secret else value.strip()
