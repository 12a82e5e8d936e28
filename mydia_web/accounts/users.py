"""The people who watch here: adding them, signing them in, and their API tokens."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import delete, select, text, update

from mydia_web.accounts.models import ApiToken, User
from mydia_web.clock import list_time_zones, now
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.names import name_key

MIN_PASSWORD = 8
MAX_PASSWORD = 1024
MAX_NAME = 64
#: A token's last use is noted at most this often: a player saves a position every few seconds.
_LAST_USED_EVERY = timedelta(minutes=1)

#: Argon2id with the library's parameters.
hasher = PasswordHasher()


def any_user() -> bool:
    return db.session.scalar(select(User.id).limit(1)) is not None


def find_user(name: str) -> User | None:
    return db.session.scalar(select(User).where(User.name_key == name_key(name)))


def list_users() -> Sequence[User]:
    """Return everyone, by name."""
    return db.session.scalars(select(User).order_by(User.name_key)).all()


def get_user(name: str) -> User:
    """Return the user of that name, in any spelling. Raises `NotFound`."""
    user = find_user(name)
    if user is None:
        raise NotFound(f"There is no user named {name}.")
    return user


def add_user(name: str, password: str, *, is_admin: bool = False, time_zone: str = "UTC") -> User:
    """Add a user. Raises `InvalidValue` for `name`, `password` or `time_zone`."""
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidValue("name", f"Choose a name of 1 to {MAX_NAME} characters.")
    if find_user(name):
        raise InvalidValue("name", "This name is taken.")
    _check_password(password)
    user = User(name=name, password_hash=hash_password(password), is_admin=is_admin)
    set_time_zone(user, time_zone)
    db.session.add(user)
    db.session.flush()
    return user


def add_first_user(name: str, password: str, *, time_zone: str = "UTC") -> User | None:
    """Add the admin who sets everything up, or return None if there is a user already.

    Of two requests at the same moment, one adds the admin. Raises as `add_user`.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
    if any_user():
        return None
    return add_user(name, password, is_admin=True, time_zone=time_zone)


def set_time_zone(user: User, time_zone: str) -> None:
    """Set an IANA time zone. Raises `InvalidValue` for anything else."""
    if time_zone not in list_time_zones():
        raise InvalidValue("time_zone", "Choose a time zone such as Europe/Berlin.")
    user.time_zone = time_zone


def authenticate(name: str, password: str) -> User | None:
    """Return the user if the password is right."""
    user = find_user(name)
    if user is None:
        # Takes as long as a wrong password, so that it does not give away which names exist.
        _verify(_hash_of_nobody(), password)
        return None
    if not _verify(user.password_hash, password):
        return None
    return user


def new_password_hash(user: User, old: str, new: str) -> str:
    """Return the value of `password_hash` for a new password. Slow on purpose.

    Storing it ends the user's other sessions. Raises `InvalidValue` for `old_password` or
    `password`.
    """
    if not _verify(user.password_hash, old):
        raise InvalidValue("old_password", "This is not your present password.")
    _check_password(new)
    return hash_password(new)


def hash_password(password: str) -> str:
    return hasher.hash(password)


def add_token(user: User, name: str) -> str:
    """Add a bearer token and return it. It cannot be read again later.

    Raises `InvalidValue` for `name`.
    """
    name = name.strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise InvalidValue("name", f"Choose a label of 1 to {MAX_NAME} characters.")
    token = f"mydia_{secrets.token_urlsafe(32)}"
    db.session.add(ApiToken(user_id=user.id, name=name, token_hash=_hash_token(token)))
    return token


def list_tokens(user_id: int) -> Sequence[ApiToken]:
    """Return the user's tokens, newest first."""
    query = select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())
    return db.session.scalars(query).all()


def revoke_token(user_id: int, token_id: int) -> None:
    """Delete a token of the user. Raises `NotFound`, also for somebody else's token."""
    own = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user_id)
    if db.session.scalar(own.returning(ApiToken.id)) is None:
        raise NotFound("There is no such token. It may have been revoked already.")


def user_of_token(token: str) -> User | None:
    """Return the user of a bearer token, and note that the token was used."""
    query = (
        select(User, ApiToken)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(ApiToken.token_hash == _hash_token(token))
    )
    row = db.session.execute(query).first()
    if row is None:
        return None
    _note_use(row.ApiToken)
    user: User = row.User
    return user


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise InvalidValue("password", f"Choose a password of at least {MIN_PASSWORD} characters.")


def _verify(password_hash: str, password: str) -> bool:
    try:
        return hasher.verify(password_hash, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _hash_of_nobody() -> str:
    return hash_password(secrets.token_hex(8))


def _hash_token(token: str) -> str:
    # A token is 256 random bits: a fast hash is enough, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


def _note_use(api_token: ApiToken) -> None:
    at = now()
    last_used_at = api_token.last_used_at
    if last_used_at is None or last_used_at < at - _LAST_USED_EVERY:
        own = update(ApiToken).where(ApiToken.id == api_token.id)
        db.session.execute(own.values(last_used_at=at))
