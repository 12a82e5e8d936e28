"""The kinds of source."""

from mydia_web.backends.backend import Backend
from mydia_web.backends.emby import Emby
from mydia_web.backends.folder import Folder
from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.kodi import Kodi
from mydia_web.backends.plex import Plex
from mydia_web.backends.traits import Traits
from mydia_web.backends.trakt import Trakt
from mydia_web.backends.values import Connection
from mydia_web.errors import InvalidValue

_BACKENDS: dict[str, type[Backend]] = {
    backend.traits.kind: backend for backend in (Jellyfin, Emby, Plex, Kodi, Trakt, Folder)
}
KINDS = tuple(_BACKENDS)


def all_traits() -> list[Traits]:
    return [backend.traits for backend in _BACKENDS.values()]


def kinds_that_take_pushes() -> list[str]:
    """Return the kinds that changes are pushed to; nothing is queued for the others."""
    return [kind for kind, backend in _BACKENDS.items() if backend.traits.takes_pushes]


def kinds_that_accept_unlisted() -> list[str]:
    """Return the kinds that take changes of titles they never listed: account services."""
    return [kind for kind, backend in _BACKENDS.items() if backend.traits.accepts_unlisted]


def kinds_that_listen() -> list[str]:
    """Return the kinds that report changes by themselves on an open connection."""
    return [kind for kind, backend in _BACKENDS.items() if backend.traits.listens]


def kinds_that_count_starts() -> list[str]:
    """Return the kinds that date a play by its beginning."""
    return [kind for kind, backend in _BACKENDS.items() if backend.traits.dates_plays_by_start]


def backend_class(kind: str) -> type[Backend]:
    """Return the client of a kind. Raise `InvalidValue` for an unknown kind."""
    if kind not in _BACKENDS:
        raise InvalidValue(
            "kind", f"There is no kind of source named {kind}. Choose one of: {', '.join(KINDS)}."
        )
    return _BACKENDS[kind]


def open_backend(kind: str, connection: Connection) -> Backend:
    """Return a client of the server; the caller closes it."""
    return backend_class(kind)(connection)
