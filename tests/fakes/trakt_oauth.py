"""Signing in at a fake Trakt: device codes, tokens that expire, refresh tokens used once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from tests.fakes.trakt_account import Account

SEVEN_DAYS = 7 * 24 * 3600
CODE_LIFE, INTERVAL = 600, 5
_APPROVED, _DENIED, _USED = "approved", "denied", "used"

Reply = tuple[int, Any]


@dataclass(eq=False)
class Code:
    device_code: str
    user_code: str
    expires_at: datetime
    asked_at: datetime | None = None
    fate: str = ""
    account: Account | None = None


@dataclass(eq=False)
class Token:
    access: str
    refresh: str
    account: Account
    expires_at: datetime
    is_refreshed: bool = False


class OAuth:
    """One app with its id and secret."""

    client_id, client_secret = "client-id-of-the-app", "client-secret-of-the-app"

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._numbers = count(1)
        self.codes: list[Code] = []
        self.tokens: list[Token] = []
        self.refreshes = 0

    def grant(self, account: Account) -> Token:
        number = next(self._numbers)
        expires_at = self._now() + timedelta(seconds=SEVEN_DAYS)
        token = Token(f"access-token-{number}", f"refresh-token-{number}", account, expires_at)
        self.tokens.append(token)
        return token

    def account_of(self, authorization: str) -> Account | None:
        for token in self.tokens:
            if authorization == f"Bearer {token.access}" and self._now() < token.expires_at:
                return token.account
        return None

    def confirm(self, user_code: str, account: Account) -> None:
        """The person types the code."""
        code = next(code for code in self.codes if code.user_code == user_code)
        code.fate, code.account = _APPROVED, account

    def deny(self, user_code: str) -> None:
        next(code for code in self.codes if code.user_code == user_code).fate = _DENIED

    def reply(self, path: str, body: Mapping[str, Any]) -> Reply:
        known = {
            "/oauth/device/code": self._code,
            "/oauth/device/token": self._token_for_code,
            "/oauth/token": self._token_for_refresh,
        }
        return known[path](body) if path in known else (404, None)

    def _code(self, body: Mapping[str, Any]) -> Reply:
        if body.get("client_id") != self.client_id:
            return 403, None
        number = next(self._numbers)
        code = Code(
            f"device-code-{number}", f"USER{number:04}", self._now() + timedelta(seconds=CODE_LIFE)
        )
        self.codes.append(code)
        return 200, {
            "device_code": code.device_code,
            "user_code": code.user_code,
            "verification_url": "https://trakt.tv/activate",
            "expires_in": CODE_LIFE,
            "interval": INTERVAL,
        }

    def _token_for_code(self, body: Mapping[str, Any]) -> Reply:
        if not self._is_app(body):
            return 401, None
        code = next((code for code in self.codes if code.device_code == body.get("code")), None)
        if code is None:
            return 404, None
        asked_at, code.asked_at = code.asked_at, self._now()
        if self._now() >= code.expires_at:
            return 410, None
        if asked_at is not None and self._now() < asked_at + timedelta(seconds=INTERVAL):
            return 429, None
        if code.fate == _APPROVED and code.account:
            code.fate = _USED
            return 200, self._written(self.grant(code.account))
        return {"": 400, _DENIED: 418, _USED: 409}[code.fate], None

    def _token_for_refresh(self, body: Mapping[str, Any]) -> Reply:
        token = next(
            (token for token in self.tokens if token.refresh == body.get("refresh_token")), None
        )
        if not self._is_app(body) or token is None or token.is_refreshed:
            return 400, {
                "error": "invalid_grant",
                "error_description": "The refresh token is not valid.",
            }
        token.is_refreshed, token.expires_at = True, self._now()
        self.refreshes += 1
        return 200, self._written(self.grant(token.account))

    def _is_app(self, body: Mapping[str, Any]) -> bool:
        return (body.get("client_id"), body.get("client_secret")) == (
            self.client_id,
            self.client_secret,
        )

    def _written(self, token: Token) -> dict[str, Any]:
        return {
            "access_token": token.access,
            "token_type": "bearer",
            "expires_in": SEVEN_DAYS,
            "refresh_token": token.refresh,
            "scope": "public",
            "created_at": int(self._now().timestamp()),
        }
