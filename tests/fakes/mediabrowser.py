"""What the fakes of Jellyfin and Emby stand on: a server on loopback that records what goes over
the wire.
"""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit


@dataclass(frozen=True)
class Request:
    method: str
    #: With the query, as it was sent.
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return urlsplit(self.target).path

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Names in lower case: these servers do not tell cases apart."""
        found: dict[str, list[str]] = {}
        for name, value in parse_qsl(urlsplit(self.target).query, keep_blank_values=True):
            found.setdefault(name.lower(), []).append(value)
        return found

    def asked(self, name: str, default: str = "") -> str:
        return self.query.get(name.lower(), [default])[0]

    def listed(self, name: str) -> list[str]:
        """An array: repeated or with commas, both are taken."""
        return [
            part for value in self.query.get(name.lower(), []) for part in value.split(",") if part
        ]

    def number(self, name: str, default: int) -> int:
        return int(self.asked(name) or default)

    def truth(self, name: str, *, default: bool = False) -> bool:
        return (self.asked(name) or str(default)).lower() == "true"

    @cached_property
    def json(self) -> Any:
        return json.loads(self.body) if self.body else None


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def json(cls, answer: object, status: int = 200) -> "Reply":
        content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
        return cls(status, content, "application/json; charset=utf-8")

    @property
    def all_headers(self) -> dict[str, str]:
        kind = {"Content-Type": self.content_type} if self.content_type else {}
        return {**kind, **self.headers}


@dataclass
class Failure:
    """A false answer to requests whose path contains `path`."""

    reply: Reply
    path: str
    times: int


class Refusal(Exception):
    """A request that is answered with an error."""

    def __init__(self, status: int, answer: object = None) -> None:
        super().__init__(status)
        self.reply = Reply(status) if answer is None else Reply.json(answer, status)


class FakeServer(ABC):
    """Starts when it is made; ends with `close()` or at the end of a `with` block."""

    server_class: Any = ThreadingHTTPServer

    def now(self) -> datetime:
        """The time by the server's clock."""
        return datetime.now(UTC)

    def __init__(self, *, prefix: str = "") -> None:
        #: The path under which a proxy shows it.
        self.prefix = prefix
        #: What came in and what was answered; the third tells whether the answer was the server's
        #: own.
        self.exchanges: list[tuple[Request, Reply, bool]] = []
        self._told = 0
        self.failures: list[Failure] = []
        self.loses_answers_to: tuple[str, ...] = ()
        self._silent = ""
        self.lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self.up()

    @abstractmethod
    def answer(self, request: Request) -> Reply:
        """Return the answer; the path is without the prefix. May raise `Refusal`."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}{self.prefix}"

    @property
    def requests(self) -> list[Request]:
        return [request for request, _, _ in self.exchanges]

    def up(self) -> None:
        """Answer, on the same port as before."""
        if self._server is None:
            self._server = self.server_class(("127.0.0.1", self._port), _handler_of(self))
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        """Refuse connections until `up()`."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def fail_next(
        self,
        status: int = 500,
        body: str | bytes = b"",
        *,
        content_type: str = "text/plain",
        headers: Mapping[str, str] | None = None,
        path: str = "",
        times: int = 1,
    ) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.failures.append(
            Failure(Reply(status, content, content_type, headers or {}), path, times)
        )

    @contextmanager
    def answering(self, reply: Reply) -> Iterator[None]:
        """While it lasts, every request is answered so."""
        failure = Failure(reply, "", times=-1)
        self.failures.insert(0, failure)
        yield
        self.failures.remove(failure)

    @contextmanager
    def losing_answers(self, to: str = "GET POST DELETE HEAD") -> Iterator[None]:
        """While it lasts, requests are carried out and the connection breaks instead of an
        answer.
        """
        self.loses_answers_to = tuple(to.split())
        yield
        self.loses_answers_to = ()

    @contextmanager
    def answers_nothing_to(self, path: str) -> Iterator[None]:
        """While it lasts, requests whose path holds this are carried out and answered with an empty
        200.
        """
        self._silent = path
        yield
        self._silent = ""

    def news(self) -> list[Request]:
        """Return the requests since the last call, oldest first."""
        found, self._told = self.requests[self._told :], len(self.exchanges)
        return found

    def told(self) -> list[str]:
        """The same in words, such as "GET /Items"."""
        return [f"{request.method} {request.path}" for request in self.news()]

    def reply_to(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        request = Request(method, target.removeprefix(self.prefix), headers, body)
        with self.lock:
            failure = self._failure(request)
            reply = failure or self._truth(request)
            if self._silent and self._silent in request.path:
                reply = Reply()
            self.exchanges.append((request, reply, failure is None))
        return reply

    def _truth(self, request: Request) -> Reply:
        try:
            return self.answer(request)
        except Refusal as refusal:
            return refusal.reply

    def _failure(self, request: Request) -> Reply | None:
        for failure in self.failures:
            if failure.path in request.path:
                failure.times -= 1
                if not failure.times:
                    self.failures.remove(failure)
                return failure.reply
        return None


def _handler_of(server: FakeServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(server.now().astimezone(UTC), usegmt=True)

        def do_GET(self) -> None:
            self._reply()

        def do_POST(self) -> None:
            self._reply()

        def do_DELETE(self) -> None:
            self._reply()

        def do_HEAD(self) -> None:
            self._reply()

        def _reply(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            reply = server.reply_to(self.command, self.path, dict(self.headers), body)
            if self.command in server.loses_answers_to:
                return
            try:
                self.send_response(reply.status)
                for name, value in {
                    "Content-Length": str(len(reply.body)),
                    **reply.all_headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply.body)
            except OSError:  # the other side had heard enough
                pass

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
