"""The Plex backend. All state belongs to whom the token belongs to.

Its dates: `lastViewedAt` is when Plex itself last heard of a play, a stop or a mark, ours included.
None can be given to it, so that it says when the news came and not when a title was watched
elsewhere.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2

from mydia_web.backends.errors import BackendError, Rejected, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.plex import listing, mapping, pushing
from mydia_web.backends.plex.account import Account, link_code
from mydia_web.backends.plex.mapping import Entry, Session, members
from mydia_web.backends.plex.server import Server
from mydia_web.backends.plex.signing_in import SignIn
from mydia_web.backends.precondition import check_unchanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst
from mydia_web.backends.traits import Field, Traits
from mydia_web.backends.values import (
    Artwork,
    Connection,
    LibraryPage,
    LinkCode,
    Linked,
    Playing,
    RemoteLibrary,
    RemoteState,
    RemoteUser,
    ServerInfo,
    Target,
    Wanted,
)
from mydia_web.backends.wire import UnreadableEntry

#: The owner of a server is its user number 1, whatever the number at plex.tv.
_OWNER = "1"


class Plex(ReadsFirst):
    """A Plex Media Server.

    Marks and positions are dated by the server, with the time they arrive. Several files of one
    title under one number are one item; a file with several episodes is listed as each of them. A
    change made by removing a mark is seen by reading the library whole, never by `changes`.
    """

    traits: ClassVar[Traits] = Traits(
        kind="plex",
        product="Plex",
        summary="A Plex Media Server, your own or one that is shared with you. Each person of a Plex Home is linked "
        "on their own.",
        address_hint="Such as http://192.168.1.20:32400",
        fields=(
            Field("token", "Token", "Not needed when you link by a code.", secret=True),
            Field("username", "Plex account", "E-mail or user name; without a second factor only."),
            Field("password", "Password", secret=True),
            Field("pin", "Plex Home PIN", "Of the person, where Plex asks for one.", secret=True),
        ),
        linking="plex.tv/link",
        concurrency=2,
        reads_at_once=50,
        accepts_watched_at=False,
        has_libraries=True,
        keeps_people=True,
    )
    #: Where accounts are.
    plex_tv: ClassVar[str] = "https://plex.tv"

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._connection = connection
        self._http = Http(
            _without_web_app(connection.base_url),
            product="Plex",
            hint="Is the Plex Media Server running?",
            headers=_headers(connection.device_id),
            verify=connection.verify_tls,
            transport=transport,
        )
        self._sign_in = SignIn(
            connection, self._http, lambda: self._account(connection.device_id, transport)
        )
        self._server = Server(self._http, self._sign_in)

    def close(self) -> None:
        self._http.close()
        self._sign_in.close()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._http.clock_skew

    def check(self) -> ServerInfo:
        self._sign_in.ensure()
        if not self._sign_in.server_id:
            self.reach()
        found = self._server.identity()
        self._sign_in.server_id = found.machine_identifier
        return ServerInfo("Plex", found.friendly_name, found.version, found.machine_identifier)

    def reach(self) -> None:
        self._sign_in.find_server()

    def sign_in(self) -> Linked:
        self._sign_in.find_out()
        self.check()
        return self._sign_in.linked()

    def library(self) -> Iterator[LibraryPage]:
        yield from listing.read_library(self._server, self._connection.library_ids)

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        return listing.read_changes(
            self._server, self._connection.library_ids, int(since.timestamp())
        )

    def state(self, target: Target) -> RemoteState:
        return mapping.state(pushing.find(self._server, target))

    def read(self, push: Push) -> Reading:
        asked_at = time.monotonic()
        return Reading(pushing.find(self._server, push[0]), asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        asked_at = time.monotonic()
        found = pushing.find_many(self._server, [target for target, _ in pushes])
        return [Reading(one, asked_at) if isinstance(one, Entry) else one for one in found]

    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        target, wanted = push
        with nothing_written_yet():
            check_unchanged(
                target,
                wanted,
                mapping.state(reading.shown),
                accepts_watched_at=self.traits.accepts_watched_at,
            )
        shown = pushing.push(self._server, reading.shown, wanted)
        return None if shown is None else mapping.state(shown)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        return mapping.state(pushing.confirmed(reading.shown, push[1]))

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        return pushing.explain(target, wanted)

    def users(self) -> Sequence[RemoteUser]:
        """Those of the Plex Home; a friend's state can be reached by nobody but the friend."""
        self._sign_in.ensure()
        account, token = self._sign_in.account, self._sign_in.account_token
        try:
            people = account.home(token) or [account.person(token)]
        except SignInRefused:  # a token that only the server knows
            return ()
        return [RemoteUser(person.id, person.name) for person in people]

    def libraries(self) -> Sequence[RemoteLibrary]:
        return [RemoteLibrary(one.key, one.title) for one in listing.sections(self._server)]

    def playing(self) -> Sequence[Playing]:
        """Only the server's owner is told."""
        try:
            entries = members(self._server.ask("GET", "status/sessions"), "Metadata")
        except (Rejected, SignInRefused):
            self._server.identity()  # raises where it is the sign-in that is refused
            return ()
        return [playing for entry in entries if (playing := self._playing(entry))]

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        if not connection.server_id or not target.remote_id:
            return ""
        server = quote(connection.server_id, safe="")
        key = quote(f"/library/metadata/{target.remote_id}", safe="")
        return f"https://app.plex.tv/desktop/#!/server/{server}/details?key={key}"

    def artwork(self, url: str) -> Artwork:
        if not mapping.is_picture(url):
            raise Rejected("This is not the address of a picture in Plex.")
        return self._server.picture(url.removeprefix("/"))

    @classmethod
    def begin_link(
        cls, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> LinkCode:
        account = cls._account(connection.device_id, transport)
        try:
            return link_code(account.begin_link(), connection.device_id)
        finally:
            account.close()

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> Linked | None:
        account = cls._account(secret["client_id"], transport)
        try:
            token = account.poll_link(secret["id"])
        finally:
            account.close()
        if not token:
            return None
        credentials = {"account_token": token, "pin": connection.credentials.get("pin", "")}
        backend = cls(
            replace(connection, credentials=credentials, device_id=secret["client_id"]),
            transport=transport,
        )
        try:
            # The server itself need not answer for that: the code can be confirmed but once.
            backend._sign_in.find_out()
            return backend._sign_in.linked()
        finally:
            backend.close()

    @classmethod
    def _account(cls, client_id: str, transport: httpx2.BaseTransport | None) -> Account:
        http = Http(
            cls.plex_tv,
            product="plex.tv",
            hint="Does this machine reach the internet?",
            headers=_headers(client_id),
            transport=transport,
        )
        return Account(http)

    def _playing(self, entry: Any) -> Playing | None:
        try:
            session = mapping.read(Session, entry)
        except UnreadableEntry:
            return None
        if session.type not in ("movie", "episode"):
            return None
        user = session.user.id
        return Playing(
            session.rating_key,
            session.title,
            # Whoever is told of sessions is the owner.
            self._sign_in.user_id or user if user == _OWNER else user,
            session.view_offset,
            session.duration or None,
            session.player.state == "paused",
            session.player.title,
        )


def _headers(client_id: str) -> dict[str, str]:
    return {
        "Accept": "application/json",
        "X-Plex-Client-Identifier": client_id,
        "X-Plex-Product": "mydia-web",
        "X-Plex-Device-Name": "mydia-web",
        "X-Plex-Platform": "Web",
    }


def _without_web_app(url: str) -> str:
    """People copy the address from their browser, where Plex's own app adds its path."""
    url, _, _ = url.strip().partition("#")
    return url.rstrip("/").removesuffix("/index.html").removesuffix("/desktop").removesuffix("/web")
