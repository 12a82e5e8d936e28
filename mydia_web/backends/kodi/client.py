"""The Kodi backend. One Kodi is one person: it keeps no users."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

import httpx2

from mydia_web import clock
from mydia_web.backends.answers import Artwork
from mydia_web.backends.base import (
    Backend,
    Connection,
    ContentKind,
    LibraryPage,
    Playing,
    RemoteState,
    ServerInfo,
    Target,
    Wanted,
)
from mydia_web.backends.errors import NotOnServer, NotShown, Rejected, ServerTrouble
from mydia_web.backends.events.base import Event
from mydia_web.backends.http import Http
from mydia_web.backends.kodi import changes, mapping
from mydia_web.backends.kodi.listening import PORT, Listener, address_of
from mydia_web.backends.kodi.listing import read_changes, read_library
from mydia_web.backends.kodi.mapping import (
    STATE_FIELDS,
    VOCABULARY,
    Entry,
    Player,
    UnreadableEntryError,
    Video,
)
from mydia_web.backends.kodi.playing import Played, read_playing
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.kodi.zone import KodiTime, ask_time
from mydia_web.backends.looking import before_writing, look
from mydia_web.backends.sockets import open_socket
from mydia_web.backends.traits import PASSWORD, USERNAME, Field, Traits

_NAME = "System.FriendlyName"
_PLAYERS = Call("Player.GetActivePlayers")
#: Where summer time ends, an hour comes twice and its second time sorts among its first.
_TURNED_BACK = timedelta(hours=1)


class Kodi(Backend):
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
            Field("websocket_port", "Port of its notifications", f"Leave empty for Kodi's own, {PORT}."),
        ),
        listens=True,
        signs_in_to_listen=False,
    )

    def __init__(self, connection: Connection, *, transport: httpx2.BaseTransport | None = None) -> None:
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
            raise ServerTrouble("Kodi does not tell its version. It may still be starting.") from error

    def library(self) -> Iterator[LibraryPage]:
        yield from read_library(self._rpc, self._time())

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Kodi dates each stop of a player and each mark that is set, and a title by its file.

        It tells of no mark that is taken away, and of no position that a program wrote without a date: those are found
        where the library is read whole. A title whose file is older than its arrival shows in their number.
        """
        yield from read_changes(self._rpc, self._time(), since - _TURNED_BACK)

    def state(self, target: Target) -> RemoteState:
        _, video, _ = self._find(target)
        return mapping.state(video, self._time())

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        moves = wanted.change_type == "progress_update"
        with before_writing():
            time = self._time()
            number, video, players = self._find(target, [_PLAYERS] if moves else [])
            look(target, wanted, mapping.state(video, time))
            told = changes.settings(video, wanted, time)
            if changes.shows(video, told):
                return mapping.state(video, time)
            if moves:
                self._refuse_while_playing(target.kind, number, video, players[0])
        shown = self._write(target.kind, number, told)
        if not changes.shows(shown, told):
            raise NotShown(f"Kodi took the change to “{video.name[:80]}”, but then did not show it.")
        return mapping.state(shown, time)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        time = self._known_time or KodiTime(UTC, clock.now())
        number = _number(target) or 0
        unknown = Video(file=target.path)
        calls = [_get(target.kind, number)]
        if wanted.change_type == "progress_update":
            calls.append(_PLAYERS)
        told = changes.settings(unknown, wanted, time)
        calls += [_set(target.kind, number, told), _get(target.kind, number)]
        note = "" if self._known_time else "  (lastplayed in UTC here; sent in Kodi's own time)"
        return [f"{call}{note if 'lastplayed' in call.params else ''}" for call in calls]

    def playing(self) -> Sequence[Playing]:
        return read_playing(self._rpc)

    def listen(self) -> Generator[Event | None]:
        """Kodi asks for no sign-in here. It must allow remote control from other systems: Settings, Services."""
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

    def _find(self, target: Target, also: Sequence[Call] = ()) -> tuple[int, Video, Sequence[Any]]:
        """The item under its id, if the id still means the same file; else under its file. And what `also` is asked.

        Kodi gives the id of a removed film to the next one that is added.
        """
        number = _number(target)
        if number is not None:
            try:
                found, *others = self._rpc.batch([_get(target.kind, number), *also])
            except NotOnServer:
                pass
            else:
                video = _video(target.kind, found)
                if _is_meant(video, target):
                    return number, video, others
        return *self._find_by_file(target), self._rpc.batch(also) if also else ()

    def _find_by_file(self, target: Target) -> tuple[int, Video]:
        words, cut = VOCABULARY[target.kind], max(map(target.path.rfind, "/\\")) + 1
        rules = [
            {"field": field, "operator": "is", "value": value}
            for field, value in (("filename", target.path[cut:]), ("path", target.path[:cut]))
            if value
        ]
        if not rules:
            raise NotOnServer("Kodi does not have this title any more.")
        result = self._rpc.call(words.list, properties=list(STATE_FIELDS), filter={"and": rules})
        for entry in mapping.members(result, words.entries):
            # Kodi compares with LIKE: "_" and "%" in a name match other names, and case is not told apart.
            video = _readable(Video, entry)
            if video.file == target.path:
                return int(entry[words.id_name]), video
        raise NotOnServer(f"“{target.path[cut:]}” is not in Kodi's library any more.")

    def _refuse_while_playing(self, kind: ContentKind, number: int, video: Video, players: Any) -> None:
        """At its stop Kodi writes its own position over ours."""
        for player in players:
            number_of_player = _readable(Player, player).playerid
            result = self._rpc.call("Player.GetItem", playerid=number_of_player, properties=["file"])
            playing = _readable(Played, result.get("item"))
            if (playing.type, playing.id) == (kind, number) or (video.file and playing.file == video.file):
                raise ServerTrouble(f"“{video.name[:80]}” is being played there now; trying again later.")

    def _write(self, kind: ContentKind, number: int, told: Mapping[str, Any]) -> Video:
        _, result = self._rpc.batch([_set(kind, number, told), _get(kind, number)])
        return _video(kind, result)


def _sign_in(credentials: Mapping[str, str]) -> tuple[str, str] | None:
    username, password = credentials.get("username", ""), credentials.get("password", "")
    return (username, password) if username or password else None


def _number(target: Target) -> int | None:
    kind, _, number = target.remote_id.partition(":")
    return int(number) if kind == target.kind and number.isdecimal() and int(number) else None


def _get(kind: ContentKind, number: int) -> Call:
    words = VOCABULARY[kind]
    return Call(words.get, {words.id_name: number, "properties": list(STATE_FIELDS)})


def _set(kind: ContentKind, number: int, told: Mapping[str, Any]) -> Call:
    words = VOCABULARY[kind]
    return Call(words.set, {words.id_name: number, **told})


def _video(kind: ContentKind, result: Mapping[str, Any]) -> Video:
    return _readable(Video, result.get(VOCABULARY[kind].details))


def _readable(model: type[Entry], entry: object) -> Entry:
    try:
        return mapping.read(model, entry)
    except UnreadableEntryError as error:
        raise ServerTrouble(f"Kodi's entry {error}") from error


def _is_meant(video: Video, target: Target) -> bool:
    if target.path:
        return video.file == target.path
    ids = mapping.external_ids(video.uniqueid)
    shared = ids.keys() & target.external_ids.keys()
    return not shared or any(ids[provider] == target.external_ids[provider] for provider in shared)
