"""The Plex backend. All state belongs to the person of the token.

`lastViewedAt` is when Plex itself last heard of a play, a stop or a mark, ours included. It takes
no date, so this is when the news came and not when a title was watched elsewhere.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2

from mydia_web.backends.call import Call
from mydia_web.backends.errors import BackendError, NotShown, Rejected, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.plex import listing, mapping, plan
from mydia_web.backends.plex.account import Account, link_code
from mydia_web.backends.plex.mapping import Entry, PlayingEntry, entries_of
from mydia_web.backends.plex.plan import Title
from mydia_web.backends.plex.server import Server
from mydia_web.backends.plex.sign_in import SignIn
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

    The server dates marks and positions by the time they arrive. Several files of one title under
    one number are one item; a file with several episodes is listed as each of them. A mark that a
    person removed shows in the whole library, never in `changes`.
    """

    traits: ClassVar[Traits] = Traits(
        kind="plex",
        product="Plex",
        summary="A Plex Media Server, your own or one that is shared with you. "
        "Each person of a Plex Home is linked on their own.",
        address_hint="Such as http://192.168.1.20:32400",
        fields=(
            Field(
                name="token", label="Token", hint="Not needed when you link by a code.", secret=True
            ),
            Field(
                name="username",
                label="Plex account",
                hint="E-mail or user name; without a second factor only.",
            ),
            Field(name="password", label="Password", secret=True),
            Field(
                name="pin",
                label="Plex Home PIN",
                hint="Of the person, where Plex asks for one.",
                secret=True,
            ),
        ),
        linking="plex.tv/link",
        concurrency=2,
        reads_at_once=50,
        accepts_watched_at=False,
        has_libraries=True,
        keeps_people=True,
    )
    #: The address of the accounts.
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
        identity = self._server.identity()
        self._sign_in.server_id = identity.machine_identifier
        return ServerInfo(
            product="Plex",
            name=identity.friendly_name,
            version=identity.version,
            server_id=identity.machine_identifier,
        )

    def reach(self) -> None:
        self._sign_in.find_server()

    def sign_in(self) -> Linked:
        self._sign_in.identify()
        self.check()
        return self._sign_in.linked()

    def library(self) -> Iterator[LibraryPage]:
        yield from listing.read_library(self._server, self._connection.library_ids)

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        return listing.read_changes(
            self._server, self._connection.library_ids, int(since.timestamp())
        )

    def state(self, target: Target) -> RemoteState:
        return mapping.state(self._server.find(target))

    def read(self, push: Push) -> Reading:
        target, _ = push
        asked_at = time.monotonic()
        return Reading(self._server.find(target), asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        asked_at = time.monotonic()
        answers = self._server.find_many([target for target, _ in pushes])
        return [
            Reading(answer, asked_at) if isinstance(answer, Entry) else answer for answer in answers
        ]

    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        target, wanted = push
        entry: Entry = reading.shown
        with nothing_written_yet():
            check_unchanged(
                target,
                wanted,
                mapping.state(entry),
                accepts_watched_at=self.traits.accepts_watched_at,
            )
            attempts = self._plan(entry, wanted)
        shown = self._send(entry, wanted, attempts)
        if shown is None:
            return None
        return _confirmed(shown, wanted)

    def _plan(self, entry: Entry, wanted: Wanted) -> list[list[Call]]:
        title = Title.of(entry)
        threshold = plan.USUAL_THRESHOLD
        if plan.asks_threshold(title, wanted):
            threshold = self._server.threshold()
        return plan.plan_attempts(title, wanted, threshold)

    def _send(self, entry: Entry, wanted: Wanted, attempts: list[list[Call]]) -> Entry | None:
        """Return what the title shows after the calls; None where it has to be read for that.

        A position is read back at once, for Plex may take it for the end of the title.
        """
        expected = plan.marked(Title.of(entry), wanted)
        play_count = expected.play_count or 0
        for calls in attempts:
            self._server.send(calls)
            position = plan.stop_in(calls)
            if position is None:
                return None if calls else entry
            shown = self._server.title(entry.rating_key)
            if shown.view_count <= play_count:
                return self._settle(shown, position)
            if play_count:
                play_count = shown.view_count  # nothing takes back one play of several
        self._server.send(plan.take_back(expected))
        raise Rejected(f"Plex takes {entry.name} for watched at this position, so it was not sent.")

    def _settle(self, shown: Entry, position: int) -> Entry:
        """Return the title once it shows the position that was sent, or none near its beginning."""
        title = Title.of(shown)
        calls = plan.plan_clearing(title, position)
        if calls:
            self._server.send(calls)
            return self._server.title(shown.rating_key)
        if position >= plan.SURELY_KEPT and not title.is_at(position):
            raise NotShown(f"Plex took the position in {shown.name}, but then did not show it.")
        return shown

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        _, wanted = push
        return _confirmed(reading.shown, wanted)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        return [str(call) for call in plan.explain(target, wanted)]

    def users(self) -> Sequence[RemoteUser]:
        """Return the Plex Home; a friend's state can be reached by nobody but the friend."""
        self._sign_in.ensure()
        account = self._sign_in.account
        token = self._sign_in.account_token
        try:
            people = account.home(token) or [account.person(token)]
        except SignInRefused:  # a token that only the server knows
            return ()
        return [RemoteUser(person.id, person.name) for person in people]

    def libraries(self) -> Sequence[RemoteLibrary]:
        sections = listing.read_sections(self._server)
        return [RemoteLibrary(section.key, section.title) for section in sections]

    def playing(self) -> Sequence[Playing]:
        """Return what plays there. Plex tells nobody but the server's owner."""
        try:
            entries = entries_of(self._server.get("status/sessions"), "Metadata")
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
            # The server need not answer for that: a code can be confirmed only once.
            backend._sign_in.identify()
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
            playing = mapping.parse(PlayingEntry, entry)
        except UnreadableEntry:
            return None
        if playing.type not in ("movie", "episode"):
            return None
        user_id = playing.user.id
        if user_id == _OWNER:
            # Only the owner may see what plays, so this is the owner's own sign-in.
            user_id = self._sign_in.user_id or user_id
        return Playing(
            remote_id=playing.rating_key,
            title=playing.title,
            remote_user_id=user_id,
            position_ms=playing.view_offset,
            duration_ms=playing.duration or None,
            paused=playing.player.state == "paused",
            device=playing.player.title,
        )


def _confirmed(entry: Entry, wanted: Wanted) -> RemoteState:
    """Return the state of a title that was written to. Raises `NotShown` where it is another."""
    watched = wanted.mark
    is_other_mark = watched is not None and watched != (entry.view_count > 0)
    is_position_left = wanted.position == 0 and entry.view_offset > 0
    if is_other_mark or is_position_left:
        raise NotShown(f"Plex took the change to {entry.name}, but then did not show it.")
    return mapping.state(entry)


def _headers(client_id: str) -> dict[str, str]:
    return {
        "Accept": "application/json",
        "X-Plex-Client-Identifier": client_id,
        "X-Plex-Product": "mydia-web",
        "X-Plex-Device-Name": "mydia-web",
        "X-Plex-Platform": "Web",
    }


def _without_web_app(url: str) -> str:
    """Return the address without the path of Plex's own app, which people copy along with it."""
    url, _, _ = url.strip().partition("#")
    url = url.rstrip("/")
    for suffix in ("/index.html", "/desktop", "/web"):
        url = url.removesuffix(suffix)
    return url
