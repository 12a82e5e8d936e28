"""A fake Kodi: JSON-RPC over HTTP on loopback, with the state and the traps of the real one."""

import base64
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from tests.fakes.kodi_library import Library, Video
from tests.fakes.kodi_methods import RpcError, call

__all__ = ["FakeKodi", "Request"]


@dataclass(frozen=True)
class Request:
    """One JSON-RPC call that came in."""

    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Exchange:
    """One HTTP request with all its calls, and what was answered."""

    calls: list[dict[str, Any]]
    answer: bytes
    #: Answered with what a test wished for, not with what Kodi would say.
    staged: bool = False

    @property
    def methods(self) -> list[str]:
        return [call.get("method", "") for call in self.calls]


@dataclass
class Failure:
    """What is answered instead of the truth."""

    status: int
    body: bytes
    headers: Mapping[str, str]
    #: Only a request with this method fails; "" means any request.
    method: str
    error: int | None
    times: int


class FakeKodi(Library):
    """Starts when it is made; ends with `close()` or at the end of a `with` block."""

    def __init__(
        self,
        *,
        name: str = "Living room",
        username: str = "kodi",
        password: str = "secret",  # noqa: S107
        timezone: str = "Etc/UTC",
    ) -> None:
        super().__init__()
        self.name, self.username, self.password, self.timezone = name, username, password, timezone
        #: The default of a real Kodi; its settings may say otherwise.
        self.twelve_hours = True
        #: Not every Kodi has the setting locale.timezone.
        self.tells_zone = True
        #: What it says instead of its time zone, and instead of what a label shows.
        self.zone_setting: str | None = None
        self.shown_labels: Mapping[str, str] = {}
        #: Answers "OK" to changes and stays as it is.
        self.ignores_changes = False
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.playing: Video | None = None
        #: Seconds, and whether it is paused.
        self.playing_at, self.paused = 0.0, False
        #: Told of each video that was set from outside, and whether its play count is another.
        self.on_change: Callable[[Video, bool], None] = lambda _video, _plays: None
        #: Seconds before each answer.
        self.delay = 0.0
        self.requests: list[Request] = []
        #: The headers of each HTTP request.
        self.headers: list[Mapping[str, str]] = []
        self.exchanges: list[Exchange] = []
        self.failures: list[Failure] = []
        #: Changes are carried out, and then the connection breaks.
        self.loses_answers_to_changes = False
        self.lock = threading.Lock()
        self._closing = threading.Event()
        self._port = 0
        self._server: ThreadingHTTPServer | None = None
        self.up()

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
        return f"http://127.0.0.1:{self._port}"

    @property
    def credentials(self) -> dict[str, str]:
        return {"username": self.username, "password": self.password}

    def up(self) -> None:
        """Answer, on the same port as before."""
        if self._server is None:
            self._closing.clear()
            self._server = ThreadingHTTPServer(("127.0.0.1", self._port), _handler_of(self))
            self._port = self._server.server_address[1]
            threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections until `up()`."""
        if self._server is not None:
            self._closing.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    close = down

    def hurry(self) -> None:
        """Delay no answer any longer."""
        self._closing.set()

    def fail_next(
        self,
        status: int = 500,
        body: str | bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        method: str = "",
        error: int | None = None,
        times: int = 1,
    ) -> None:
        """Answer the next `times` requests (that call `method`) so, or with the JSON-RPC
        `error`.
        """
        content = body.encode() if isinstance(body, str) else body
        self.failures.append(Failure(status, content, headers or {}, method, error, times))

    @contextmanager
    def answering(
        self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Iterator[None]:
        """While it lasts, every request is answered so."""
        failure = Failure(status, body, headers or {}, "", None, -1)
        self.failures.insert(0, failure)
        try:
            yield
        finally:
            self.failures.remove(failure)

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        """While it lasts, changes are carried out and the connection breaks instead of an
        answer.
        """
        self.loses_answers_to_changes = True
        try:
            yield
        finally:
            self.loses_answers_to_changes = False

    def asked(self, method: str) -> list[Mapping[str, Any]]:
        """The parameters of every call of a method, oldest first."""
        return [request.params for request in self.requests if request.method == method]

    def writes(self) -> list[Request]:
        return [request for request in self.requests if ".Set" in request.method]

    def local_now(self) -> str:
        return f"{self.now().astimezone(ZoneInfo(self.timezone)):%Y-%m-%d %H:%M:%S}"

    def play(self, video: Video) -> None:
        self.playing, self.playing_at, self.paused = video, 0.0, False

    def stop(self, at_seconds: float) -> None:
        """End playing there: the resume point is kept from 3 minutes to 92 %, the mark comes at 90
        %.
        """
        assert self.playing is not None
        video, self.playing = self.playing, None
        share, played = at_seconds / (video.minutes * 60), video.played
        kept = at_seconds >= 180 and share < 0.92
        played.lastplayed = self.local_now()
        played.playcount += share >= 0.9
        played.position = float(int(at_seconds)) if kept else 0.0
        played.total = video.minutes * 60 if kept else 0.0

    def _failure(self, methods: list[str]) -> Failure | None:
        for failure in self.failures:
            if failure.method in ("", *methods):
                failure.times -= 1
                if not failure.times:
                    self.failures.remove(failure)
                return failure
        return None

    def answer(self, question: object) -> object:
        """The answer to one JSON-RPC object; None where Kodi gives none."""
        if (
            not isinstance(question, dict)
            or question.get("jsonrpc") != "2.0"
            or "method" not in question
        ):
            return {
                "error": {"code": -32600, "message": "Invalid request."},
                "id": None,
                "jsonrpc": "2.0",
            }
        request = Request(question["method"], question.get("params", {}))
        self.requests.append(request)
        frame = {"id": question.get("id"), "jsonrpc": "2.0"}
        try:
            result = call(self, request.method, request.params)
        except RpcError as error:
            return {"error": error.answer, **frame}
        return {**frame, "result": result} if "id" in question else None


@dataclass
class _Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


_NOT_FOUND = _Reply(
    404, b"<html><head><title>File not found</title></head><body>File not found</body></html>"
)


def _handler_of(kodi: FakeKodi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(self._picture)

        def do_POST(self) -> None:
            self._reply(self._json_rpc)

        def log_message(self, *_: Any) -> None:
            pass

        def date_time_string(self, timestamp: float | None = None) -> str:
            return format_datetime(kodi.now().astimezone(UTC), usegmt=True)

        def _reply(self, answer: Callable[[bytes], _Reply | None]) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kodi._closing.wait(kodi.delay)
            with kodi.lock:
                kodi.headers.append(dict(self.headers))
                failure = kodi._failure(_methods(body))
                reply: _Reply | None
                if failure is not None and failure.error is None:
                    reply = _Reply(failure.status, failure.body, dict(failure.headers))
                elif failure is not None:
                    reply = _json(_refused(body, failure.error))
                elif not self._is_signed_in():
                    reply = _Reply(401, headers={"WWW-Authenticate": 'Basic realm="Kodi"'})
                else:
                    reply = answer(body)
                exchange = Exchange(
                    _questions(body), reply.body if reply else b"", failure is not None
                )
                kodi.exchanges.append(exchange)
            is_lost = kodi.loses_answers_to_changes and any(
                ".Set" in one for one in exchange.methods
            )
            if reply is not None and not is_lost:
                self._write(reply)

        def _is_signed_in(self) -> bool:
            login = base64.b64encode(f"{kodi.username}:{kodi.password}".encode()).decode()
            return not kodi.password or self.headers.get("Authorization") == f"Basic {login}"

        def _json_rpc(self, body: bytes) -> _Reply | None:
            if self.path != "/jsonrpc":
                return _NOT_FOUND
            # Kodi 20 lets "; charset=utf-8" pass, older ones do not.
            if self.headers.get("Content-Type") not in ("application/json", "application/json-rpc"):
                return _Reply(415)
            try:
                question = json.loads(body)
            except ValueError:
                error = {"code": -32700, "message": "Parse error."}
                return _json({"error": error, "id": None, "jsonrpc": "2.0"})
            if not isinstance(question, list) or not question:
                answer = kodi.answer(question)
                return None if answer is None else _json(answer)
            return _json([answer for answer in map(kodi.answer, question) if answer is not None])

        def _picture(self, _: bytes) -> _Reply:
            name = unquote(self.path.removeprefix("/image/"))
            # Without a Content-Type, as the real one.
            return _Reply(200, kodi.pictures[name]) if name in kodi.pictures else _NOT_FOUND

        def _write(self, reply: _Reply) -> None:
            try:
                self.send_response(reply.status)
                for name, value in {
                    "Content-Length": str(len(reply.body)),
                    **reply.headers,
                }.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(reply.body)
            except OSError:  # the other side had heard enough
                pass

    return Handler


def _json(answer: object) -> _Reply:
    content = json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()
    return _Reply(200, content, {"Content-Type": "application/json"})


def _questions(body: bytes) -> list[dict[str, Any]]:
    try:
        question = json.loads(body)
    except ValueError:
        return []
    questions = question if isinstance(question, list) else [question]
    return [one for one in questions if isinstance(one, dict)]


def _methods(body: bytes) -> list[str]:
    return [question.get("method", "") for question in _questions(body)]


def _refused(body: bytes, code: int | None) -> object:
    answers = [
        {"error": {"code": code, "message": "Refused."}, "id": question.get("id"), "jsonrpc": "2.0"}
        for question in _questions(body)
    ]
    return answers[0] if len(answers) == 1 else answers
