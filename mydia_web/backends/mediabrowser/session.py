"""One person's sign-in at a server: made when it is needed, and again when the server forgot it."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import quote

from mydia_web.backends.errors import (
    NotOnServer,
    Rejected,
    ServerTrouble,
    SignInRefused,
)
from mydia_web.backends.http import REASON_CHARS, Address, Answer, Http
from mydia_web.backends.mediabrowser.models import (
    AuthenticationResult,
    Entry,
    User,
    read,
    read_all,
)
from mydia_web.backends.values import Connection, Credentials, Linked, RemoteUser
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import is_same_name

_VERSION = version("mydia-web")
_WEB_PAGES = re.compile(r"/web(/.*)?$")
#: How servers say that they have no such route, or no such title.
_NO_ROUTE = (404, 405, 501)


class Forbidden(Rejected):
    """The server does not allow this person to change this title."""


class Session(ABC):
    """Sends requests as the person, whose id there is `user_id`. Threads may share it."""

    product: ClassVar[str]

    def __init__(self, http: Http, connection: Connection) -> None:
        self.http = http
        self._connection = connection
        self._credentials = dict(connection.credentials)
        auth = Address.parse(connection.base_url).auth
        if auth is not None:
            username, password = auth
            self._credentials.setdefault("username", username)
            self._credentials.setdefault("password", password)
        self._lock = Lock()
        self._token = ""
        #: Who signed in, and as whom requests are sent: an administrator may act for others.
        self._owner: RemoteUser | None = None
        self._user: RemoteUser | None = None
        self.server_id = self._credentials.get("server_id", "")
        #: Checks that this is a server of our kind, for nobody else is sent a sign-in. Called for
        #: a server that is not known yet.
        self.check_server: Callable[[], object] = lambda: None
        self.is_checked = bool(self.server_id or connection.server_id)
        self._use_token(self._credentials.get("token", ""))

    @abstractmethod
    def headers(self, token: str) -> Mapping[str, str]:
        """Return the headers that tell who sends a request; `token` is "" before the sign-in."""

    @abstractmethod
    def token_owner(self) -> RemoteUser | None:
        """Return the person of the token; None for an API key, or if the server does not tell."""

    @abstractmethod
    def people(self) -> Sequence[RemoteUser]:
        """Return the people of the server, as far as the token may see them, without signing in."""

    @property
    def user_id(self) -> str:
        return self.user.remote_id

    @property
    def user(self) -> RemoteUser:
        with self._lock:
            if self._user is None:
                self._user = self._sign_in()
            return self._user

    @property
    def known_user_id(self) -> str:
        """The person's id without asking; "" if it is not known yet."""
        if self._user is not None:
            return self._user.remote_id
        typed_id = self._id_of(self._connection.remote_user_id)
        return typed_id or self._credentials.get("user_id", "")

    def linked(self) -> Linked:
        """Return what to keep instead of what was typed.

        The server is asked, even if all is known.
        """
        with self._lock:
            user = self._sign_in(ask=True)
        credentials = {"token": self._token}
        if self.server_id:
            credentials["server_id"] = self.server_id
        return Linked(credentials, user.remote_id, user.name)

    def send(self, method: str, path: str, *, of_title: bool = False, **request: Any) -> Answer:
        """Send a request as the person.

        `of_title`: a refusal concerns one title, not the whole sign-in.
        """
        _ = self.user
        token = self._token
        answer = self.raw(method, path, **request)
        if answer.status == 401 and self._sign_in_again(token):
            answer = self.raw(method, path, **request)
        self.check(answer, of_title=of_title)
        return answer

    def raw(
        self, method: str, path: str, *, understood: tuple[int, ...] = (), **request: Any
    ) -> Answer:
        """Send a request with whatever token there is, and leave refusals to the caller."""
        understood = (401, 403, *_NO_ROUTE, *understood)
        return self.http.send(method, path, understood=understood, **request)

    def check(self, answer: Answer, *, of_title: bool = False) -> None:
        """Raise the error that the status means."""
        if answer.status == 401:
            raise SignInRefused(
                f"{self.product} no longer accepts this sign-in. "
                "Sign in again, or enter a new token."
            )
        if answer.status == 403 and of_title:
            raise Forbidden(f"{self.product} does not allow this person to change this title.")
        if answer.status == 403:
            raise SignInRefused(
                f"{self.product} signed this person in, but does not allow what was asked."
            )
        if answer.status in _NO_ROUTE and of_title:
            raise self.no_title()
        if answer.status in _NO_ROUTE:
            raise self.another_server()

    def no_title(self) -> NotOnServer:
        return NotOnServer(
            f"{self.product} does not have this title any more, or does not show it to this person."
        )

    def another_server(self) -> ServerTrouble:
        return ServerTrouble(
            f"Something answers at {self.http.address.place}, but it is not {self.product}. "
            "Are the address, the port and the path right?"
        )

    def no_such_user(self, wanted: str, others: str = "") -> SignInRefused:
        return SignInRefused(f"{self.product} knows no user named {wanted[:80]}.{others}")

    def read(self, model: type[Entry], answer: object) -> Entry:
        try:
            return read(model, answer)
        except UnreadableEntry as error:
            raise ServerTrouble(f"The answer of {self.product} cannot be used: {error}") from error

    def take(self, answer: Answer) -> RemoteUser:
        """Use the token that a sign-in brought, and return its owner."""
        self.check(answer)
        result = self.read(AuthenticationResult, answer.json())
        self.server_id = result.server_id or self.server_id
        self._use_token(result.access_token)
        self._owner = self.person(result.user)
        return self._owner

    def persons(self, entries: object) -> Sequence[RemoteUser]:
        """Return those who may sign in. An unreadable entry hides no other."""
        users = read_all(User, entries)
        return [self.person(user) for user in users if not user.is_disabled]

    def person(self, user: User) -> RemoteUser:
        return RemoteUser(self._id_of(user.id) or user.id, user.name)

    def _client(self, **others: str) -> str:
        """Name this client and its device, as a part of a header."""
        parts = {
            "Client": "mydia-web",
            "Device": "mydia-web",
            "DeviceId": self._connection.device_id,
            "Version": _VERSION,
            **others,
        }
        quoted = {name: quote(value, safe="") for name, value in parts.items()}
        return ", ".join(f'{name}="{value}"' for name, value in quoted.items())

    def _use_token(self, token: str) -> None:
        self._token = token
        password = self._credentials.get("password", "")
        secrets = {token, quote(token, safe=""), password}
        self.http.set_headers(self.headers(token), secrets=secrets)

    def _sign_in(self, *, ask: bool = False) -> RemoteUser:
        """Return the person; with `ask` always as the server names it."""
        wanted = self._connection.remote_user_id.strip()
        known_id = self._id_of(wanted)
        if not wanted:
            known_id = self._credentials.get("user_id", "")
        must_ask = ask or not known_id
        if must_ask or self._owner or not self._token:
            self._prepare_token()
        if must_ask or self._owner:
            return self._person_named(wanted)
        return RemoteUser(known_id, "")

    def _prepare_token(self) -> None:
        if not self.is_checked:
            self.check_server()
        if not self._token:
            self._log_in()

    def _person_named(self, wanted: str) -> RemoteUser:
        """Return the person that was typed, or the owner of the token if none was."""
        owner = self._owner or self.token_owner()
        if owner is None:
            return self._find(wanted)
        if wanted and not self._is(owner, wanted):
            return self._find(wanted)
        return owner

    def _find(self, wanted: str) -> RemoteUser:
        people = self.people()
        for person in people:
            if self._is(person, wanted):
                return person
        names = ", ".join(person.name for person in people)[:REASON_CHARS]
        names = names or "nobody that this sign-in may see"
        if not wanted:
            raise SignInRefused(
                "This token belongs to nobody in particular. "
                f"Say whose state it shall read and change: {names}."
            )
        raise self.no_such_user(wanted, f" It knows: {names}.")

    def _is(self, person: RemoteUser, wanted: str) -> bool:
        return person.remote_id == self._id_of(wanted) or is_same_name(person.name, wanted)

    def _id_of(self, text: str) -> str:
        """Return the text as a user's id, "" if it is a name."""
        return plain_id(text.strip())

    def _log_in(self) -> None:
        """Get a token for the password and, where it can be kept, share it with all workers."""
        renew = self._connection.renew
        if renew is None:
            self._ask_for_token()
            return
        refused = self._token

        def renewed(current: Credentials) -> Credentials:
            if current.get("token", refused) != refused:
                return current
            owner = self._ask_for_token()
            return {"token": self._token, "user_id": owner.remote_id, "server_id": self.server_id}

        self._credentials |= renew(renewed)
        self.server_id = self._credentials.get("server_id", "")
        self._use_token(self._credentials.get("token", ""))

    def _ask_for_token(self) -> RemoteUser:
        username = self._credentials.get("username", "")
        if not username:
            raise SignInRefused(f"{self.product} asks for a user name and password, or a token.")
        self._use_token("")
        typed = {"Username": username, "Pw": self._credentials.get("password", "")}
        answer = self.raw("POST", "Users/AuthenticateByName", json=typed)
        if answer.status == 401:
            raise SignInRefused(
                f"{self.product} refused the user name or password. "
                "Check both and enter them again."
            )
        if answer.status == 403:
            raise SignInRefused(
                f"{self.product} does not let this user sign in now, or not from here."
            )
        return self.take(answer)

    def _sign_in_again(self, refused: str) -> bool:
        """Return whether there is another token than the refused one now.

        A second login of the same device makes the first one's token invalid, so that threads which
        were refused together log in once.
        """
        with self._lock:
            if self._token != refused:
                return True
            if not self._credentials.get("username"):
                return False
            self._log_in()
            return True


def server_address(base_url: str) -> str:
    """Return an address without what a browser shows after it, such as /web/#/home."""
    return _WEB_PAGES.sub("", Address.parse(base_url).url)


def plain_id(text: str) -> str:
    """Return an id of 32 hexadecimal digits without dashes, "" for any other text."""
    plain = text.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{32}", plain):
        return ""
    return plain
