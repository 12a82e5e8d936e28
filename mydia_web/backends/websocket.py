"""A WebSocket to one server, bounded in time and size, that fails with a `BackendError`."""

import json
import logging
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from mydia_web.backends.errors import BackendError, ServerTrouble, SignInRefused, Unreachable
from mydia_web.backends.http import CONNECT_SECONDS

#: To mark a whole show makes one message.
MESSAGE_BYTES = 8 * 1024 * 1024
#: How often to ping a silent server, and how long it has to answer.
PING_SECONDS = 30.0
#: How many messages wait for a busy reader before the server has to wait.
QUEUED_MESSAGES = 1024
_CLOSE_SECONDS = 1.0

#: At the debug level the library logs every header and message, tokens among them.
_SILENT = logging.getLogger(f"{__name__}.wire")
_SILENT.setLevel(logging.CRITICAL + 1)


class Socket:
    """An open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def receive(self, seconds: float) -> Mapping[str, Any] | None:
        """Return the next message, None if none came in that time, {} for one that is no object."""
        try:
            content = self._connection.recv(max(0.0, seconds), decode=False)
        except TimeoutError:
            return None
        try:
            # "replace": one file name in Latin-1 must not end the connection.
            message = json.loads(content.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return {}
        if not isinstance(message, dict):
            return {}
        return message

    def send(self, message: Mapping[str, Any]) -> None:
        self._connection.send(json.dumps(message))


@contextmanager
def open_socket(
    url: str,
    *,
    product: str,
    place: str,
    headers: Mapping[str, str] | None = None,
    verify: bool | str = True,
    pings: bool = True,
) -> Iterator[Socket]:
    """Open a connection, which error messages call `place`.

    Without `pings` the caller checks that the server is still there. Raises `BackendError`, also
    when the connection breaks later on.
    """
    context = None
    if url.startswith("wss:"):
        context = _trust(verify)
    ping_interval = PING_SECONDS if pings else None
    try:
        with connect(
            url,
            ssl=context,
            additional_headers=dict(headers or {}),
            user_agent_header="mydia-web",
            compression=None,
            proxy=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=ping_interval,
            ping_timeout=PING_SECONDS,
            max_size=MESSAGE_BYTES,
            max_queue=QUEUED_MESSAGES,
            logger=_SILENT,
        ) as connection:
            yield Socket(connection)
    except (WebSocketException, OSError) as error:
        # Without its cause, which carries the whole exchange and with it what we sent.
        raise _in_words(error, product, place) from None


def _in_words(error: Exception, product: str, place: str) -> BackendError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in (401, 403):
            return SignInRefused(f"{product} does not let this sign-in listen at {place}.")
        return ServerTrouble(
            f"{place} opens no WebSocket (status {status}). "
            f"Does a proxy in front of {product} let WebSockets pass?"
        )
    if isinstance(error, ConnectionClosed):
        return Unreachable(f"{place} broke the connection.")
    if isinstance(error, WebSocketException):
        return ServerTrouble(
            f"{place} does not speak WebSocket. Are the address and the port right?"
        )
    if isinstance(error, ssl.SSLCertVerificationError):
        return Unreachable(f"The certificate of {place} cannot be trusted: {error.verify_message}.")
    if isinstance(error, socket.gaierror):
        return Unreachable(f"The name of {place} is not known.")
    return Unreachable(f"Nothing answers at {place}.")


def _trust(verify: bool | str) -> ssl.SSLContext:
    """Raise `Unreachable` for a CA file that cannot be used."""
    ca_file = verify if isinstance(verify, str) else None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise Unreachable(f"{verify} cannot be read as a file of certificates.") from None
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
