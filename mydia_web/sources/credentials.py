"""Servers' passwords and tokens, encrypted at rest with a key derived from the secret key."""

import base64
import json
from collections.abc import Mapping

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mydia_web import config
from mydia_web.backends.errors import SignInRefused


def encrypt(credentials: Mapping[str, str]) -> str:
    if not credentials:
        return ""
    plain = json.dumps(dict(credentials)).encode()
    return _cipher(config.secret()).encrypt(plain).decode()


def decrypt(encrypted: str, *, secret: str = "") -> dict[str, str]:
    """Return the credentials, by the application's secret key or the given one.

    Raise `SignInRefused` if they were encrypted with another key.
    """
    if not encrypted:
        return {}
    try:
        plain = _cipher(secret or config.secret()).decrypt(encrypted.encode())
    except InvalidToken as error:
        raise SignInRefused(
            "The stored password cannot be read: it was saved under another secret key. "
            "Enter it again on this source's page."
        ) from error
    credentials: dict[str, str] = json.loads(plain)
    return credentials


def _cipher(secret: str) -> Fernet:
    derived = HKDF(SHA256(), length=32, salt=None, info=b"mydia-web source credentials").derive(
        secret.encode()
    )
    return Fernet(base64.urlsafe_b64encode(derived))
