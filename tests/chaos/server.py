"""A Kodi in a process of its own that fails, hangs, hangs up and loses power, as often as it is
told to.
"""

import json
import random
import socket
import struct
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing import connection
from typing import Any

from tests.chaos.processes import fork
from tests.fakes.kodi import FakeKodi, _handler_of

#: What may befall one request, and how often. A push makes four to six.
FAULTS: Mapping[str, float] = {
    "500": 0.03,
    "web page instead of JSON": 0.02,
    "429, Retry-After: 1": 0.004,
    "hung for up to 1 s": 0.02,
    "slow": 0.06,
    "connection reset before it was done": 0.02,
    "connection reset after it was done": 0.03,
}


class ChaoticServer:
    """Where it is, and how it is told what to do."""

    def __init__(self, url: str) -> None:
        self.url = url

    def set(self, **wishes: object) -> None:
        """`faults` by their shares; seconds of `hesitation` before a fault, of `delay` before an
        answer.
        """
        self._ask("POST", "/chaos", json.dumps(wishes).encode())

    def calm(self) -> None:
        self.set(faults={}, delay=0)

    def state(self) -> dict[str, Any]:
        """`films` by id → watched and position; `faults` that befell; `requests`; `told`: every
        change it took; `most_at_once`: how many requests it was asked at a time.
        """
        return json.loads(self._ask("GET", "/chaos"))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        request = urllib.request.Request(self.url + path, body, method=method)
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bytes(answer.read())


@contextmanager
def chaotic_server(films: int, minutes: int, seed: int) -> Iterator[ChaoticServer]:
    ours, theirs = connection.Pipe(duplex=False)
    process = fork(_serve, theirs, films, minutes, seed)
    theirs.close()
    try:
        assert ours.poll(20), "the chaotic server did not start"
        yield ChaoticServer(ours.recv())
    finally:
        process.kill()
        process.join()
        ours.close()


class _ChaoticKodi(FakeKodi):
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.faults: Mapping[str, float] = {}
        self.befell: Counter[str] = Counter()
        self.busy = self.most_at_once = 0
        self.hesitation = 0.0
        super().__init__()

    def up(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _chaotic_handler_of(self))
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @contextmanager
    def counted(self) -> Iterator[None]:
        with self.lock:
            self.busy += 1
            self.most_at_once = max(self.most_at_once, self.busy)
        try:
            yield
        finally:
            with self.lock:
                self.busy -= 1

    def next_fault(self) -> str:
        with self.lock:
            names = list(self.faults)
            shares = list(self.faults.values())
            (fault,) = self.random.choices(["", *names], [1 - sum(shares), *shares])
            if fault:
                self.befell[fault] += 1
            return fault


def _chaotic_handler_of(kodi: _ChaoticKodi) -> type[BaseHTTPRequestHandler]:
    good = _handler_of(kodi)

    class Handler(good):  # type: ignore[misc,valid-type]
        def do_GET(self) -> None:  # noqa: N802 - http.server's names
            with kodi.lock:
                self._send(200, json.dumps(_told_of(kodi)).encode())

        def do_POST(self) -> None:  # noqa: N802
            if self.path == "/chaos":
                wishes = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                with kodi.lock:
                    for name, value in wishes.items():
                        setattr(kodi, name, value)
                return self._send(200, b"{}")
            with kodi.counted():
                return self._misbehave()

        def _misbehave(self) -> None:
            time.sleep(kodi.hesitation)
            match kodi.next_fault():
                case "500":
                    return self._send(500, b"")
                case "429, Retry-After: 1":
                    return self._send(429, b"", **{"Retry-After": "1"})
                case "web page instead of JSON":
                    return self._send(
                        200, b"<html><body>Welcome</body></html>", **{"Content-Type": "text/html"}
                    )
                case "connection reset before it was done":
                    return self._reset()
                case "connection reset after it was done":
                    self._write = lambda _: self._reset()
                case "hung for up to 1 s":
                    time.sleep(random.uniform(0.2, 1))
                case "slow":
                    time.sleep(random.uniform(0.02, 0.1))
            return super().do_POST()

        def _send(self, status: int, body: bytes, **headers: str) -> None:
            with suppress(OSError):  # who asked was killed meanwhile
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

        def _reset(self) -> None:
            """As a machine that lost its power: not even an end of the connection."""
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()

        def handle(self) -> None:
            with suppress(OSError, ValueError):  # closed by ourselves, or by a kill
                super().handle()

        def finish(self) -> None:
            with suppress(OSError, ValueError):
                super().finish()

    return Handler


def _told_of(kodi: _ChaoticKodi) -> dict[str, Any]:
    films = {
        str(film.id): {"watched": film.watched, "position": int(film.position)}
        for film in kodi.movies.values()
    }
    told = [
        [
            request.params["movieid"],
            request.params.get("playcount"),
            request.params["resume"]["position"],
        ]
        for request in kodi.writes()
    ]

    return {
        "films": films,
        "faults": kodi.befell,
        "told": told,
        "requests": len(kodi.requests),
        "most_at_once": kodi.most_at_once,
    }


def _serve(report: connection.Connection, films: int, minutes: int, seed: int) -> None:
    kodi = _ChaoticKodi(seed)
    for number in range(1, films + 1):
        kodi.add_movie(f"Film {number}", year=2000, minutes=minutes)
    report.send(kodi.url)
    threading.Event().wait()


__all__ = ["FAULTS", "ChaoticServer", "chaotic_server"]
