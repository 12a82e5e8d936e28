"""Who watches here: adding users, signing them in, and their API tokens."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from zoneinfo import available_timezones

from sqlalchemy import delete, select, text, update

from mydia_web.accounts.models import ApiToken, User
from mydia_web.accounts.passwords import hash_password, verify_password
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.names import name_key

MIN_PASSWORD = 8
#: A token's last use is noted at most this often: a player saves a position every few seconds.
_LAST_USED_EVERY = timedelta(minutes=1)


def any_user() -> bool:
    return db.session.scalar(select(User.id).limit(1)) is not None


def find_user(name: str) -> User | None:
    return db.session.scalar(select(User).where(User.name_key == name_key(name)))


def list_users() -> Sequence[User]:
    """Everyone, by name."""
    return db.session.scalars(select(User).order_by(User.name_key)).all()


def get_user(name: str) -> User:
    """Return the user of that name, in whatever spelling. Raises `NotFound`."""
    user = find_user(name)
    if user is None:
        raise NotFound(f"There is no user named {name}.")
    return user


def add_user(name: str, password: str, *, is_admin: bool = False, time_zone: str = "UTC") -> User:
    """Raises `InvalidValue` for `name`, `password` or `time_zone`."""
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise InvalidValue("name", "Choose a name of 1 to 64 characters.")
    if find_user(name):
        raise InvalidValue("name", "This name is taken.")
    _check_password(password)
    user = User(name=name, password_hash=hash_password(password), is_admin=is_admin)
    set_time_zone(user, time_zone)
    db.session.add(user)
    db.session.flush()
    return user


def add_first_user(name: str, password: str, *, time_zone: str = "UTC") -> User | None:
    """The admin who sets everything up; None where there is a user already, even one added this
    very moment.
    """
    if db.engine.dialect.name == "postgresql":
        db.session.execute(text("LOCK TABLE users IN SHARE ROW EXCLUSIVE MODE"))
    if any_user():
        return None
    return add_user(name, password, is_admin=True, time_zone=time_zone)


def _check_password(password: str) -> None:
    if not MIN_PASSWORD <= len(password) <= 1024:
        raise InvalidValue("password", f"Choose a password of at least {MIN_PASSWORD} characters.")


def set_time_zone(user: User, time_zone: str) -> None:
    """Raises `InvalidValue` unless it is an IANA name."""
    if time_zone not in available_timezones():
        raise InvalidValue("time_zone", "Choose a time zone such as Europe/Berlin.")
    user.time_zone = time_zone


def authenticate(name: str, password: str) -> User | None:
    """The user, if the password is right."""
    user = find_user(name)
    right = verify_password(user.password_hash if user else _nobody(), password)
    return user if right else None


def new_password_hash(user: User, old: str, new: str) -> str:
    """What `password_hash` becomes; that ends the user's other sessions. Takes a while on purpose.

    Raises `InvalidValue` for `old_password` or `password`.
    """
    if not verify_password(user.password_hash, old):
        raise InvalidValue("old_password", "This is not your present password.")
    _check_password(new)
    return hash_password(new)


@cache
def _nobody() -> str:
    """Verified when no such user exists, so that an unknown name takes as long as a wrong password."""
    return hash_password(secrets.token_hex(8))


def add_token(user: User, name: str) -> str:
    """A new bearer token; it can be read this once."""
    name = name.strip()
    if not 1 <= len(name) <= 64:
        raise InvalidValue("name", "Choose a label of 1 to 64 characters.")
    token = f"mydia_{secrets.token_urlsafe(32)}"
    db.session.add(ApiToken(user_id=user.id, name=name, token_hash=_hash_token(token)))
    return token


def list_tokens(user_id: int) -> Sequence[ApiToken]:
    """The user's tokens, newest first."""
    return db.session.scalars(
        select(ApiToken).where(ApiToken.user_id == user_id).order_by(ApiToken.id.desc())
    ).all()


def revoke_token(user_id: int, token_id: int) -> None:
    """Raises `NotFound`, also for somebody else's token."""
    own = delete(ApiToken).where(ApiToken.id == token_id, ApiToken.user_id == user_id)
    if db.session.scalar(own.returning(ApiToken.id)) is None:
        raise NotFound("There is no such token. It may have been revoked already.")


def user_of_token(token: str) -> User | None:
    found = db.session.execute(
        select(User, ApiToken)
        .join(ApiToken, ApiToken.user_id == User.id)
        .where(ApiToken.token_hash == _hash_token(token))
    ).first()
    if found is None:
        return None
    user, api_token = found
    _note_use(api_token)
    return user


def _hash_token(token: str) -> str:
    # A token is 256 random bits: a fast hash is enough, there is nothing to guess.
    return hashlib.sha256(token.encode()).hexdigest()


def _note_use(api_token: ApiToken) -> None:
    at = now()
    if api_token.last_used_at is None or api_token.last_used_at < at - _LAST_USED_EVERY:
        db.session.execute(
            update(ApiToken).where(ApiToken.id == api_token.id).values(last_used_at=at)
        )
