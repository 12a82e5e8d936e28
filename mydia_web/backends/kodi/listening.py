"""What Kodi announces. It says that an item has changed and hardly what: the item is read then, all
of its state.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from typing import Any

from mydia_web import clock
from mydia_web.backends.errors import NotOnServer, Rejected, Unreachable
from mydia_web.backends.events.sessions import Sessions
from mydia_web.backends.http import Address
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.listing import show_call
from mydia_web.backends.kodi.mapping import VOCABULARY
from mydia_web.backends.kodi.playing import read_playing
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ContentKind, Event, RemoteItem, RemoteShow
from mydia_web.backends.websocket import Socket
from mydia_web.backends.wire import UnreadableEntry

PORT = 9090
#: A stop announces one item several times at once.
SETTLE_SECONDS = 0.3
#: Some Kodis write the resume point only after they have announced the stop.
WRITTEN_SECONDS = 2.0
#: How often players are looked at while there are some: Kodi does not announce how far they are.
LOOK_SECONDS = 15.0
#: How long a caller waits to be told that there is nothing new; fifty connections wake the
#: processor so often.
TICK_SECONDS = 2.0
#: After so long a silence Kodi is asked whether it is still there, and has as long to answer.
PING_SECONDS = 30.0
#: Kodi takes 20 kB at a time.
READ_AT_ONCE = 40

_Key = tuple[ContentKind, int]


def address_of(address: Address, port: str) -> str:
    """Where Kodi announces, without encryption whatever its web server speaks. Raises `Rejected`
    for a strange port.
    """
    number = port.strip() or str(PORT)
    if not number.isdecimal() or not 0 < int(number) < 65_536:
        raise Rejected("The port of Kodi's notifications must be a number from 1 to 65535.")
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"ws://{host}:{number}/jsonrpc"


class Listener:
    """Turns what is announced into events. Our own writes are announced too, as everybody's: they
    are no news later.
    """

    def __init__(self, rpc: JsonRpc, ask_time: Callable[[], KodiTime]) -> None:
        self._rpc, self._ask_time = rpc, ask_time
        self._sessions = Sessions()
        self._look_at = 0.0
        #: When each item is to be read, once for each reason; a dictionary keeps their order.
        self._due: dict[tuple[_Key, str], float] = {}
        self._shows: dict[int, RemoteShow] = {}
        self._heard_at, self._is_asked = time.monotonic(), False

    def listen(self, socket: Socket) -> Generator[Event | None]:
        while True:
            yield from self._read_due()
            if time.monotonic() >= self._look_at:
                yield from self._sessions.look(read_playing(self._rpc))
                self._look_at = time.monotonic() + LOOK_SECONDS if self._sessions else float("inf")
            yield None
            message = socket.receive(self._patience())
            if message:
                self._note(str(message.get("method", "")), message.get("params"))
            self._see_that_it_is_there(socket, is_heard=message is not None)

    def _see_that_it_is_there(self, socket: Socket, *, is_heard: bool) -> None:
        """Kodi sends what should answer a ping as a message that no client takes: so it is asked in
        its own words.
        """
        now = time.monotonic()
        if is_heard:
            self._heard_at, self._is_asked = now, False
        elif now - self._heard_at >= 2 * PING_SECONDS:
            raise Unreachable("Kodi says nothing any more. Was it switched off?")
        elif now - self._heard_at >= PING_SECONDS and not self._is_asked:
            self._is_asked = True
            socket.send({"jsonrpc": "2.0", "id": 1, "method": "JSONRPC.Ping"})

    def _patience(self) -> float:
        return min(TICK_SECONDS, min([self._look_at, *self._due.values()]) - time.monotonic())

    def _note(self, method: str, params: object) -> None:
        data = params.get("data") if isinstance(params, Mapping) else None
        told = data if isinstance(data, Mapping) else {}
        now = time.monotonic()
        if (
            method == "VideoLibrary.OnUpdate"
            and not told.get("added")
            and not told.get("transaction")
        ):
            self._read_at(now + SETTLE_SECONDS, method, _item_of(told))
        elif method.startswith("Player.On"):
            self._look_at = now + SETTLE_SECONDS
            if method == "Player.OnStop":
                self._read_at(now + WRITTEN_SECONDS, method, _item_of(told))

    def _read_at(self, at: float, method: str, key: _Key | None) -> None:
        if key is not None:
            self._due.setdefault((key, method), at)

    def _read_due(self) -> Iterator[Event]:
        now = time.monotonic()
        due = [one for one, at in self._due.items() if at <= now][:READ_AT_ONCE]
        for one in due:
            del self._due[one]
        heard_at = clock.now()
        for method, item in self._items(due):
            yield Event(
                "state",
                method,
                item=item,
                tells_watched=True,
                tells_position=True,
                heard_at=heard_at,
            )

    def _items(self, due: Sequence[tuple[_Key, str]]) -> Iterator[tuple[str, RemoteItem]]:
        """The items as they are now; one that is gone or strange hides no other."""
        details = self._details([(VOCABULARY[key[0]].details, _get(*key)) for key, _ in due])
        self._read_shows(details)
        for ((kind, _), method), entry in zip(due, details, strict=True):
            try:
                if kind == "movie" and entry:
                    yield method, mapping.movie_item(entry, self._ask_time())
                elif entry:
                    yield method, mapping.episode_item(entry, self._ask_time(), self._shows)
            except UnreadableEntry:
                continue

    def _read_shows(self, episodes: Sequence[Mapping[str, Any]]) -> None:
        told = [one.get("tvshowid") for one in episodes]
        numbers = {one for one in told if isinstance(one, int) and one > 0} - self._shows.keys()
        for entry in self._details([("tvshowdetails", show_call(number)) for number in numbers]):
            try:
                number, show = mapping.show_item(entry)
            except UnreadableEntry:
                continue
            self._shows[number] = show

    def _details(self, asked: Sequence[tuple[str, Call]]) -> list[Mapping[str, Any]]:
        """For each what is asked for under its name, {} where Kodi has it no more."""
        if not asked:
            return []
        try:
            results = self._rpc.batch([call for _, call in asked])
        except (NotOnServer, Rejected):
            if len(asked) > 1:
                return [found for one in asked for found in self._details([one])]
            results = [{}]
        return [_member(result, name) for result, (name, _) in zip(results, asked, strict=True)]


def _item_of(told: Mapping[str, Any]) -> _Key | None:
    """The film or episode that is named, inside or flat."""
    item = told.get("item", told)
    named, number = (
        (item.get("type"), item.get("id")) if isinstance(item, Mapping) else (None, None)
    )
    kind = next((known for known in VOCABULARY if known == named), None)
    return (kind, number) if kind and isinstance(number, int) and number > 0 else None


def _get(kind: ContentKind, number: int) -> Call:
    words = VOCABULARY[kind]
    return Call(words.get, {words.id_name: number, "properties": list(words.fields)})


def _member(result: object, name: str) -> Mapping[str, Any]:
    found = result.get(name) if isinstance(result, Mapping) else None
    return found if isinstance(found, Mapping) else {}
