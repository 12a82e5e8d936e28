"""One person's sign-in at a server: made when it is first needed, and made again when the server
has forgotten it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from threading import Lock
from typing import Any, ClassVar
from urllib.parse import quote

from mydia_web.backends.errors import (
    BackendError,
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
)
from mydia_web.backends.values import Connection, Credentials, Linked, RemoteUser
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import is_same_name

VERSION = version("mydia-web")
_WEB_PAGES = re.compile(r"/web(/.*)?$")


#: How servers say that they have no such route, or no such title.
_NO_ROUTE = (404, 405, 501)


class Forbidden(Rejected):
    """The server does not allow this person to change this title."""


class Session(ABC):
    """Sends requests as the person, whose id there is `user_id`. May be shared by threads."""

    product: ClassVar[str]

    def __init__(self, http: Http, connection: Connection) -> None:
        self.http = http
        self._connection = connection
        self._typed = dict(connection.credentials)
        if (auth := Address.parse(connection.base_url).auth) is not None:
            self._typed = {"username": auth[0], "password": auth[1]} | self._typed
        self._lock = Lock()
        self._token = ""
        #: Who signed in, and as whom requests are sent: an administrator may act for others.
        self._owner: RemoteUser | None = None
        self._user: RemoteUser | None = None
        self.server_id = self._typed.get("server_id", "")
        #: Makes sure that this is a server of our kind: nobody else is sent a sign-in. Asked for
        #: one that is not known.
        self.check_server: Callable[[], object] = lambda: None
        self.is_checked = bool(self.server_id or connection.server_id)
        self._say(self._typed.get("token", ""))

    @abstractmethod
    def headers(self, token: str) -> Mapping[str, str]:
        """How a request says who sends it; `token` is "" before the sign-in."""

    @abstractmethod
    def whose_token(self) -> RemoteUser | None:
        """Whom the token belongs to; None where it is an API key, or the server does not tell."""

    @abstractmethod
    def people(self) -> Sequence[RemoteUser]:
        """The people of the server, as far as the token may see them. The sign-in is not looked
        after.
        """

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
        """Without asking; "" where it is not known yet."""
        if self._user is not None:
            return self._user.remote_id
        return self._id_of(self._connection.remote_user_id) or self._typed.get("user_id", "")

    def linked(self) -> Linked:
        """What to keep instead of what was typed. The server is asked, even where all is known."""
        with self._lock:
            user = self._sign_in(ask=True)
        kept = {"token": self._token} | ({"server_id": self.server_id} if self.server_id else {})
        return Linked(kept, user.remote_id, user.name)

    def send(self, method: str, path: str, *, of_title: bool = False, **request: Any) -> Answer:
        """Send it as the person. `of_title`: a refusal concerns one title, not the whole sign-in."""
        _, token = self.user, self._token
        answer = self.raw(method, path, **request)
        if answer.status == 401 and self._sign_in_again(token):
            answer = self.raw(method, path, **request)
        self.check(answer, of_title=of_title)
        return answer

    def raw(
        self, method: str, path: str, *, understood: tuple[int, ...] = (), **request: Any
    ) -> Answer:
        return self.http.send(
            method, path, understood=(401, 403, *_NO_ROUTE, *understood), **request
        )

    def check(self, answer: Answer, *, of_title: bool = False) -> None:
        """Raises the error that a status means."""
        if answer.status == 401:
            raise SignInRefused(
                f"{self.product} no longer accepts this sign-in. Sign in again, or enter a new token."
            )
        if answer.status == 403 and of_title:
            raise Forbidden(f"{self.product} does not allow this person to change this title.")
        if answer.status == 403:
            raise SignInRefused(
                f"{self.product} signed this person in, but does not allow what was asked."
            )
        if answer.status in _NO_ROUTE and of_title:
            raise NotOnServer(
                f"{self.product} does not have this title any more, or does not show it to this person."
            )
        if answer.status in _NO_ROUTE:
            raise self.not_it()

    def not_it(self) -> BackendError:
        return ServerTrouble(
            f"Something answers at {self.http.address.place}, but it is not {self.product}. "
            "Are the address, the port and the path right?"
        )

    def read(self, model: type[Entry], answer: object) -> Entry:
        try:
            return read(model, answer)
        except UnreadableEntry as error:
            raise ServerTrouble(f"The answer of {self.product} cannot be used: {error}") from error

    def _say(self, token: str) -> None:
        self._token = token
        secrets = {token, quote(token, safe=""), self._typed.get("password", "")}
        self.http.set_headers(self.headers(token), secrets=secrets)

    def _sign_in(self, *, ask: bool = False) -> RemoteUser:
        wanted = self._connection.remote_user_id.strip()
        known = self._id_of(wanted) or ("" if wanted else self._typed.get("user_id", ""))
        if self._token and known and not ask and self._owner is None:
            return RemoteUser(known, "")
        if not self.is_checked:
            self.check_server()
        if not self._token:
            self._log_in()
        if known and not ask and self._owner is None:
            return RemoteUser(known, "")
        own = self._owner or self.whose_token()
        if own and (not wanted or self._is(own, wanted)):
            return own
        return self._find(wanted)

    def _find(self, wanted: str) -> RemoteUser:
        people = self.people()
        for person in people:
            if self._is(person, wanted):
                return person
        names = (
            ", ".join(person.name for person in people)[:REASON_CHARS]
            or "nobody that this sign-in may see"
        )
        if not wanted:
            raise SignInRefused(
                f"This token belongs to nobody in particular. Say whose state it shall read and change: {names}."
            )
        raise self.no_such_user(wanted, f" It knows: {names}.")

    def no_such_user(self, wanted: str, others: str = "") -> BackendError:
        return SignInRefused(f"{self.product} knows no user named {wanted[:80]}.{others}")

    def _is(self, person: RemoteUser, wanted: str) -> bool:
        return person.remote_id == self._id_of(wanted) or is_same_name(person.name, wanted)

    def _id_of(self, text: str) -> str:
        """The text as a user's id; "" where it is a name."""
        plain = text.strip().replace("-", "").lower()
        return plain if re.fullmatch(r"[0-9a-f]{32}", plain) else ""

    def _log_in(self) -> None:
        """Get a token for the password; where it can be kept, for all who use the account."""
        renew, refused = self._connection.renew, self._token
        if renew is None:
            self._ask_for_token()
            return

        def renewed(current: Credentials) -> Credentials:
            if current.get("token", refused) != refused:
                return current
            owner = self._ask_for_token()
            return {"token": self._token, "user_id": owner.remote_id, "server_id": self.server_id}

        self._typed |= renew(renewed)
        self.server_id = self._typed.get("server_id", "")
        self._say(self._typed.get("token", ""))

    def _ask_for_token(self) -> RemoteUser:
        username = self._typed.get("username", "")
        if not username:
            raise SignInRefused(f"{self.product} asks for a user name and password, or a token.")
        self._say("")
        answer = self.raw(
            "POST",
            "Users/AuthenticateByName",
            json={"Username": username, "Pw": self._typed.get("password", "")},
        )
        if answer.status == 401:
            raise SignInRefused(
                f"{self.product} refused the user name or password. Check both and enter them again."
            )
        if answer.status == 403:
            raise SignInRefused(
                f"{self.product} does not let this user sign in now, or not from here."
            )
        return self.take(answer)

    def take(self, answer: Answer) -> RemoteUser:
        """Use the token that a sign-in brought."""
        self.check(answer)
        result = self.read(AuthenticationResult, answer.json())
        self.server_id = result.server_id or self.server_id
        self._say(result.access_token)
        self._owner = self.person(result.user)
        return self._owner

    def persons(self, entries: object) -> Sequence[RemoteUser]:
        """Who may sign in. One strange entry hides no other."""
        found: list[RemoteUser] = []
        for entry in entries if isinstance(entries, list) else ():
            try:
                user = read(User, entry)
            except UnreadableEntry:
                continue
            if not user.is_disabled:
                found.append(self.person(user))
        return found

    def person(self, user: User) -> RemoteUser:
        return RemoteUser(self._id_of(user.id) or user.id, user.name)

    def _sign_in_again(self, refused: str) -> bool:
        """Has the password brought a new token? A second login of the same device makes the first
        one's invalid.
        """
        with self._lock:
            if self._token != refused:
                return True
            if not self._typed.get("username"):
                return False
            self._log_in()
            return True


def server_address(base_url: str) -> str:
    """The address without what a browser shows after it, such as /web/#/home."""
    parsed = Address.parse(base_url)
    return _WEB_PAGES.sub("", parsed.url)
