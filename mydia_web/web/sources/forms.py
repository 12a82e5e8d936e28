"""The form that adds a source or signs in on one, as the traits of its kind ask for it."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceForm:
    """A form about a source, as it was filled in."""

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
        """The values that may come back in the form: no secrets."""
        secrets = {field.name for field in self.traits.fields if field.secret}
        return {name: value for name, value in self.credentials.items() if name not in secrets}

    def connection(self) -> Connection:
        """Raises `InvalidValue` for an impossible address."""
        credentials = dict(self.credentials)
        remote_user = credentials.pop("remote_user", "")
        return Connection(
            self.base_url or self.traits.fixed_address,
            credentials=credentials,
            remote_user_id=remote_user,
            device_id=str(uuid.uuid4()),
            verify_tls=trust(self.tls),
        )


def read_form(kind: str = "") -> SourceForm:
    """Return the form that was sent. Aborts with 404 for an unknown kind."""
    kind = kind or request.values.get("kind", "")
    if kind not in KINDS:
        abort(404)
    fields = backend_class(kind).traits.fields
    values = {field.name: _sent(field.name, is_secret=field.secret) for field in fields}
    base_url, credentials = split_sign_in(kind, _sent("base_url"), values)
    return SourceForm(
        kind=kind, name=_sent("name"), base_url=base_url, credentials=credentials, tls=sent_tls()
    )


def sent_tls() -> str:
    """Return the certificate to trust, as `Source.tls` has it."""
    if request.form.get("tls") == "off":
        return "off"
    return _sent("ca_file")


def _sent(name: str, *, is_secret: bool = False) -> str:
    value = request.form.get(name, "")
    if is_secret:
        return value
    return value.strip()


@dataclass(frozen=True, slots=True)
class Attempt:
    """The outcome of a sign-in: `signed_in`, or in words why not."""

    signed_in: SignedIn | None
    words: str
    #: The server refuses, or the address is impossible: waiting does not help.
    refused: bool = False

    @property
    def failed(self) -> bool:
        return self.signed_in is None and bool(self.words)


def try_sign_in(kind: str, connection: Connection) -> Attempt:
    """Sign in. Waits for the server, so no transaction may be open."""
    try:
        signed_in = sign_in(kind, connection)
    except InvalidValue as error:
        return Attempt(None, error.message, refused=True)
    except BackendError as error:
        return Attempt(None, error.message, refused=isinstance(error, SignInRefused))
    return Attempt(signed_in, _words(signed_in))


def try_reach(kind: str, connection: Connection) -> Attempt:
    """Find out whether the server is there, without signing in; `words` stay empty if it is.

    Waits for the server, so no transaction may be open.
    """
    try:
        reach(kind, connection)
    except InvalidValue as error:
        return Attempt(None, error.message, refused=True)
    except BackendError as error:
        return Attempt(None, error.message)
    return Attempt(None, "")


def _words(signed_in: SignedIn) -> str:
    """Describe the server: `“Attic” answers: Jellyfin 10.11. You are alice there.`"""
    server = signed_in.server
    product = " ".join(filter(None, (server.product, server.version)))
    sentences = [f"{product} answers."]
    if server.name and server.name != server.product:
        sentences = [f"“{server.name}” answers: {product}."]
    if signed_in.linked.remote_user_name:
        sentences.append(f"You are {signed_in.linked.remote_user_name} there.")
    if skew := skew_words(signed_in.clock_skew):
        sentences.append(f"{skew}.")
    return " ".join(sentences)
