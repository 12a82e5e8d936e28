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

API_HOST, OAUTH_URL = "api.trakt.tv", "https://auth.trakt.tv"
LIFETIME = timedelta(days=7)
#: What an app without a web address of its own names as the place to come back to.
_NOWHERE = "urn:ietf:wg:oauth:2.0:oob"
_ENDED = {
    404: "Trakt does not know this code. Ask for a new one.",
    409: "This code was used already. Ask for a new one.",
    410: "The code is too old. Ask for a new one.",
    418: "The request was refused at Trakt. Ask for a new code to try again.",
}
_SLOW_DOWN = 429
LINK_AGAIN = "Trakt no longer takes this sign-in. Link the account again."


def client_id(credentials: Credentials) -> str:
    """The command line calls it a user name."""
    return (credentials.get("client_id") or credentials.get("username", "")).strip()


def client_secret(credentials: Credentials) -> str:
    return (credentials.get("client_secret") or credentials.get("password", "")).strip()


def access_token(credentials: Credentials) -> str:
    return (credentials.get("access_token") or credentials.get("token", "")).strip()


def is_past_half(credentials: Credentials) -> bool:
    """Has the token lived half its life? One of unknown age has not: it is used until it is
    refused.
    """
    expires_at = _instant(credentials.get("expires_at", ""))
    if expires_at is None or not credentials.get("refresh_token"):
        return False
    issued_at = _instant(credentials.get("issued_at", "")) or expires_at - LIFETIME
    return clock.now() >= issued_at + (expires_at - issued_at) / 2


def is_over(credentials: Credentials) -> bool:
    expires_at = _instant(credentials.get("expires_at", ""))
    return expires_at is not None and clock.now() >= expires_at


def _instant(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


#: What a 403 means, wherever it comes.
APP_REFUSED = (
    "Trakt refused the app: its client ID is wrong, or it is the app of a free account. Since 30 July 2026 Trakt takes "
    "the apps of paying VIP members only. Look at https://app.trakt.tv/settings/apps."
)


class OAuth:
    """The host that signs people in, which is another than the one that answers questions."""

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._id = client_id(connection.credentials)
        self._transport, self._connection = transport, connection

    def ask_for_code(self) -> LinkCode:
        answer = self._post(
            "oauth/device/code", {"client_id": self._id}, understood=(400, 401, 403, 404)
        )
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(
                "Trakt does not know this client ID. Copy it from your app at app.trakt.tv/settings/apps."
            )
        told = _told(
            answer, "device_code", "user_code", "verification_url", "interval", "expires_in"
        )
        return LinkCode(
            code=str(told["user_code"]),
            url=str(told["verification_url"]),
            secret={"device_code": str(told["device_code"])},
            interval=_seconds(told["interval"]),
            expires_in=_seconds(told["expires_in"]),
        )

    def ask_for_token(self, device_code: str) -> Credentials | None:
        """None: the person has not confirmed yet. Raises `LinkEnded`."""
        kept = self._connection.credentials
        asked = {"code": device_code, "client_id": self._id, "client_secret": client_secret(kept)}
        waits = (400, _SLOW_DOWN)
        answer = self._post("oauth/device/token", asked, understood=(*waits, 401, 403, *_ENDED))
        if answer.status in waits:
            return None
        if answer.status in _ENDED:
            raise LinkEnded(_ENDED[answer.status])
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(
                "Trakt refused the client ID or the client secret. Copy both from your app at "
                "app.trakt.tv/settings/apps."
            )
        return self._kept(answer, kept)

    def renew(self, had: Credentials) -> Credentials:
        """New tokens for old. What is given is used up."""
        asked = {
            "refresh_token": had.get("refresh_token", ""),
            "client_id": self._id,
            "client_secret": client_secret(had),
            "redirect_uri": _NOWHERE,
            "grant_type": "refresh_token",
        }
        answer = self._post("oauth/token", asked, understood=(400, 401, 403))
        if answer.status == 403:
            raise SignInRefused(APP_REFUSED)
        if answer.status != 200:
            raise SignInRefused(LINK_AGAIN)
        return self._kept(answer, had)

    def _post(self, path: str, body: Mapping[str, str], *, understood: tuple[int, ...]) -> Answer:
        http = Http(
            self._url(),
            product="Trakt",
            hint="Is this machine on the internet?",
            headers={"trakt-api-version": "2", "trakt-api-key": self._id},
            verify=self._connection.verify_tls,
            transport=self._transport,
        )
        http.set_headers(
            {},
            secrets=[
                value for name, value in body.items() if name not in ("grant_type", "redirect_uri")
            ],
        )
        try:
            return http.send("POST", path, json=dict(body), understood=understood)
        finally:
            http.close()

    def _url(self) -> str:
        named = self._connection.credentials.get("auth_url", "")
        base_url = self._connection.base_url.strip()
        return named or (OAUTH_URL if urlsplit(base_url).hostname == API_HOST else base_url)

    def _kept(self, answer: Answer, had: Credentials) -> Credentials:
        told, now = _told(answer, "access_token", "refresh_token", "expires_in"), clock.now()
        names = ("client_id", "client_secret", "auth_url")
        known = {
            "client_id": self._id,
            "client_secret": client_secret(had),
            "auth_url": had.get("auth_url", ""),
        }
        return {
            **{name: known[name] for name in names if known[name]},
            "access_token": str(told["access_token"]),
            "refresh_token": str(told["refresh_token"]),
            "issued_at": str(int(now.timestamp())),
            "expires_at": str(int(now.timestamp() + _seconds(told["expires_in"]))),
        }


def _told(answer: Answer, *names: str) -> Mapping[str, Any]:
    told = answer.json()
    if not isinstance(told, dict) or any(name not in told for name in names):
        raise ServerTrouble(
            f"{answer.place} answers, but not as Trakt does. Is this the right address?"
        )
    return told


def _seconds(value: object) -> float:
    try:
        return max(1.0, float(str(value)))
    except ValueError as error:
        raise ServerTrouble("Trakt does not tell for how long its code is good.") from error
