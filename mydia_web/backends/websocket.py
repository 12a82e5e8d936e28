"""One WebSocket to one server: bounded in time and size, failing in the words of `BackendError`."""

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

#: A whole show that is marked makes one message.
MESSAGE_BYTES = 8 * 1024 * 1024
#: A server that says nothing is asked so often whether it is still there, and has as long to
#: answer.
PING_SECONDS = 30.0
#: So many messages wait for a reader that is busy before the server has to wait.
WAITING = 1024
_CLOSE_SECONDS = 1.0

#: The library would tell of every header and message, tokens among them, where everything is
#: logged.
_SILENT = logging.getLogger(f"{__name__}.wire")
_SILENT.setLevel(logging.CRITICAL + 1)


class Socket:
    """An open connection."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def receive(self, seconds: float) -> Mapping[str, Any] | None:
        """The next message, or None when none came in that time. One that is no JSON object is
        empty.
        """
        try:
            content = self._connection.recv(max(0.0, seconds), decode=False)
        except TimeoutError:
            return None
        try:
            # "replace": one file name in Latin-1 must not end the connection.
            message = json.loads(content.decode("utf-8", "replace"))
        except (ValueError, RecursionError):
            return {}
        return message if isinstance(message, dict) else {}

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
    """`place` is what messages call it; without `pings` it is for the caller to see that the server
    is still there.

    Raises `BackendError`, also when the connection breaks later on.
    """
    try:
        with connect(
            url,
            ssl=_trust(verify) if url.startswith("wss:") else None,
            additional_headers=dict(headers or {}),
            user_agent_header="mydia-web",
            compression=None,
            proxy=None,
            open_timeout=CONNECT_SECONDS,
            close_timeout=_CLOSE_SECONDS,
            ping_interval=PING_SECONDS if pings else None,
            ping_timeout=PING_SECONDS,
            max_size=MESSAGE_BYTES,
            max_queue=WAITING,
            logger=_SILENT,
        ) as connection:
            yield Socket(connection)
    except (WebSocketException, OSError) as error:
        # Without its cause: that one carries the whole exchange, with what we sent.
        raise _in_words(error, product, place) from None


def _in_words(error: Exception, product: str, place: str) -> BackendError:
    if isinstance(error, InvalidStatus):
        status = error.response.status_code
        if status in (401, 403):
            return SignInRefused(f"{product} does not let this sign-in listen at {place}.")
        return ServerTrouble(
            f"{place} opens no WebSocket (status {status}). Does a proxy in front of {product} let WebSockets pass?"
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
    """Raises `Unreachable` for a CA file that cannot be used."""
    try:
        context = ssl.create_default_context(cafile=verify if isinstance(verify, str) else None)
    except (OSError, ssl.SSLError):
        raise Unreachable(f"{verify} cannot be read as a file of certificates.") from None
    if verify is False:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
