"""The interface of all kinds of server."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Self

from httpx2 import BaseTransport as Transport

from mydia_web.backends.errors import BackendError, NotOnServer
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import (
    Artwork,
    Connection,
    Event,
    LibraryPage,
    LinkCode,
    Linked,
    Playing,
    RemoteLibrary,
    RemoteState,
    RemoteUser,
    ServerInfo,
    Target,
    Wanted,
)


class Backend(ABC):
    """A client of one server for one person; a context manager that closes its connections.

    Every method may raise `BackendError`. A method that is not abstract suits a server without the
    ability; `traits` tells which abilities it has.
    """

    traits: ClassVar[Traits]

    @abstractmethod
    def __init__(self, connection: Connection, *, transport: Transport | None = None) -> None:
        """Prepare a client without asking the server anything.

        Raises `InvalidValue` for an address that cannot be one.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def clock_skew(self) -> timedelta | None:
        """The server's clock minus ours, by its answers so far; None if they did not tell."""
        return None

    @abstractmethod
    def check(self) -> ServerInfo:
        """Reach the server and sign in, changing nothing."""

    def reach(self) -> None:
        """Check that a server of this kind is there, as far as possible without a sign-in."""
        return

    def sign_in(self) -> Linked | None:
        """Return what to keep instead of the typed credentials, such as a token.

        None keeps what was typed.
        """
        return None

    @abstractmethod
    def library(self) -> Iterator[LibraryPage]:
        """Yield every film and episode with the person's state, in pages.

        A listing that fails half-way raises, so that a part is never taken for the whole.
        """

    def changes(self, since: datetime) -> Iterator[LibraryPage] | None:
        """Yield the items whose state may have changed since then (UTC).

        None if this server cannot tell and has to be read whole.
        """
        return None

    def state(self, target: Target) -> RemoteState:
        """Return what the server shows now. Raises `NotOnServer`."""
        raise NotImplementedError

    def find(self, target: Target) -> str:
        """Return the remote id of a title at an account service. Raises `NotOnServer`."""
        raise NotOnServer

    @abstractmethod
    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        """Bring `wanted` about and return the state the server then shows. Safe to repeat."""

    def push_many(
        self, pushes: Sequence[tuple[Target, Wanted]]
    ) -> Sequence[RemoteState | BackendError]:
        """Push at most `traits.batch_size` changes at once.

        Returns for each its state, or the error for which it was not taken.
        """
        raise NotImplementedError

    @abstractmethod
    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        """Return the exact calls that `push` would make, one line each, without making them."""

    def users(self) -> Sequence[RemoteUser]:
        """Return the people of the server, as far as this sign-in may see them."""
        return ()

    def libraries(self) -> Sequence[RemoteLibrary]:
        """Return the libraries of films and shows that a pull can be limited to."""
        return ()

    def playing(self) -> Sequence[Playing]:
        """Return what anybody whom this sign-in may see is playing, under the ids of listings.

        This takes one request; a Kodi that plays takes a second one for what it plays, and a Plex
        that tells only its owner takes one to check the sign-in.
        """
        return ()

    def listen(self) -> Generator[Event | None]:
        """Yield the person's events as soon as the server has them, until the generator is closed.

        Yields None once there is a connection, and then at least every few seconds: nothing new.
        Raises if the connection cannot be made or breaks. Only if `traits.listens`.
        """
        raise NotImplementedError

    @abstractmethod
    def artwork(self, url: str) -> Artwork:
        """Fetch the picture of a `RemoteItem.artwork_url`."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        """Return the address of the title in the server's own player, "" if it has none.

        Asks the server nothing.
        """
        return ""

    @classmethod
    def begin_link(cls, connection: Connection, *, transport: Transport | None = None) -> LinkCode:
        """Ask the server for a code that the person confirms there. Only with `traits.linking`."""
        raise NotImplementedError

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: Transport | None = None,
    ) -> Linked | None:
        """Return the sign-in once the person has confirmed the code, None before.

        Raises `LinkEnded` if the code was refused or is too old.
        """
        raise NotImplementedError
