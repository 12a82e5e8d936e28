"""A server that answers after a set latency, and the smallest backend for it."""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import Process
from typing import ClassVar

import httpx2

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import NotOnServer
from mydia_web.backends.http import Http
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import (
    Artwork,
    Connection,
    LibraryPage,
    RemoteState,
    ServerInfo,
    Target,
    Wanted,
)


class Plain(Backend):
    """A backend that pushes by one PUT."""

    traits: ClassVar[Traits] = Traits(
        kind="plain", product="Plain", summary="For measuring.", address_hint="", concurrency=8
    )

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._http = Http(connection.base_url, product="Plain", hint="Is it running?")

    def check(self) -> ServerInfo:
        return ServerInfo(product="Plain", name="plain", version="1")

    def library(self) -> Iterator[LibraryPage]:
        yield LibraryPage(items=(), done=0, total=0)

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        self._http.send("PUT", f"/{target.remote_id}", json={"watched": wanted.watched})
        return RemoteState(watched=bool(wanted.watched), position_ms=wanted.position_ms or 0)

    def explain(self, target: Target, _wanted: Wanted) -> Sequence[str]:
        return (f"PUT /{target.remote_id}",)

    def artwork(self, _url: str) -> Artwork:
        raise NotOnServer

    def close(self) -> None:
        self._http.close()


class InProcess(Plain):
    """A backend that takes everything at once, without a server."""

    traits: ClassVar[Traits] = replace(Plain.traits, kind="in-process")

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        return RemoteState(watched=bool(wanted.watched), position_ms=wanted.position_ms or 0)


@contextmanager
def plain_server(latency: float) -> Iterator[str]:
    """Run a server in a process of its own, which takes none of our time; yield its address."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=256)
    process = Process(target=_serve, args=(listener, latency), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        process.kill()
        process.join()
        listener.close()


def _serve(listener: socket.socket, latency: float) -> None:
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=_answer, args=(connection, latency), daemon=True).start()


def _answer(connection: socket.socket, latency: float) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    received = b""
    while True:
        while b"\r\n\r\n" not in received:
            more = connection.recv(65536)
            if not more:
                return
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        length = next(
            (
                int(line[15:])
                for line in head.split(b"\r\n")
                if line.lower().startswith(b"content-length:")
            ),
            0,
        )
        while len(rest) < length:
            rest += connection.recv(65536)
        received = rest[length:]
        time.sleep(latency)
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
        )
