"""An HTTP server on loopback that records its exchanges, for the fakes of Plex and plex.tv."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.fakes.plex_xml import as_xml


@dataclass(frozen=True)
class Request:
    method: str
    #: As in the request line.
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))

    def header(self, name: str) -> str:
        """Return a header; Plex takes its own ones from the query, too."""
        found = next(
            (value for key, value in self.headers.items() if key.lower() == name.lower()), ""
        )
        return found or self.query.get(name, "")


@dataclass(frozen=True)
class Reply:
    status: int = 200
    content: bytes = b""
    content_type: str = "text/html"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def page(cls, status: int, words: str) -> "Reply":
        """Return a refusal: Plex answers in HTML, whatever the client accepts."""
        head = f"<head><title>{words}</title></head>"
        body = f"<body><h1>{status} {words}</h1></body>"
        return cls(status, f"<html>{head}{body}</html>".encode())


@dataclass(frozen=True)
class Exchange:
    request: Request
    reply: Reply
    #: Answered as a test wished, not as Plex would.
    staged: bool = False


def tree(request: Request, answer: Any, *, status: int = 200, **headers: str) -> Reply:
    """One tree, as JSON where that is accepted and as XML otherwise."""
    if "json" in request.header("Accept"):
        return Reply(status, json.dumps(answer).encode(), "application/json", headers)
    return Reply(status, as_xml(answer), "text/xml;charset=utf-8", headers)


class FakeServer:
    """Starts when it is made; ends with `close()` or at the end of a `with` block."""

    def now(self) -> datetime:
        """What its clock shows."""
        return datetime.now(UTC)

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        #: The answer to every request instead of the true one.
        self.instead: Reply | None = None
        #: Requests with these methods are carried out, and then the connection breaks.
        self.loses_answers_to: tuple[str, ...] = ()
        self.lock = threading.RLock()
        self._told = 0
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.up()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def answer(self, request: Request) -> Reply:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        """Answer, on the same port as before."""
        if self._server is None:
            self._server = _Listener(("127.0.0.1", self._port), _handler_of(self))
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections until `up()`."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    close = down

    @contextmanager
    def answering(
        self,
        status: int,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> Iterator[None]:
        self.instead = Reply(status, body, content_type, headers or {})
        try:
            yield
        finally:
            self.instead = None

    @contextmanager
    def losing_answers(self, to: str = "POST PUT DELETE") -> Iterator[None]:
        self.loses_answers_to = tuple(to.split())
        try:
            yield
        finally:
            self.loses_answers_to = ()

    def lines(self) -> list[str]:
        """Method and path of each request since the last call."""
        new, self._told = self.exchanges[self._told :], len(self.exchanges)
        return [f"{one.request.method} {one.request.path}" for one in new]

    def took(self, request: Request) -> Reply | None:
        """None: the connection breaks."""
        with self.lock:
            reply = self.instead or self.answer(request)
            self.exchanges.append(Exchange(request, reply, staged=self.instead is not None))
            return None if request.method in self.loses_answers_to else reply


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        #: The head and the body of an answer in one packet: in two, the second waits 40 ms for the
        #: first's receipt.
        wbufsize = -1

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(server.now().astimezone(UTC), usegmt=True)

        def log_message(self, *_: Any) -> None:
            pass

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            request = Request(self.command, self.path, dict(self.headers), body)
            # After down() a connection that is still open is not answered any more.
            reply = server.took(request) if server._server else None
            self.close_connection = reply is None
            if reply is not None:
                self._write(reply)

        do_GET = do_POST = do_PUT = do_DELETE = _take  # noqa: N815

        def _write(self, reply: Reply) -> None:
            head = {"Content-Type": reply.content_type, "Content-Length": str(len(reply.content))}
            try:
                self.send_response(reply.status)
                for name, value in (head | dict(reply.headers)).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.content)
            except OSError:  # the other side had heard enough
                pass

    return Handler
