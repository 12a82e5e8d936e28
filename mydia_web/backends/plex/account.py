"""plex.tv: where people sign in, confirm codes, and get the token of each server."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from pydantic import Field

from mydia_web.backends.errors import LinkEnded, ServerTrouble, SignInRefused
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.plex.mapping import Payload, PayloadT, parse, require
from mydia_web.backends.values import LinkCode
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import name_key

_POLL_SECONDS = 2.0


class Person(Payload):
    """Someone with an account, or a member of a Plex Home without one."""

    id: str = Field(min_length=1)
    uuid: str = ""
    title: str = ""
    username: str = ""
    email: str = ""
    friendly_name: str = ""
    protected: bool = False

    @property
    def name(self) -> str:
        return self.friendly_name or self.title or self.username or self.id

    def is_called(self, name_or_id: str) -> bool:
        names = (self.id, self.uuid, self.title, self.username, self.email, self.friendly_name)
        return name_key(name_or_id) in {name_key(name) for name in names if name}


class Token(Payload):
    auth_token: str = Field("", repr=False)


class Pin(Payload):
    """A code that a person confirms at plex.tv/link."""

    id: str
    code: str = Field(repr=False)
    expires_in: float = 900
    auth_token: str = Field("", repr=False)


class Resource(Payload):
    """A device of an account, such as a server."""

    client_identifier: str = ""
    provides: str = ""
    access_token: str = Field("", repr=False)


class Account:
    """plex.tv, asked with the token of whoever each call is about."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def close(self) -> None:
        self._http.close()

    def sign_in(self, username: str, password: str) -> str:
        """Return the account's token."""
        self._http.set_headers({}, secrets=[password])
        form = {"login": username, "password": password, "rememberMe": "true"}
        answer = self._http.send(
            "POST", "api/v2/users/signin", data=form, understood=(400, 401, 403, 422)
        )
        if answer.status >= 400:
            raise SignInRefused(
                "plex.tv refused the user name or password, or wants a second factor. "
                "Linking by a code works in either case."
            )
        return _token(answer)

    def person(self, token: str) -> Person:
        """Return the person of a token. Raises `SignInRefused` for one that plex.tv rejects."""
        return _require(Person, self._get("api/v2/user", token))

    def home(self, token: str) -> list[Person]:
        """Return the people of the owner's Plex Home; nobody where there is none."""
        answer = self._get("api/v2/home/users", token, understood=(403, 404))
        if answer.status >= 400:
            return []
        return list(_parse_each(Person, _home_users(answer.json())))

    def switch(self, token: str, person: Person, pin: str) -> str:
        """Return the token of a member of the Home."""
        self._http.set_headers({}, secrets=[token, pin])
        params = {"pin": pin} if pin else None
        answer = self._http.send(
            "POST",
            f"api/v2/home/users/{quote(person.uuid, safe='')}/switch",
            params=params,
            headers={"X-Plex-Token": token},
            understood=(400, 401, 403),
        )
        if answer.status >= 400:
            reason = "is wrong" if pin else "is needed"
            raise SignInRefused(
                f"Plex Home does not let {person.name[:80]} in: the PIN of that person {reason}."
            )
        return _token(answer)

    def server_token(self, token: str, server_id: str) -> str:
        """Return this person's token for a server; "" where the server is not among theirs."""
        answer = self._get("api/v2/resources", token, includeHttps=1, includeRelay=1)
        for resource in _parse_each(Resource, answer.json()):
            if resource.client_identifier == server_id and "server" in resource.provides:
                return resource.access_token
        return ""

    def begin_link(self) -> Pin:
        """Return a code of four characters; a `strong` one could not be typed."""
        return _require(Pin, self._http.send("POST", "api/v2/pins", params={"strong": "false"}))

    def poll_link(self, pin_id: str) -> str:
        """Return the account's token once the code is confirmed, "" until then.

        Raises `LinkEnded`.
        """
        answer = self._http.send(
            "GET", f"api/v2/pins/{quote(pin_id, safe='')}", understood=(404, 410)
        )
        if answer.status >= 400:
            raise LinkEnded("The code is too old. Ask for a new one.")
        return _require(Pin, answer).auth_token

    def _get(
        self, path: str, token: str, *, understood: tuple[int, ...] = (), **params: Any
    ) -> Answer:
        self._http.set_headers({}, secrets=[token])
        answer = self._http.send(
            "GET",
            path,
            params=params or None,
            headers={"X-Plex-Token": token},
            understood=(401, 498, *understood),
        )
        if answer.status in (401, 498):
            raise SignInRefused("plex.tv does not know this token. Link the account again.")
        return answer


def link_code(pin: Pin, client_id: str) -> LinkCode:
    return LinkCode(
        code=pin.code,
        url="https://plex.tv/link",
        secret={"id": pin.id, "client_id": client_id},
        interval=_POLL_SECONDS,
        expires_in=pin.expires_in,
    )


def _token(answer: Answer) -> str:
    token = _require(Token, answer).auth_token
    if not token:
        raise ServerTrouble(
            "plex.tv took the sign-in but gave no token. Trying again later may help."
        )
    return token


def _require(model: type[PayloadT], answer: Answer) -> PayloadT:
    try:
        return require(model, answer.json())
    except ServerTrouble as error:
        raise ServerTrouble(f"plex.tv answered with something unexpected. {error}") from error


def _parse_each(model: type[PayloadT], entries: object) -> Iterator[PayloadT]:
    """Yield the readable entries: a strange device of the account does no harm."""
    if not isinstance(entries, list):
        return
    for entry in entries:
        try:
            yield parse(model, entry)
        except UnreadableEntry:
            continue


def _home_users(answer: object) -> object:
    """Return the list in any of the three shapes that plex.tv has used."""
    if not isinstance(answer, Mapping):
        return answer
    container = answer.get("MediaContainer")
    if isinstance(container, Mapping):
        return container.get("User")
    return answer.get("users")
