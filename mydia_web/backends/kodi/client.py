"""The Kodi backend. One Kodi is one person: it keeps no users.

Its dates: `lastplayed` is when a player last stopped, however soon, or what a program wrote: the
end of a play, in the local time of Kodi's machine. A position has no date of its own.
"""

import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2

from mydia_web import clock
from mydia_web.backends.answers import Artwork
from mydia_web.backends.errors import BackendError, NotShown, Rejected, ServerTrouble
from mydia_web.backends.http import Http
from mydia_web.backends.kodi import changes, finding, mapping
from mydia_web.backends.kodi.finding import PLAYERS, Found
from mydia_web.backends.kodi.listening import PORT, Listener, address_of
from mydia_web.backends.kodi.listing import read_changes, read_library
from mydia_web.backends.kodi.mapping import VOCABULARY, Video
from mydia_web.backends.kodi.playing import read_playing
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.kodi.zone import KodiTime, ask_time
from mydia_web.backends.precondition import check_unchanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst
from mydia_web.backends.traits import PASSWORD, USERNAME, Field, Traits
from mydia_web.backends.values import (
    Connection,
    ContentKind,
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
        summary="The player on your television or computer. Its web server must be switched on: Settings, Services, "
        "Control.",
        address_hint="Such as http://192.168.1.20:8080",
        fields=(
            USERNAME,
            PASSWORD,
            Field(
                "websocket_port",
                "Notification port",
                f"Leave empty for Kodi's own, {PORT}.",
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
            auth=_sign_in(connection.credentials),
            verify=connection.verify_tls,
            transport=transport,
        )
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
                Call("JSONRPC.Ping"),
                Call("Application.GetProperties", {"properties": ["name", "version"]}),
                Call("XBMC.GetInfoLabels", {"labels": [_NAME]}),
            ]
        )
        try:
            version = f"{kodi['version']['major']}.{kodi['version']['minor']}"
            return ServerInfo("Kodi", labels.get(_NAME) or kodi["name"], version)
        except (AttributeError, KeyError, TypeError) as error:
            raise ServerTrouble(
                "Kodi does not tell its version. It may still be starting."
            ) from error

    def library(self) -> Iterator[LibraryPage]:
        yield from read_library(self._rpc, self._time())

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Kodi dates each stop of a player and each mark that is set, and a title by its file.

        It tells of no mark that is taken away, and of no position that a program wrote without a
        date: those are found where the library is read whole. A title whose file is older than its
        arrival shows in their number.
        """
        yield from read_changes(self._rpc, self._time(), since - _TURNED_BACK)

    def state(self, target: Target) -> RemoteState:
        return mapping.state(
            finding.find(self._rpc, target, asks_players=False).video, self._time()
        )

    def read(self, push: Push) -> Reading:
        self._time()
        asked_at = time.monotonic()
        return Reading(finding.find(self._rpc, push[0], asks_players=_moves(push)), asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        self._time()
        asked_at = time.monotonic()
        targets = [target for target, _ in pushes]
        found = finding.find_many(self._rpc, targets, asks_players=any(map(_moves, pushes)))
        return [Reading(one, asked_at) if isinstance(one, Found) else one for one in found]

    def write(self, push: Push, reading: Reading) -> RemoteState:
        target, wanted = push
        found: Found = reading.shown
        with nothing_written_yet():
            there = self._time()
            video = found.video
            check_unchanged(target, wanted, mapping.state(video, there))
            told = changes.settings(video, wanted, there)
            if changes.shows(video, told):
                return mapping.state(video, there)
            if _moves(push):
                found.refuse_while_playing(target.kind)
        shown = self._set(target.kind, found.number, told)
        if not changes.shows(shown, told):
            raise NotShown(
                f"Kodi took the change to “{video.name[:80]}”, but then did not show it."
            )
        return mapping.state(shown, there)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        """Never needed: each `write` reads back what it wrote."""
        return mapping.state(reading.shown.video, self._time())

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        clock_there = self._known_time or KodiTime(UTC, clock.now())
        number = finding.number_of(target) or 0
        unknown = Video(file=target.path)
        calls = [finding.get(target.kind, number)]
        if _moves((target, wanted)):
            calls.append(PLAYERS)
        told = changes.settings(unknown, wanted, clock_there)
        calls += [_set(target.kind, number, told), finding.get(target.kind, number)]
        note = "" if self._known_time else "  (lastplayed in UTC here; sent in Kodi's own time)"
        return [f"{call}{note if 'lastplayed' in call.params else ''}" for call in calls]

    def playing(self) -> Sequence[Playing]:
        return read_playing(self._rpc)

    def listen(self) -> Generator[Event | None]:
        """Kodi asks for no sign-in here. It must allow remote control from other systems: Settings,
        Services.
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

    def _set(self, kind: ContentKind, number: int, told: Mapping[str, Any]) -> Video:
        _, result = self._rpc.batch([_set(kind, number, told), finding.get(kind, number)])
        return finding.video_of(kind, result)


def _sign_in(credentials: Mapping[str, str]) -> tuple[str, str] | None:
    username, password = credentials.get("username", ""), credentials.get("password", "")
    return (username, password) if username or password else None


def _moves(push: Push) -> bool:
    return push[1].change_type == "progress_update"


def _set(kind: ContentKind, number: int, told: Mapping[str, Any]) -> Call:
    words = VOCABULARY[kind]
    return Call(words.set, {words.id_name: number, **told})
