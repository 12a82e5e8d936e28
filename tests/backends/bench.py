"""What the contract suite needs of every kind of server: a stand-in that speaks its protocol, and a
way to look inside.

Each kind has its own in `tests/backends/<kind>/bench.py`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from mydia_web.backends.backend import Backend
from mydia_web.backends.values import Connection, Target


@dataclass(frozen=True, slots=True)
class Held:
    """The person's state of one item on the server, read past its protocol."""

    watched: bool
    position_ms: int = 0
    play_count: int = 0
    last_played_at: datetime | None = None


class Bench(Protocol):
    """A running server of one kind on loopback, with one person signed up. Empty at first."""

    backend: type[Backend]
    #: How finely the server keeps a position, in milliseconds: 1 where it keeps it exactly.
    grain_ms: int
    #: Up to which share of its length a title's position can be kept; what is beyond is kept there.
    kept_share: float

    def connection(self) -> Connection:
        """The person's sign-in, as it is stored after linking."""
        ...

    def wrong_connection(self) -> Connection:
        """The same with a token or password that the server refuses."""
        ...

    def unlinked(self) -> Connection:
        """Return the connection before a code is asked for. Only for kinds that link by a code."""
        ...

    def confirm(self, code: str) -> None:
        """The person confirms it at the server."""
        ...

    def add_movie(
        self, title: str, *, year: int = 2010, minutes: int = 90, imdb: str = "", copies: int = 1
    ) -> Sequence[Target]:
        """A film that the server holds so many copies of; a target for each that it lists by
        itself.
        """
        ...

    def add_episode(
        self,
        show: str,
        season: int,
        episode: int,
        *,
        minutes: int = 45,
        tvdb: str = "",
        through: int | None = None,
    ) -> Target:
        """An episode of a show that is made when it is new. `through`: the last one that its file
        holds.
        """
        ...

    def held(self, target: Target) -> Held: ...

    def person_watches(self, target: Target, at: datetime) -> None:
        """The person finishes the title on the server itself."""
        ...

    def person_stops_at(self, target: Target, position_ms: int, at: datetime) -> None: ...

    def person_unwatches(self, target: Target) -> None: ...

    def remove(self, target: Target) -> None:
        """The title is gone from the server."""
        ...

    def requests(self) -> list[tuple[str, str]]:
        """(method, path with query) of all requests since the last call."""
        ...

    def writes(self) -> list[str]:
        """Those of all requests so far that would change something, in words."""
        ...

    def violations(self) -> list[str]:
        """Where a request or an answer broke the published description; empty where that is not at
        hand.
        """
        ...

    def answering(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> AbstractContextManager[None]:
        """While it lasts, every request is answered so."""
        ...

    def losing_answers(self) -> AbstractContextManager[None]:
        """While it lasts, what changes something is carried out and its answer lost: the connection
        breaks instead.
        """
        ...

    def close(self) -> None: ...
