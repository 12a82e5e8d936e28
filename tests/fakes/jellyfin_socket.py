"""The WebSocket of the fake Jellyfin, on the port of its HTTP side: it says what it has saved for
whom.
"""

import json
import re
import socket
import threading
import uuid
from http.server import ThreadingHTTPServer
from typing import Any

from websockets.http11 import Request as Handshake
from websockets.sync.server import ServerConnection

from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.jellyfin_sign_in import Device
from tests.fakes.mediabrowser import Reply, Request
from tests.fakes.mediabrowser_library import Person, Title
from tests.fakes.sockets import Sockets

#: Who saves something, but for the progress of a player: that is not announced.
_SAVES = re.compile(
    r"/(UserItems/(\w+)/UserData|UserPlayedItems/(\w+)|Sessions/Playing(/Stopped)?)", re.IGNORECASE
)


class LoudJellyfin(FakeJellyfin):
    """Announces what was saved, all together with the shows, seasons and folders that it alters,
    half a second later.

    Only the newest connection of a device hears of it.
    """

    #: Seconds after which it ends a connection on which it hears nothing.
    kept = 60

    def __init__(self, **options: str) -> None:
        #: What is said after a save, so many seconds later.
        self.delay = 0.05
        self.sockets = Sockets(admit=self._authenticate, greet=self._greet)
        #: Whose token each connection was opened with, and on which device.
        self.owners: dict[ServerConnection, tuple[str, str]] = {}
        #: What of each person's is to be announced, in the order in which it was saved, and by
        #: which timer.
        self._unsaid: dict[str, dict[str, None]] = {}
        self._timers: dict[str, threading.Timer] = {}
        self.server_class = _server_of(self)
        super().__init__(**options)

    def close(self) -> None:
        super().close()
        self.sockets.down()

    def up(self) -> None:
        self.sockets.up()
        super().up()

    def answer(self, request: Request) -> Reply:
        reply = super().answer(request)
        found = _SAVES.fullmatch(request.path)
        if found and request.method != "GET" and reply.status < 300:
            caller = self._caller(request)
            assert caller is not None
            item = found[2] or found[3] or str(request.json.get("ItemId", "")).replace("-", "")
            self._announce_later(request.asked("userId") or caller.person, item)
        return reply

    def _announce_later(self, person: str, item: str) -> None:
        """Each further save puts it off."""
        self._unsaid.setdefault(person, {})[item] = None
        if person in self._timers:
            self._timers[person].cancel()
        self._timers[person] = threading.Timer(self.delay, self._announce, (person,))
        self._timers[person].start()

    def act(self, person: Person, token: str, device: str, path: str, **body: Any) -> None:
        """Report as an app of the person."""
        said = f'MediaBrowser Client="app", Device="{device}", DeviceId="{device}", Token="{token}"'
        headers = {"Authorization": said, "Content-Type": "application/json"}
        reply = self.reply_to("POST", f"{self.prefix}{path}", headers, json.dumps(body).encode())
        assert reply.status < 300, reply

    def announce(self, person: str, *entries: Any) -> None:
        """To those who listen with a token of the person."""
        message = {
            "MessageType": "UserDataChanged",
            "MessageId": str(uuid.uuid4()),
            "Data": {"UserId": person, "UserDataList": list(entries)},
        }
        newest = {owner: connection for connection, owner in self.owners.items()}
        hearing = [connection for owner, connection in newest.items() if owner[0] == person]
        self.sockets.say(message, lambda connection: connection in hearing)

    def _announce(self, person: str) -> None:
        with self.lock:
            titles = [
                self.titles[item] for item in self._unsaid.pop(person, {}) if item in self.titles
            ]
            if not titles:
                return
            shows = {one.series.id: one.series for one in titles if one.series}
            entries = [self.user_data(one, person) for one in [*titles, *shows.values()]]
            seasons = {(one.series.id, one.season): one for one in titles if one.series}
            entries += [
                self._holder(f"{show} {season}", one, person)
                for (show, season), one in seasons.items()
            ]
            places = {one.place.id: one for one in titles if one.place and not one.series}
            entries += [self._holder(place, one, person) for place, one in places.items()]
        self.announce(person, *entries)

    def _holder(self, name: str, title: Title, person: str) -> dict[str, Any]:
        """The season of an episode or the library of a film, by how many in it are left."""
        within = [
            one
            for one in self.titles.values()
            if one.type != "Series"
            and one.place is title.place
            and (one.series, one.season) == (title.series, title.season)
        ]
        left = sum(not one.state(person).played for one in within)
        return {
            "PlayedPercentage": (len(within) - left) * 100 / len(within),
            "UnplayedItemCount": left,
            "PlaybackPositionTicks": 0,
            "PlayCount": 0,
            "IsFavorite": False,
            "Played": False,
            "Key": self._id(name),
            "ItemId": self._id(name),
        }

    def _authenticate(self, handshake: Handshake) -> int:
        caller = self._caller_of(handshake)
        if not handshake.path.startswith(f"{self.prefix}/socket"):
            return 404
        return 200 if caller is not None else 401

    def _greet(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        caller = self._caller_of(connection.request)
        assert caller is not None
        self.owners[connection] = (caller.person, caller.id)
        message = {
            "MessageType": "ForceKeepAlive",
            "MessageId": str(uuid.uuid4()),
            "Data": self.kept,
        }
        connection.send(json.dumps(message))

    def _caller_of(self, handshake: Handshake) -> Device | None:
        target = handshake.path.removeprefix(self.prefix)
        return self._caller(Request("GET", target, dict(handshake.headers.raw_items())))


def _server_of(jellyfin: LoudJellyfin) -> type[ThreadingHTTPServer]:
    class Server(ThreadingHTTPServer):
        def finish_request(self, request: Any, client_address: Any) -> None:
            """One port for both: what asks for the socket is handed on."""
            start = request.recv(2048, socket.MSG_PEEK)
            if start.startswith(f"GET {jellyfin.prefix}/socket".encode()):
                jellyfin.sockets.take(request, client_address)
            else:
                super().finish_request(request, client_address)

    return Server
