"""What Kodi announces on an open connection.

An announcement says that an item has changed and hardly what: the item's whole state is read then.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mydia_web import clock
from mydia_web.backends.errors import NotOnServer, Rejected, Unreachable
from mydia_web.backends.events.sessions import Sessions
from mydia_web.backends.http import Address
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.library import read_playing, show_call, show_numbers
from mydia_web.backends.kodi.mapping import VOCABULARY
from mydia_web.backends.kodi.rpc import JsonRpc, RpcCall
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ContentKind, Event, RemoteItem, RemoteShow
from mydia_web.backends.websocket import Socket
from mydia_web.backends.wire import UnreadableEntry

PORT = 9090
_LAST_PORT = 65_535
#: A stop announces one item several times at once.
SETTLE_SECONDS = 0.3
#: Some Kodis write the resume point only after they have announced the stop.
WRITTEN_SECONDS = 2.0
#: How often active players are looked at: Kodi does not announce how far they are.
LOOK_SECONDS = 15.0
#: How long a caller waits to hear that nothing is new. Fifty connections wake the processor this
#: often.
TICK_SECONDS = 2.0
#: The silence after which Kodi is asked whether it is still there, and how long it has to answer.
PING_SECONDS = 30.0
#: Items per request; Kodi accepts 20 kB.
READ_AT_ONCE = 40


@dataclass(frozen=True, slots=True)
class _Item:
    """An announced film or episode."""

    kind: ContentKind
    number: int


@dataclass(frozen=True, slots=True)
class _Reason:
    """An item to read, and the announcement that is the reason for it."""

    item: _Item
    method: str


def address_of(address: Address, port: str) -> str:
    """Return where Kodi announces, always unencrypted. Raise `Rejected` for a strange port."""
    number = port.strip() or str(PORT)
    if not number.isdecimal() or not 0 < int(number) <= _LAST_PORT:
        raise Rejected("The port of Kodi's notifications must be a number from 1 to 65535.")
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"ws://{host}:{number}/jsonrpc"


class Listener:
    """Turns announcements into events.

    Our own writes are announced like anybody's; the merge finds nothing new in them.
    """

    def __init__(self, rpc: JsonRpc, ask_time: Callable[[], KodiTime]) -> None:
        self._rpc = rpc
        self._ask_time = ask_time
        self._sessions = Sessions()
        self._look_at = 0.0
        #: When each item is to be read, in the order of the announcements.
        self._due: dict[_Reason, float] = {}
        self._shows: dict[int, RemoteShow] = {}
        self._heard_at = time.monotonic()
        self._has_pinged = False

    def listen(self, socket: Socket) -> Generator[Event | None]:
        while True:
            yield from self._read_due()
            if time.monotonic() >= self._look_at:
                yield from self._look_at_players()
            yield None
            message = socket.receive(self._patience())
            if message:
                self._note(str(message.get("method", "")), message.get("params"))
            self._check_connection(socket, is_heard=message is not None)

    def _look_at_players(self) -> Iterator[Event]:
        yield from self._sessions.look(read_playing(self._rpc))
        if self._sessions:
            self._look_at = time.monotonic() + LOOK_SECONDS
        else:
            self._look_at = float("inf")

    def _check_connection(self, socket: Socket, *, is_heard: bool) -> None:
        """Ping a silent Kodi in its own words: no client accepts its answer to a WebSocket ping."""
        now = time.monotonic()
        silence = now - self._heard_at
        if is_heard:
            self._heard_at = now
            self._has_pinged = False
        elif silence >= 2 * PING_SECONDS:
            raise Unreachable("Kodi says nothing any more. Was it switched off?")
        elif silence >= PING_SECONDS and not self._has_pinged:
            self._has_pinged = True
            socket.send({"jsonrpc": "2.0", "id": 1, "method": "JSONRPC.Ping"})

    def _patience(self) -> float:
        next_at = min(self._look_at, *self._due.values(), float("inf"))
        return min(TICK_SECONDS, next_at - time.monotonic())

    def _note(self, method: str, params: object) -> None:
        """Note when to read what an announcement names."""
        data = _mapping_in(params, "data")
        now = time.monotonic()
        if method == "VideoLibrary.OnUpdate":
            is_scan = data.get("added") or data.get("transaction")
            if not is_scan:
                self._read_at(now + SETTLE_SECONDS, method, _item_of(data))
        elif method.startswith("Player.On"):
            self._look_at = now + SETTLE_SECONDS
            if method == "Player.OnStop":
                self._read_at(now + WRITTEN_SECONDS, method, _item_of(data))

    def _read_at(self, at: float, method: str, item: _Item | None) -> None:
        if item is not None:
            self._due.setdefault(_Reason(item, method), at)

    def _read_due(self) -> Iterator[Event]:
        now = time.monotonic()
        due = [reason for reason, at in self._due.items() if at <= now][:READ_AT_ONCE]
        for reason in due:
            del self._due[reason]
        heard_at = clock.now()
        for method, item in self._items(due):
            yield Event(
                action="state",
                name=method,
                item=item,
                tells_watched=True,
                tells_position=True,
                heard_at=heard_at,
            )

    def _items(self, due: Sequence[_Reason]) -> Iterator[tuple[str, RemoteItem]]:
        """Yield the items as they are now; a missing or unreadable one hides no other."""
        entries = self._details([_details_call(reason.item) for reason in due])
        self._read_shows(entries)
        for reason, entry in zip(due, entries, strict=True):
            if not entry:
                continue
            try:
                yield reason.method, self._remote_item(reason.item.kind, entry)
            except UnreadableEntry:
                continue

    def _remote_item(self, kind: ContentKind, entry: Mapping[str, Any]) -> RemoteItem:
        if kind == "movie":
            return mapping.movie_item(entry, self._ask_time())
        return mapping.episode_item(entry, self._ask_time(), self._shows)

    def _read_shows(self, episodes: Sequence[Mapping[str, Any]]) -> None:
        """Read the shows of these episodes that are not known yet."""
        numbers = show_numbers(episodes) - self._shows.keys()
        for entry in self._details([("tvshowdetails", show_call(number)) for number in numbers]):
            try:
                number, show = mapping.show_item(entry)
            except UnreadableEntry:
                continue
            self._shows[number] = show

    def _details(self, calls: Sequence[tuple[str, RpcCall]]) -> list[Mapping[str, Any]]:
        """Return for each call what the answer has under that name; {} where it is gone."""
        if not calls:
            return []
        try:
            results = self._rpc.batch([call for _, call in calls])
        except (NotOnServer, Rejected):
            if len(calls) == 1:
                return [{}]
            return [entry for call in calls for entry in self._details([call])]
        return [_mapping_in(result, name) for result, (name, _) in zip(results, calls, strict=True)]


def _item_of(data: Mapping[str, Any]) -> _Item | None:
    """Return the film or episode that an announcement names, nested or flat."""
    item = data.get("item", data)
    if not isinstance(item, Mapping):
        return None
    number = item.get("id")
    if not isinstance(number, int) or number <= 0:
        return None
    for kind in VOCABULARY:
        if item.get("type") == kind:
            return _Item(kind, number)
    return None


def _details_call(item: _Item) -> tuple[str, RpcCall]:
    words = VOCABULARY[item.kind]
    params = {words.id_name: item.number, "properties": list(words.fields)}
    return words.details, RpcCall(words.get, params)


def _mapping_in(value: object, name: str) -> Mapping[str, Any]:
    member = mapping.member(value, name)
    if not isinstance(member, Mapping):
        return {}
    return member
