"""The Kodi backend. One Kodi is one person: it keeps no users.

Its dates: `lastplayed` is when a player last stopped, however soon, or what a program wrote: the
end of a play, in the local time of Kodi's machine. A position has no date of its own.
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from urllib.parse import quote

import httpx2

from mydia_web import clock
from mydia_web.backends.errors import BackendError, NotShown, Rejected, ServerTrouble
from mydia_web.backends.http import Http
from mydia_web.backends.kodi import library, mapping
from mydia_web.backends.kodi.listening import PORT, Listener, address_of
from mydia_web.backends.kodi.plan import Shown, is_confirmed, moves_position, plan, plan_unread
from mydia_web.backends.kodi.rpc import JsonRpc, RpcCall
from mydia_web.backends.kodi.zone import KodiTime, ask_time
from mydia_web.backends.precondition import check_unchanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst
from mydia_web.backends.traits import PASSWORD, USERNAME, Field, Traits
from mydia_web.backends.values import (
    Artwork,
    Connection,
    Event,
    LibraryPage,
    Playing,
    RemoteState,
    ServerInfo,
    Target,
    Wanted,
)
from mydia_web.backends.websocket import open_socket

_NAME = "System.FriendlyName"
#: Where summer time ends, an hour comes twice and its second time sorts among its first.
_TURNED_BACK = timedelta(hours=1)


class Kodi(ReadsFirst):
    """A Kodi with its web server switched on (Settings → Services → Control)."""

    traits: ClassVar[Traits] = Traits(
        kind="kodi",
        product="Kodi",
        summary="The player on your television or computer. Its web server must be switched on: "
        "Settings, Services, Control.",
        address_hint="Such as http://192.168.1.20:8080",
        fields=(
            USERNAME,
            PASSWORD,
            Field(
                name="websocket_port",
                label="Notification port",
                hint=f"Leave empty for Kodi's own, {PORT}.",
            ),
        ),
        listens=True,
        reads_at_once=50,
        signs_in_to_listen=False,
    )

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._http = Http(
            connection.base_url.strip().rstrip("/").removesuffix("/jsonrpc"),
            product="Kodi",
            hint="Is Kodi running, and is its web server switched on?",
            verify=connection.verify_tls,
            transport=transport,
        )
        auth = _sign_in(connection.credentials)
        if auth is not None:
            self._http.set_auth(*auth)
        self._rpc = JsonRpc(self._http)
        self._port = connection.credentials.get("websocket_port", "")
        self._known_time: KodiTime | None = None

    def close(self) -> None:
        self._http.close()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._http.clock_skew

    def check(self) -> ServerInfo:
        _, kodi, labels = self._rpc.batch(
            [
                RpcCall("JSONRPC.Ping"),
                RpcCall("Application.GetProperties", {"properties": ["name", "version"]}),
                RpcCall("XBMC.GetInfoLabels", {"labels": [_NAME]}),
            ]
        )
        try:
            version = f"{kodi['version']['major']}.{kodi['version']['minor']}"
            name = labels.get(_NAME) or kodi["name"]
        except (AttributeError, KeyError, TypeError) as error:
            raise ServerTrouble(
                "Kodi does not tell its version. It may still be starting."
            ) from error
        return ServerInfo(product="Kodi", name=name, version=version)

    def library(self) -> Iterator[LibraryPage]:
        yield from library.read_library(self._rpc, self._time())

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Yield what is new by Kodi's dates: of stops, of marks that were set, and of files.

        A mark that is taken away has no date, nor has a position that a program wrote without one:
        those are found where the library is read whole. A title whose file is older than its
        arrival shows in the number of titles.
        """
        yield from library.read_changes(self._rpc, self._time(), since - _TURNED_BACK)

    def state(self, target: Target) -> RemoteState:
        shown = library.find(self._rpc, target, asks_players=False)
        return mapping.state(shown.video, self._time())

    def read(self, push: Push) -> Reading:
        target, wanted = push
        self._time()
        asked_at = time.monotonic()
        shown = library.find(self._rpc, target, asks_players=moves_position(wanted))
        return Reading(shown, asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        self._time()
        asked_at = time.monotonic()
        titles = library.find_by_ids(
            self._rpc,
            [target for target, _ in pushes],
            asks_players=any(moves_position(wanted) for _, wanted in pushes),
        )
        return [Reading(title, asked_at) if isinstance(title, Shown) else title for title in titles]

    def write(self, push: Push, reading: Reading) -> RemoteState:
        target, wanted = push
        shown: Shown = reading.shown
        with nothing_written_yet():
            time_there = self._time()
            state = mapping.state(shown.video, time_there)
            check_unchanged(target, wanted, state)
            calls = plan(shown, wanted, time_there)
            if not calls:
                return state
            if moves_position(wanted):
                _refuse_while_playing(shown)
        results = self._rpc.batch(calls)
        video = library.video_of(shown.kind, results[-1])
        if not is_confirmed(calls[0], video):
            name = shown.video.name[: mapping.QUOTED]
            raise NotShown(f"Kodi took the change to “{name}”, but then did not show it.")
        return mapping.state(video, time_there)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        """Return what was read. Never needed: each `write` reads back what it wrote."""
        return mapping.state(reading.shown.video, self._time())

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        if self._known_time:
            return [str(call) for call in plan_unread(target, wanted, self._known_time)]
        calls = plan_unread(target, wanted, KodiTime(UTC, clock.now()))
        return [_explained_in_utc(call) for call in calls]

    def playing(self) -> Sequence[Playing]:
        return library.read_playing(self._rpc)

    def listen(self) -> Generator[Event | None]:
        """Yield events. Kodi asks for no sign-in here, but must allow remote control from other
        systems: Settings, Services.
        """
        url = address_of(self._http.address, self._port)
        place = url.removesuffix("/jsonrpc")
        with open_socket(url, product="Kodi", place=place, pings=False) as socket:
            yield from Listener(self._rpc, self._time).listen(socket)

    def artwork(self, url: str) -> Artwork:
        if not url.startswith("image://"):
            raise Rejected("This is not the address of a picture in Kodi.")
        return self._http.picture(f"image/{quote(url, safe='')}")

    def _time(self) -> KodiTime:
        if self._known_time is None or self._known_time.is_stale:
            self._known_time = ask_time(self._rpc)
        return self._known_time


def _sign_in(credentials: Mapping[str, str]) -> tuple[str, str] | None:
    username = credentials.get("username", "")
    password = credentials.get("password", "")
    if not username and not password:
        return None
    return username, password


def _refuse_while_playing(shown: Shown) -> None:
    """Raise `ServerTrouble` for a playing title: at its stop Kodi writes its position over ours."""
    if shown.is_playing:
        raise ServerTrouble(
            f"“{shown.video.name[: mapping.QUOTED]}” is being played there now; trying again later."
        )


def _explained_in_utc(call: RpcCall) -> str:
    if "lastplayed" not in call.params:
        return str(call)
    return f"{call}  (lastplayed in UTC here; sent in Kodi's own time)"
