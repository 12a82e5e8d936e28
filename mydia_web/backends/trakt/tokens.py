"""The sign-in: an access token of seven days, and a refresh token that Trakt takes once."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2

from mydia_web import clock
from mydia_web.backends.errors import LinkEnded, ServerTrouble, SignInRefused
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.values import Connection, Credentials, LinkCode

API_HOST = "api.trakt.tv"
OAUTH_URL = "https://auth.trakt.tv"
LIFETIME = timedelta(days=7)
#: The redirect address of an app without a website.
_OUT_OF_BAND = "urn:ietf:wg:oauth:2.0:oob"
_ENDED = {
    404: "Trakt does not know this code. Ask for a new one.",
    409: "This code was used already. Ask for a new one.",
    410: "The code is too old. Ask for a new one.",
    418: "The request was refused at Trakt. Ask for a new code to try again.",
}
#: The person has not confirmed the code yet, or we ask too often.
_PENDING = (400, 429)
LINK_AGAIN = "Trakt no longer takes this sign-in. Link the account again."
#: For every 403.
APP_REFUSED = (
    "Trakt refused the app: its client ID is wrong, or it is the app of a free account. "
    "Since 30 July 2026 Trakt takes the apps of paying VIP members only. "
    "Look at https://app.trakt.tv/settings/apps."
)


def client_id(credentials: Credentials) -> str:
    """Return the client ID, which the command line calls a user name."""
    return (credentials.get("client_id") or credentials.get("username", "")).strip()


def client_secret(credentials: Credentials) -> str:
    return (credentials.get("client_secret") or credentials.get("password", "")).strip()


def access_token(credentials: Credentials) -> str:
    return (credentials.get("access_token") or credentials.get("token", "")).strip()


def is_past_half(credentials: Credentials) -> bool:
    """Return whether the token has lived half its life; one of unknown age has not."""
    expires_at = _instant(credentials.get("expires_at", ""))
    if expires_at is None or not credentials.get("refresh_token"):
        return False
    issued_at = _instant(credentials.get("issued_at", "")) or expires_at - LIFETIME
    return clock.now() >= issued_at + (expires_at - issued_at) / 2


def is_expired(credentials: Credentials) -> bool:
    expires_at = _instant(credentials.get("expires_at", ""))
    return expires_at is not None and clock.now() >= expires_at


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


class OAuth:
    """The host that signs people in, which is another than the API's."""

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._client_id = client_id(connection.credentials)
        self._transport = transport
        self._connection = connection

    def ask_for_code(self) -> LinkCode:
        answer = self._post(
            "oauth/device/code", {"client_id": self._client_id}, understood=(400, 401, 403, 404)
        )
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(
                "Trakt does not know this client ID. "
                "Copy it from your app at app.trakt.tv/settings/apps."
            )
        reply = _fields(
            answer, "device_code", "user_code", "verification_url", "interval", "expires_in"
        )
        return LinkCode(
            code=str(reply["user_code"]),
            url=str(reply["verification_url"]),
            secret={"device_code": str(reply["device_code"])},
            interval=_seconds(reply["interval"]),
            expires_in=_seconds(reply["expires_in"]),
        )

    def ask_for_token(self, device_code: str) -> Credentials | None:
        """Return what to keep; None until the person has confirmed the code. Raises `LinkEnded`."""
        stored = self._connection.credentials
        request = {
            "code": device_code,
            "client_id": self._client_id,
            "client_secret": client_secret(stored),
        }
        understood = (*_PENDING, 401, 403, *_ENDED)
        answer = self._post("oauth/device/token", request, understood=understood)
        if answer.status in _PENDING:
            return None
        if answer.status in _ENDED:
            raise LinkEnded(_ENDED[answer.status])
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(
                "Trakt refused the client ID or the client secret. "
                "Copy both from your app at app.trakt.tv/settings/apps."
            )
        return self._credentials(answer, stored)

    def renew(self, stored: Credentials) -> Credentials:
        """Return new credentials for old; the old refresh token is used up by it."""
        request = {
            "refresh_token": stored.get("refresh_token", ""),
            "client_id": self._client_id,
            "client_secret": client_secret(stored),
            "redirect_uri": _OUT_OF_BAND,
            "grant_type": "refresh_token",
        }
        answer = self._post("oauth/token", request, understood=(400, 401, 403))
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(LINK_AGAIN)
        return self._credentials(answer, stored)

    def _post(self, path: str, body: Mapping[str, str], *, understood: tuple[int, ...]) -> Answer:
        http = Http(
            self._url(),
            product="Trakt",
            hint="Is this machine on the internet?",
            headers={"trakt-api-version": "2", "trakt-api-key": self._client_id},
            verify=self._connection.verify_tls,
            transport=self._transport,
        )
        public = ("grant_type", "redirect_uri")
        http.set_headers({}, secrets=[value for name, value in body.items() if name not in public])
        try:
            return http.send("POST", path, json=dict(body), understood=understood)
        finally:
            http.close()

    def _url(self) -> str:
        stored = self._connection.credentials.get("auth_url", "")
        base_url = self._connection.base_url.strip()
        if stored:
            return stored
        if urlsplit(base_url).hostname == API_HOST:
            return OAUTH_URL
        return base_url

    def _credentials(self, answer: Answer, stored: Credentials) -> Credentials:
        reply = _fields(answer, "access_token", "refresh_token", "expires_in")
        now = clock.now().timestamp()
        app = {
            "client_id": self._client_id,
            "client_secret": client_secret(stored),
            "auth_url": stored.get("auth_url", ""),
        }
        return {
            **{name: value for name, value in app.items() if value},
            "access_token": str(reply["access_token"]),
            "refresh_token": str(reply["refresh_token"]),
            "issued_at": str(int(now)),
            "expires_at": str(int(now + _seconds(reply["expires_in"]))),
        }


def _fields(answer: Answer, *names: str) -> Mapping[str, Any]:
    """Return an answer that has these fields."""
    reply = answer.json()
    if not isinstance(reply, dict) or any(name not in reply for name in names):
        raise ServerTrouble(
            f"{answer.place} answers, but not as Trakt does. Is this the right address?"
        )
    return reply


def _seconds(value: object) -> float:
    try:
        return max(1.0, float(str(value)))
    except ValueError as error:
        raise ServerTrouble("Trakt does not tell for how long its code is good.") from error
