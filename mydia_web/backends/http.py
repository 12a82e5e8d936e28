"""One HTTP client for one server: bounded in time and size, following nothing, failing in words."""

import base64
import re
import socket
import ssl
import time
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any

import httpx2

from mydia_web import clock
from mydia_web.backends.answers import Address, Answer, Artwork
from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    RateLimited,
    Rejected,
    ServerTrouble,
    SignInRefused,
    Unreachable,
)
from mydia_web.backends.skew import ClockWatch

CONNECT_SECONDS = 5.0
#: Longer than it looks needed: a Kodi busy with its own screen answers after 3 to 4 seconds.
READ_SECONDS = 15.0
#: One whole answer. A server that sends a byte every 14 seconds never breaks `READ_SECONDS`.
WHOLE_SECONDS = 120.0
JSON_BYTES = 32 * 1024 * 1024
PICTURE_BYTES = 10 * 1024 * 1024
#: As much of an answer as is read to find out why a request was refused.
REASON_BYTES = 16 * 1024
REASON_CHARS = 200
LONGEST_WAIT = 3600.0

_PICTURE_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"BM", "image/bmp"),
)


class Http:
    """A keep-alive client. `hint` is what a person should check when nothing answers."""

    def __init__(
        self,
        base_url: str,
        *,
        product: str,
        hint: str = "Is it switched on, and is the address right?",
        auth: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        verify: bool | str = True,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.address = Address.parse(base_url)
        self._product, self._hint = product, hint
        self._auth = auth or self.address.auth
        self._secrets = _secrets(self._auth, headers or {})
        self._clock = ClockWatch()
        self._client = httpx2.Client(
            auth=self._auth,
            headers={"User-Agent": "mydia-web", **(headers or {})},
            timeout=httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS),
            follow_redirects=False,
            verify=_trust(verify),
            transport=transport,
        )

    def say(self, headers: Mapping[str, str], *, secrets: Collection[str] = ()) -> None:
        """Send these with every request from now on; `secrets` are never shown, nor are long words
        in headers.
        """
        self._client.headers.update(headers)
        self._secrets = _longest_first({*self._secrets, *_secrets(None, headers), *secrets})

    def close(self) -> None:
        self._client.close()

    @property
    def clock_skew(self) -> timedelta | None:
        """The server's clock minus ours. None: it did not tell."""
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
        """Send a request and read the whole answer. The caller deals with the statuses
        `understood`.
        """
        try:
            built = self._client.build_request(method, f"{self.address.url}/{path}", **request)
            return self._exchange(built, understood, limit)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as error:
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
            return Answer(
                self.address.place,
                response.status_code,
                _content_type(response),
                content,
                response.headers,
            )
        finally:
            response.close()

    def _chunks(self, response: httpx2.Response, limit: int) -> Iterator[bytes]:
        until, size = time.monotonic() + WHOLE_SECONDS, 0
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
        place, causes = self.address.place, list(_causes(error))
        for cause in causes:
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
        if isinstance(error, httpx2.ConnectTimeout | httpx2.ConnectError):
            return Unreachable(f"Nothing answers at {place}. {self._hint}")
        if isinstance(error, httpx2.TimeoutException):
            return Unreachable(
                f"{place} took too long to answer. It may be busy; later may be better."
            )
        return Unreachable(
            f"{place} broke off before its answer was complete, or does not speak HTTP. Is the port right?"
        )

    def _refusal(self, response: httpx2.Response) -> BackendError:
        """The error that a status means."""
        status, place, waits = (
            response.status_code,
            self.address.place,
            "Retry-After" in response.headers,
        )
        if status in (401, 403):
            return SignInRefused(self._sign_in_words(status))
        if status == 429 or (status == 503 and waits):
            seconds = _seconds_to_wait(response.headers.get("Retry-After", ""))
            return RateLimited(
                f"{place} asks us to wait {seconds:.0f} seconds.", retry_after=seconds
            )
        if status in (408, 425) or status >= 500:
            return ServerTrouble(
                f"{place} has trouble of its own (status {status}). It will be tried again."
            )
        if status < 400:
            return ServerTrouble(self._elsewhere(response.headers.get("Location", "")))
        return Rejected(
            f"{self._product} refused the request (status {status}){self._why(response)}"
        )

    def _sign_in_words(self, status: int) -> str:
        if status == 403:
            return f"{self._product} signed this user in, but does not allow what was asked."
        if self._secrets:
            return f"{self._product} refused the user name or password. Check both and enter them again."
        return f"{self._product} asks for a user name and password. Enter them for this server."

    def _elsewhere(self, location: str) -> str:
        other = Address.parse(location).place if "//" in location else "another page"
        return (
            f"{self.address.place} sends us on to {other[:REASON_CHARS]}. That is not followed: "
            "enter the address the server really has."
        )

    def _why(self, response: httpx2.Response) -> str:
        """What the server says of it, in short; a web page says nothing worth showing."""
        if _content_type(response) not in ("application/json", "text/plain"):
            return "."
        read = b""
        for chunk in response.iter_bytes(REASON_BYTES):
            read += chunk
            if len(read) >= REASON_BYTES:
                break
        text = read[:REASON_BYTES].decode("utf-8", "replace")
        for secret in self._secrets:
            text = text.replace(secret, "…")
        text = " ".join(re.sub(r"[^\w\s.,:;'\"!?(){}\[\]/+=…-]", "", text).split())
        return f": {text[:REASON_CHARS]}" if text else "."


def _secrets(auth: tuple[str, str] | None, headers: Mapping[str, str]) -> list[str]:
    """What must never be shown, longest first, so that no end of a long one stays."""
    secrets = [word for value in headers.values() for word in re.findall(r"[\w.~+/=-]{8,}", value)]
    if auth:
        secrets += [auth[1], base64.b64encode(":".join(auth).encode()).decode()]
    return _longest_first(secrets)


def _longest_first(secrets: Collection[str]) -> list[str]:
    return sorted(filter(None, secrets), key=len, reverse=True)


@cache
def _usual_trust() -> ssl.SSLContext:
    """One for all clients: to read the machine's certificates takes 20 ms and a megabyte each time."""
    return httpx2.create_ssl_context()


def _trust(verify: bool | str) -> bool | ssl.SSLContext:
    """Raises `Unreachable` for a CA file that cannot be used."""
    if isinstance(verify, bool):
        return _usual_trust() if verify else False
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
    """Kodi sends its pictures without saying what they are."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURE_STARTS if content.startswith(start)), "")


def _seconds_to_wait(text: str) -> float:
    """`Retry-After`: seconds or a date. What cannot be read means a minute."""
    seconds = 60.0
    if text.strip().isdecimal():
        seconds = float(text)
    elif text:
        try:
            at = parsedate_to_datetime(text)
            seconds = (at.replace(tzinfo=at.tzinfo or UTC) - clock.now()).total_seconds()
        except (ValueError, OverflowError):
            pass
    return min(max(seconds, 1.0), LONGEST_WAIT)
