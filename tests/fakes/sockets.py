"""The WebSocket side of a fake server, on a port of its own or on that of its HTTP side."""

import json
import logging
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol
from websockets.sync.server import Server, ServerConnection, serve

#: It tells of every connection that breaks, which is what tests do.
_QUIET = logging.getLogger(f"{__name__}.wire")
_QUIET.setLevel(logging.CRITICAL + 1)


class _Wrapping(ServerConnection):
    """Sends its pongs as text, frame and all, as Kodi 20 does: clients end such a connection."""

    def __init__(
        self, sock: socket.socket, protocol: ServerProtocol, server: Server, **options: Any
    ) -> None:
        send: Any = protocol.send_frame

        def wrap(frame: Frame) -> None:
            send(Frame(Opcode.TEXT, b"\x8a\x00") if frame.opcode is Opcode.PONG else frame)

        protocol.send_frame = wrap  # type: ignore[method-assign]
        super().__init__(sock, protocol, server, **options)


class Sockets:
    """Keeps what is said to it, and says what it is told to say to all who listen."""

    def __init__(
        self,
        *,
        admit: Callable[[Request], int] = lambda _request: 200,
        greet: Callable[[ServerConnection], None] = lambda _connection: None,
        answer: Callable[[Any], Mapping[str, Any] | None] = lambda _message: None,
        wraps_pongs: bool = False,
    ) -> None:
        #: The status with which a handshake is answered; 200 lets it pass.
        self.admit = admit
        self.greet, self.answer = greet, answer
        self._connection = _Wrapping if wraps_pongs else ServerConnection
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
                self._talk,
                sock=listener,
                process_request=self._process,
                compression=None,
                logger=_QUIET,
                create_connection=self._connection,
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
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)

    def say(
        self,
        message: Mapping[str, Any] | str | bytes,
        hears: Callable[[ServerConnection], bool] = lambda _connection: True,
    ) -> None:
        """To all who listen and shall hear it."""
        text = json.dumps(message) if isinstance(message, Mapping) else message
        for connection in filter(hears, list(self._open)):
            with suppress(ConnectionClosed, OSError):
                connection.send(text)

    @property
    def listeners(self) -> int:
        return len(self._open)

    def wait_for(self, listeners: int, seconds: float = 30) -> bool:
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
                if (answer := self.answer(self.said[-1])) is not None:
                    connection.send(json.dumps(answer))
        except (ConnectionClosed, OSError):
            pass
        finally:
            with self._changed:
                self._open.remove(connection)
                self._changed.notify_all()
