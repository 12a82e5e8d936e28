"""The WebSocket side of a fake server, on a port of its own or on that of its HTTP side."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

#: It tells of every connection that breaks, which is what tests do.
_QUIET = logging.getLogger(f"{__name__}.wire")
_QUIET.setLevel(logging.CRITICAL + 1)


class Sockets:
    """Keeps what is said to it, and says what it is told to say to all who listen."""

    def __init__(
        self,
        *,
        admit: Callable[[Request], int] = lambda _request: 200,
        greet: Callable[[ServerConnection], None] = lambda _connection: None,
    ) -> None:
        #: The status with which a handshake is answered; 200 lets it pass.
        self.admit = admit
        self.greet = greet
        #: Handshakes that came in, and messages.
        self.handshakes: list[Request] = []
        self.said: list[Any] = []
        self._open: list[ServerConnection] = []
        self._changed = threading.Condition()
        self._server: Server | None = None
        self.port = 0
        self.up()

    def up(self) -> None:
        """Take connections, on the same port as before."""
        if self._server is None:
            # One that stood there a moment ago keeps nobody from it.
            listener = socket.create_server(("127.0.0.1", self.port))
            self._server = serve(
                self._talk, sock=listener, process_request=self._process, compression=None, logger=_QUIET
            )
            self.port = listener.getsockname()[1]
            threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def down(self) -> None:
        """Refuse connections until `up()`, and break those there are."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
            self.drop()

    close = down

    def take(self, connection: socket.socket, address: Any) -> None:
        """A connection that another server has accepted."""
        if self._server is not None:
            self._server.handler(connection, address)

    def drop(self) -> None:
        """Break all connections, as a plug that is pulled does."""
        with self._changed:
            for connection in self._open:
                connection.socket.shutdown(socket.SHUT_RDWR)

    def say(self, message: Mapping[str, Any] | str | bytes) -> None:
        """To all who listen."""
        text = json.dumps(message) if isinstance(message, Mapping) else message
        for connection in list(self._open):
            try:
                connection.send(text)
            except (ConnectionClosed, OSError):
                pass

    @property
    def listeners(self) -> int:
        return len(self._open)

    def wait_for(self, listeners: int, seconds: float = 5) -> bool:
        """Are there so many within that time?"""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._open) == listeners, seconds)

    def _process(self, _connection: ServerConnection, request: Request) -> Response | None:
        self.handshakes.append(request)
        status = self.admit(request)
        return None if status == 200 else _connection.respond(status, "no")

    def _talk(self, connection: ServerConnection) -> None:
        self.greet(connection)
        with self._changed:
            self._open.append(connection)
            self._changed.notify_all()
        try:
            for message in connection:
                self.said.append(json.loads(message))
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._changed:
                self._open.remove(connection)
                self._changed.notify_all()
