"""An HTTP client for one server, bounded in time and size, that fails in words.

It follows no redirects.
"""

import base64
import json
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx2

from mydia_web import clock
from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.values import Artwork

CONNECT_SECONDS = 5.0
#: Longer than it looks needed: a Kodi busy with its own screen answers after 3 to 4 seconds.
READ_SECONDS = 15.0
#: For one whole answer. A server that sends a byte every 14 seconds never breaks `READ_SECONDS`.
WHOLE_SECONDS = 120.0
JSON_BYTES = 32 * 1024 * 1024
PICTURE_BYTES = 10 * 1024 * 1024
#: How much of an answer is read to find out why a request was refused.
REASON_BYTES = 16 * 1024
REASON_CHARS = 200
LONGEST_WAIT = 3600.0

#: The date of an answer that took longer could lie anywhere in between.
_LONGEST_TIMED = timedelta(seconds=10)
#: A `Date` header leaves out the fractions of a second.
_HALF_A_SECOND = timedelta(milliseconds=500)

_PICTURE_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The address of a server, apart from the sign-in that a pasted one may carry."""

    url: str
    #: For messages: scheme, host and port, nothing more.
    place: str
    host: str = ""
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Address":
        text = text.strip().rstrip("/")
        if "://" not in text:
            text = f"http://{text}"
        try:
            parts = urlsplit(text)
            host = parts.hostname or ""
            netloc = _netloc(host, parts.port)
        except ValueError:
            # Not shown: nobody knows which part of an unreadable address is the password.
            return cls(url="", place="What was entered")
        auth = None
        if parts.username:
            auth = (unquote(parts.username), unquote(parts.password or ""))
        return cls(
            url=urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")),
            place=f"{parts.scheme}://{netloc}",
            host=host,
            auth=auth,
        )


def _netloc(host: str, port: int | None) -> str:
    if ":" in host:
        host = f"[{host}]"
    if port is None:
        return host
    return f"{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A server's whole answer."""

    place: str
    status: int
    content_type: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_web_page(self) -> bool:
        return self.content_type == "text/html" or self.content[:200].lstrip()[:1] == b"<"

    def json(self) -> Any:
        if self.is_web_page:
            raise ServerTrouble(
                f"{self.place} answered with a web page instead of data. Is this the address of "
                "the server itself, and not of a sign-in page in front of it?"
            )
        # "replace": one file name in Latin-1 must not make a whole library unreadable.
        text = self.content.decode("utf-8-sig", "replace")
        try:
            return json.loads(text, parse_constant=_none_for_constant)
        except (ValueError, RecursionError) as error:
            raise ServerTrouble(
                f"The answer of {self.place} is cut short or damaged. Trying again later may help."
            ) from error


def _none_for_constant(_: str) -> None:
    """Take NaN and Infinity, which are not JSON, for null, so that they spoil nothing else."""


class ClockWatch:
    """The offset of a server's clock from ours, by the dates of its answers.

    The quickest answer counts, as the surest one.
    """

    def __init__(self) -> None:
        #: How long the quickest answer took.
        self._took = _LONGEST_TIMED
        self._skew: timedelta | None = None

    @property
    def skew(self) -> timedelta | None:
        """The server's clock minus ours; None if no answer told it, or none quickly enough."""
        return self._skew

    def note(self, headers: Mapping[str, str], sent_at: datetime) -> None:
        """Note the headers of an answer that has just come in."""
        took = clock.now() - sent_at
        if not timedelta() <= took <= self._took:
            return
        dated = _date_of(headers)
        if dated is None:
            return
        self._took = took
        self._skew = dated + _HALF_A_SECOND - (sent_at + took / 2)


def _date_of(headers: Mapping[str, str]) -> datetime | None:
    is_cached = headers.get("Age", "0").strip() not in ("", "0")
    if is_cached:
        return None
    try:
        at = _http_date(headers.get("Date", ""))
    except (ValueError, OverflowError):
        return None
    if at < clock.UNKNOWN_TIME:
        return None
    return at


def _http_date(text: str) -> datetime:
    at = parsedate_to_datetime(text)
    return at.replace(tzinfo=at.tzinfo or UTC)


class Http:
    """A client that keeps its connections open. `hint` is for a person when nothing answers."""

    def __init__(
        self,
        base_url: str,
        *,
        product: str,
        hint: str = "Is it switched on, and is the address right?",
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        headers = headers or {}
        self.address = Address.parse(base_url)
        self._product = product
        self._hint = hint
        self._secrets = _secrets(headers)
        self._clock = ClockWatch()
        self._client = httpx2.Client(
            headers={"User-Agent": "mydia-web", **headers},
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            verify=_trust(verify),
            transport=transport,
        )
        if self.address.auth is not None:
            self.set_auth(*self.address.auth)

    def set_auth(self, username: str, password: str) -> None:
        """Sign every request from now on, which takes the place of a sign-in in the address."""
        self._client.auth = (username, password)
        basic = base64.b64encode(f"{username}:{password}".encode()).decode()
        self._secrets = _longest_first({*self._secrets, password, basic})

    def set_headers(self, headers: Mapping[str, str], *, secrets: Collection[str] = ()) -> None:
        """Send these headers with every request from now on.

        `secrets` are never shown, nor is any long word in the headers.
        """
        self._client.headers.update(headers)
        self._secrets = _longest_first({*self._secrets, *_secrets(headers), *secrets})

    def close(self) -> None:
        self._client.close()

    @property
    def clock_skew(self) -> timedelta | None:
        """The server's clock minus ours; None if it did not tell."""
        return self._clock.skew

    def send(
        self,
        method: str,
        path: str,
        *,
        understood: Collection[int] = (),
        limit: int = JSON_BYTES,
        **request: Any,
    ) -> Answer:
        """Send a request and read the whole answer.

        The caller deals with the statuses `understood`; any other refusal raises `BackendError`.
        """
        # A host's label of more than 63 characters is a `UnicodeError` to Python's sockets.
        try:
            built = self._client.build_request(method, f"{self.address.url}/{path}", **request)
            return self._exchange(built, understood, limit)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
            raise Unreachable(
                f"{self.address.place} is not an address that can be asked. "
                "It should begin with http:// or https://."
            ) from error
        except httpx2.TransportError as error:
            raise self._no_answer(error) from error
        except httpx2.DecodingError as error:
            raise ServerTrouble(f"The answer of {self.address.place} is damaged.") from error

    def _exchange(self, request: httpx2.Request, understood: Collection[int], limit: int) -> Answer:
        sent_at = clock.now()
        response = self._client.send(request, stream=True)
        self._clock.note(response.headers, sent_at)
        try:
            if not response.is_success and response.status_code not in understood:
                raise self._refusal(response)
            content = b"".join(self._chunks(response, limit))
        finally:
            response.close()
        return Answer(
            place=self.address.place,
            status=response.status_code,
            content_type=_content_type(response),
            content=content,
            headers=response.headers,
        )

    def _chunks(self, response: httpx2.Response, limit: int) -> Iterator[bytes]:
        until = time.monotonic() + WHOLE_SECONDS
        size = 0
        for chunk in response.iter_bytes():
            size += len(chunk)
            if size > limit:
                raise ServerTrouble(
                    f"{self.address.place} sent more than {limit // 1024 // 1024} MB at once, "
                    "so the rest was left unread."
                )
            if time.monotonic() > until:
                raise ServerTrouble(
                    f"{self.address.place} sent its answer too slowly. {self._hint}"
                )
            yield chunk

    def picture(self, path: str) -> Artwork:
        answer = self.send("GET", path, understood=(404, 410), limit=PICTURE_BYTES)
        if answer.status in (404, 410):
            raise NotOnServer(f"{self._product} no longer has this picture.")
        content_type = answer.content_type or _picture_type(answer.content)
        # An SVG can carry scripts, and it would be shown from our own address.
        if not content_type.startswith("image/") or "svg" in content_type:
            raise ServerTrouble(f"{self._product} answered with something that is not a picture.")
        return Artwork(answer.content, content_type)

    def _no_answer(self, error: httpx2.TransportError) -> BackendError:
        place = self.address.place
        for cause in _causes(error):
            known = self._known_cause(cause)
            if known is not None:
                return known
        if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
            return Unreachable(f"Nothing answers at {place}. {self._hint}")
        if isinstance(error, httpx2.TimeoutException):
            return Unreachable(
                f"{place} took too long to answer. It may be busy; later may be better."
            )
        return Unreachable(
            f"{place} broke off before its answer was complete, or does not speak HTTP. "
            "Is the port right?"
        )

    def _known_cause(self, cause: BaseException) -> Unreachable | None:
        place = self.address.place
        if isinstance(cause, ssl.SSLCertVerificationError):
            return Unreachable(
                f"The certificate of {place} cannot be trusted: {cause.verify_message}. "
                "Use the name it was made for, or a certificate this machine trusts."
            )
        if isinstance(cause, ssl.SSLError):
            return Unreachable(
                f"{place} does not speak HTTPS. Should the address begin with http://?"
            )
        if isinstance(cause, socket.gaierror):
            return Unreachable(
                f"No machine called {self.address.host} is known. Is the name right?"
            )
        return None

    def _refusal(self, response: httpx2.Response) -> BackendError:
        """Return the error that a status means."""
        status = response.status_code
        place = self.address.place
        retry_after = response.headers.get("Retry-After")
        if status in (401, 403):
            return SignInRefused(self._sign_in_words(status))
        if status == 429 or (status == 503 and retry_after is not None):
            seconds = _seconds_to_wait(retry_after or "")
            return RateLimited(
                f"{place} asks us to wait {seconds:.0f} seconds.", retry_after=seconds
            )
        if status in (408, 425) or status >= 500:
            return ServerTrouble(
                f"{place} has trouble of its own (status {status}). It will be tried again."
            )
        if status < 400:
            return ServerTrouble(self._redirect_words(response.headers.get("Location", "")))
        return Rejected(
            f"{self._product} refused the request (status {status}){self._reason(response)}"
        )

    def _sign_in_words(self, status: int) -> str:
        if status == 403:
            return f"{self._product} signed this user in, but does not allow what was asked."
        if self._secrets:
            return (
                f"{self._product} refused the user name or password. "
                "Check both and enter them again."
            )
        return f"{self._product} asks for a user name and password. Enter them for this server."

    def _redirect_words(self, location: str) -> str:
        other = "another page"
        if "//" in location:
            other = Address.parse(location).place[:REASON_CHARS]
        return (
            f"{self.address.place} sends us on to {other}. That is not followed: "
            "enter the address the server really has."
        )

    def _reason(self, response: httpx2.Response) -> str:
        """Return the server's own words in short; a web page has none worth showing."""
        if _content_type(response) not in ("application/json", "text/plain"):
            return "."
        content = b""
        for chunk in response.iter_bytes(REASON_BYTES):
            content += chunk
            if len(content) >= REASON_BYTES:
                break
        text = content[:REASON_BYTES].decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "…")
        printable = re.sub(r"[^\w\s.,:;'\"!?(){}\[\]/+=…-]", "", text)
        reason = " ".join(printable.split())[:REASON_CHARS]
        if not reason:
            return "."
        return f": {reason}"


def _secrets(headers: Mapping[str, str]) -> list[str]:
    secrets: list[str] = []
    for value in headers.values():
        secrets += re.findall(r"[\w.~+/=-]{8,}", value)
    return _longest_first(secrets)


def _longest_first(secrets: Collection[str]) -> list[str]:
    """Sort what must never be shown, so that no end of a long secret stays after a short one."""
    return sorted(filter(None, secrets), key=len, reverse=True)


@cache
def _usual_trust() -> ssl.SSLContext:
    """Return one context for all clients: each one costs 20 ms and 1 MB for the certificates."""
    return httpx2.create_ssl_context()


def _trust(verify: bool | str) -> bool | ssl.SSLContext:
    """Raise `Unreachable` for a CA file that cannot be used."""
    if verify is False:
        return False
    if verify is True:
        return _usual_trust()
    try:
        return ssl.create_default_context(cafile=verify)
    except (OSError, ssl.SSLError) as error:
        raise Unreachable(
            f"{verify} cannot be read as a file of certificates. Give one in PEM form."
        ) from error


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _content_type(response: httpx2.Response) -> str:
    return response.headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _picture_type(content: bytes) -> str:
    """Tell a picture's type by its first bytes: Kodi sends pictures without their type."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    for start, content_type in _PICTURE_STARTS:
        if content.startswith(start):
            return content_type
    return ""


def _seconds_to_wait(text: str) -> float:
    """Read `Retry-After`, in seconds or as a date; a minute where it cannot be read."""
    seconds = 60.0
    if text.strip().isdecimal():
        seconds = float(text)
    elif text:
        with suppress(ValueError, OverflowError):
            seconds = (_http_date(text) - clock.now()).total_seconds()
    return min(max(seconds, 1.0), LONGEST_WAIT)
