"""Settings, read from the environment and checked at the start of a process."""

import os
import secrets
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from flask import Flask, current_app
from platformdirs import user_data_path
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from mydia_web.errors import WrongSetting

AppContext = Callable[[], AbstractContextManager[object]]


FLAGS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _share(text: str) -> float:
    value = float(text)
    if not 0.5 <= value <= 1:
        raise ValueError("must be from 0.5 to 1")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:
        raise ValueError("must be from 0 to 86400 seconds")
    return value


def _port(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 65_535:
        raise ValueError("must be from 0 to 65535")
    return value


def _flag(text: str) -> bool:
    value = FLAGS.get(text.lower())
    if value is None:
        raise ValueError("must be true or false")
    return value


def _log_format(text: str) -> str:
    if text not in ("text", "json"):
        raise ValueError("must be text or json")
    return text


def _log_level(text: str) -> str:
    if text.lower() not in ("debug", "info", "warning", "error"):
        raise ValueError("must be debug, info, warning or error")
    return text.lower()


def _database_url(text: str) -> str:
    try:
        backend = make_url(text).get_backend_name()
    except ArgumentError as error:
        raise ValueError(
            "must look like sqlite:////path/file.db or postgresql+psycopg://…"
        ) from error
    if backend not in ("sqlite", "postgresql"):
        raise ValueError("only sqlite and postgresql+psycopg databases are supported")
    return text


def _setting(default: Any, read: Callable[[str], Any] = str, *, secret: bool = False) -> Any:
    return field(default=default, metadata={"read": read, "secret": secret})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings, each from `MYDIA_<NAME>`; secrets also from a file, `MYDIA_<NAME>_FILE`."""

    #: Folder for the database, the secret key and cached pictures.
    #: "" is the platform's user data folder.
    data_dir: str = _setting("")
    #: Address of the database; "" is the SQLite file `mydia.db` in the data folder.
    database_url: str = _setting("", _database_url, secret=True)
    #: Signs sessions and encrypts servers' passwords; "" makes one and keeps it in the data folder.
    secret_key: str = _setting("", secret=True)
    #: Address the web server listens on.
    host: str = _setting("127.0.0.1")
    #: Port the web server listens on.
    port: int = _setting(8642, _port)
    #: Share of a title that must be played before it counts as watched.
    watched_at: float = _setting(0.90, _share)
    #: The same for films and for episodes alone; None is `watched_at`.
    watched_at_movies: float | None = _setting(None, _share)
    watched_at_episodes: float | None = _setting(None, _share)
    #: Seconds between a click and its push. Undo within them means that no server hears of it.
    sync_delay: float = _setting(10.0, _seconds)
    #: Seconds between two pushes of one title's position while it is being played.
    progress_delay: float = _setting(5.0, _seconds)
    #: Seconds between two pulls of each source by the running server; 0 pulls only on demand.
    pull_interval: float = _setting(1800.0, _seconds)
    #: Let the web server deliver the queue too. Off where `sync-queue --watch` runs beside it.
    embedded_worker: bool = _setting(True, _flag)
    #: Listen to servers that send their events on an open connection instead of by webhooks.
    listen: bool = _setting(True, _flag)
    #: Send the session cookie over https only.
    secure_cookies: bool = _setting(False, _flag)
    #: Format of the log of the server and of the watching worker.
    log_format: Literal["text", "json"] = _setting("text", _log_format)
    #: The lowest level that is logged: debug, info, warning or error.
    log_level: str = _setting("info", _log_level)
    #: Number of reverse proxies in front that set X-Forwarded-For, -Proto, -Host and -Prefix.
    proxies: int = _setting(0, int)

    def watched_share(self, *, of_episode: bool) -> float:
        """Return the share from which on a film or an episode counts as watched."""
        share = self.watched_at_movies
        if of_episode:
            share = self.watched_at_episodes
        if share is None:
            return self.watched_at
        return share


def read_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises `WrongSetting` with one line that says what to do."""
    values = {}
    for setting in fields(Settings):
        variable = f"MYDIA_{setting.name.upper()}"
        text = environment.get(variable) or None
        if setting.metadata["secret"] and f"{variable}_FILE" in environment:
            text = _read_file(f"{variable}_FILE", environment)
        if text is None:
            continue
        try:
            values[setting.name] = setting.metadata["read"](text)
        except ValueError as error:
            raise WrongSetting(f"{variable}: {error}.") from error
    return Settings(**values)


def settings() -> Settings:
    """Return the settings of the running application."""
    current: Settings = current_app.config["SETTINGS"]
    return current


def app_context() -> AppContext:
    """Return a function that opens a context of the running application, in any thread."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # noqa: SLF001
    return app.app_context


def secret() -> str:
    """Return the secret key of the running application."""
    key: str = current_app.config["SECRET_KEY"]
    return key


def _read_file(variable: str, environment: Mapping[str, str]) -> str:
    file = environment[variable]
    try:
        return Path(file).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise WrongSetting(f"{variable}: cannot read {file}: {error}.") from error


def data_dir(settings: Settings) -> Path:
    """Return the data folder. It is made on first use, closed to other users of the machine."""
    if settings.data_dir:
        folder = Path(settings.data_dir)
    else:
        folder = user_data_path("mydia-web", appauthor=False)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetting(f"MYDIA_DATA_DIR: cannot make {folder}: {error.strerror}.") from error
    return folder.resolve()


def secret_key(settings: Settings, folder: Path) -> str:
    """Return the secret key: as set, or made once and kept in the data folder."""
    if settings.secret_key:
        return settings.secret_key
    file = folder / "secret_key"
    if not file.exists():
        _write_once(file, secrets.token_urlsafe(48))
    return file.read_text(encoding="ascii").strip()


def _write_once(file: Path, text: str) -> None:
    """Write a file that only its owner can read, unless it exists meanwhile.

    It is linked into place, so that of several processes starting at once one wins whole.
    """
    part = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as out:
        out.write(text)
    try:
        os.link(part, file)
    except FileExistsError:
        pass
    finally:
        part.unlink()


def flask_config(settings: Settings) -> dict[str, Any]:
    """Return the configuration of Flask and its extensions."""
    folder = data_dir(settings)
    return {
        "SETTINGS": settings,
        "DATA_DIR": folder,
        "SECRET_KEY": secret_key(settings, folder),
        "SQLALCHEMY_DATABASE_URI": settings.database_url or f"sqlite:///{folder / 'mydia.db'}",
        "MAX_CONTENT_LENGTH": 16 * 1024 * 1024,
        "MAX_FORM_MEMORY_SIZE": 1024 * 1024,
        "SESSION_COOKIE_NAME": "mydia_session",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.secure_cookies,
        "PERMANENT_SESSION_LIFETIME": 60 * 60 * 24 * 90,
        "SEND_FILE_MAX_AGE_DEFAULT": 31_536_000,
        "WTF_CSRF_TIME_LIMIT": None,
        "RATELIMIT_STORAGE_URI": "memory://",
        "RATELIMIT_HEADERS_ENABLED": True,
        "COMPRESS_MIMETYPES": [
            "text/html",
            "text/css",
            "text/javascript",
            "application/json",
            "image/svg+xml",
        ],
        "COMPRESS_ALGORITHM": ["gzip"],
        # Flask-Compress never closes the files that it streams, and browsers keep static files
        # for good anyway.
        "COMPRESS_STREAMS": False,
    }
