"""A fake Trakt on loopback: API and OAuth host in one, with the traps of the real one."""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from tests.fakes.trakt_account import Account
from tests.fakes.trakt_api import Call, Reply, Routes
from tests.fakes.trakt_catalogue import Catalogue
from tests.fakes.trakt_oauth import OAuth

__all__ = ["Exchange", "FakeTrakt", "Ticks"]
_JSON = "application/json"


class Ticks:
    """A clock that only sleeping moves: tests do not wait, and a client must sleep."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@dataclass(frozen=True)
class Exchange:
    """One request and its answer."""

    method: str
    #: With its query.
    path: str
    headers: Mapping[str, str]
    body: bytes
    status: int
    answer_headers: Mapping[str, str]
    answer: bytes
    #: A test's answer, and none of Trakt's.
    is_scripted: bool = False

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class FakeTrakt(Catalogue):
    """Starts when it is made; ends with `close()` or at the end of a `with` block."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._monotonic = monotonic
        self._wrote_at: dict[Account, float] = {}
        self.wall: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.alice = Account("Alice", self.now)
        self.oauth, self.routes = OAuth(self.now), Routes(self, self.now)
        self.pictures: dict[str, tuple[bytes, str]] = {}
        self.exchanges: list[Exchange] = []
        self._instead: list[Reply] = []
        self._lost: set[str] = set()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def app(self) -> dict[str, str]:
        """The app credentials that a self-hoster types."""
        return {"client_id": self.oauth.client_id, "client_secret": self.oauth.client_secret}

    def now(self) -> datetime:
        """Return the time, never before a play: nobody has watched anything in the future."""
        return max(self.wall(), self.alice.latest)

    def writes(self) -> list[Exchange]:
        return [exchange for exchange in self.exchanges if exchange.method != "GET"]

    @contextmanager
    def answering(self, *replies: Reply) -> Iterator[None]:
        """Give these answers inside the block, the last one again and again."""
        self._instead = list(replies)
        try:
            yield
        finally:
            self._instead = []

    @contextmanager
    def losing_answers(self, to: str = "GET POST DELETE") -> Iterator[None]:
        """Carry out requests inside the block, and break the connection before the answer."""
        self._lost = set(to.split())
        try:
            yield
        finally:
            self._lost = set()

    def lose_next_answer(self, method: str) -> None:
        """Lose the answer to the next request with this method."""
        self._lost = {method}

    def handle(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> Exchange | None:
        """Return the exchange; None where its answer is lost."""
        with self._lock:
            is_scripted = bool(self._instead)
            content_type, reply = _JSON, self._reply(method, path, headers, body)
            if isinstance(reply.body, bytes):
                content_type, answer = reply.headers.get("Content-Type", ""), reply.body
            else:
                answer = b"" if reply.body is None else json.dumps(reply.body).encode()
            told = {"Content-Type": content_type, **reply.headers}
            exchange = Exchange(
                method, path, dict(headers), body, reply.status, told, answer, is_scripted
            )
            self.exchanges.append(exchange)
            if method not in self._lost:
                return exchange
            self._lost -= {method} if len(self._lost) == 1 else set()
            return None

    def _reply(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if self._instead:
            return self._instead[0] if len(self._instead) == 1 else self._instead.pop(0)
        parts = urlsplit(path)
        if parts.path in self.pictures:
            content, content_type = self.pictures[parts.path]
            return Reply(200, content, {"Content-Type": content_type})
        if headers.get("Content-Type") != _JSON or headers.get("trakt-api-version") != "2":
            return Reply(412)
        try:
            told = json.loads(body) if body else {}
        except ValueError:
            return Reply(400)
        if parts.path.startswith("/oauth/"):
            return Reply(*self.oauth.reply(parts.path, told))
        return self._signed_in(method, path, headers, told)

    def _signed_in(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Reply:
        if headers.get("trakt-api-key") != self.oauth.client_id:
            return Reply(403)
        account = self.oauth.account_of(headers.get("Authorization", ""))
        if account is None:
            return Reply(401)
        if method != "GET" and self._is_too_fast(account):
            return Reply(429, None, {"Retry-After": "1"})
        parts = urlsplit(path)
        return self.routes.reply(
            method, parts.path, Call(account, dict(parse_qsl(parts.query)), body)
        )

    def lift_limit(self) -> None:
        """Act as if a second had passed since the last write."""
        self._wrote_at.clear()

    def _is_too_fast(self, account: Account) -> bool:
        """Return whether a write comes too soon: one a second, refused ones not counted."""
        now = self._monotonic()
        if now - self._wrote_at.get(account, -10.0) < 1:
            return True
        self._wrote_at[account] = now
        return False


def _handler_of(trakt: FakeTrakt) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._do()

        def do_POST(self) -> None:
            self._do()

        def do_DELETE(self) -> None:
            self._do()

        def log_message(self, *_: Any) -> None:
            pass

        def _do(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            exchange = trakt.handle(self.command, self.path, self.headers, body)
            if exchange is None:
                return
            try:
                self.send_response(exchange.status)
                told = {**exchange.answer_headers, "Content-Length": str(len(exchange.answer))}
                for name, value in told.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(exchange.answer)
            except OSError:  # the other side had heard enough
                pass

    return Handler
