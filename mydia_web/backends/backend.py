"""What every kind of server must be able to do: the `Backend` protocol."""

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
    """A client of one server for one person, made from a `Connection`. Every method may raise
    `BackendError`.

    What is not abstract has an answer that suits a server without the ability; `traits` tells which
    it has.
    """

    traits: ClassVar[Traits]

    @abstractmethod
    def __init__(self, connection: Connection, *, transport: Transport | None = None) -> None:
        """Nothing is asked of the server yet. Raises `InvalidValue` for an address that cannot be
        one.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def clock_skew(self) -> timedelta | None:
        """The server's clock minus ours, by its answers so far. None: it did not tell."""
        return None

    @abstractmethod
    def check(self) -> ServerInfo:
        """Reach the server and sign in, changing nothing."""

    def reach(self) -> None:
        """Make sure that a server of this kind is there, as far as that can be told without a
        sign-in.
        """
        return

    def sign_in(self) -> Linked | None:
        """What to keep instead of the credentials that were typed, such as a token. None: what was
        typed.
        """
        return None

    @abstractmethod
    def library(self) -> Iterator[LibraryPage]:
        """Every film and episode with the person's state, in pages.

        A listing that fails half-way raises: a partial library is never an empty one.
        """

    def changes(self, since: datetime) -> Iterator[LibraryPage] | None:
        """The items whose state may have changed since then (UTC). None: this server cannot tell,
        read it whole.
        """
        return None

    def state(self, target: Target) -> RemoteState:
        """What the server shows now. Raises `NotOnServer`."""
        raise NotImplementedError

    def find(self, target: Target) -> str:
        """The remote id by which an account service knows a title. Raises `NotOnServer`."""
        raise NotOnServer

    @abstractmethod
    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        """Bring `wanted` about and return the state the server then shows. Safe to repeat."""

    def push_many(
        self, pushes: Sequence[tuple[Target, Wanted]]
    ) -> Sequence[RemoteState | BackendError]:
        """As `push`, for at most `traits.batch_size` at once: for each its state, or why it was not
        taken.
        """
        raise NotImplementedError

    @abstractmethod
    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        """The exact calls `push` would make, one line each, without making them."""

    def users(self) -> Sequence[RemoteUser]:
        """The people of the server, as far as this sign-in may see them."""
        return ()

    def libraries(self) -> Sequence[RemoteLibrary]:
        """The libraries of films and shows a pull can be kept to."""
        return ()

    def playing(self) -> Sequence[Playing]:
        """What is being played there now, by anybody whom this sign-in may see, each under the id
        it is listed by.

        One question; a Kodi that plays takes a second one for what it is, and a Plex that tells its
        owner only takes one for whether the sign-in is good. Raises `BackendError` as every method
        does: who asks beside something else takes that for not knowing.
        """
        return ()

    def listen(self) -> Generator[Event | None]:
        """The person's news as soon as the server has it, until the caller has heard enough and
        closes the generator.

        None comes first, once there is a connection, and then at least every few seconds: there is
        nothing new. Raises when the connection cannot be made or breaks. Only where
        `traits.listens`.
        """
        raise NotImplementedError

    @abstractmethod
    def artwork(self, url: str) -> Artwork:
        """Fetch a picture that a `RemoteItem` named."""

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        """Where a browser opens the title in the server's own player; "" where it has none. Asks
        nothing.
        """
        return ""

    @classmethod
    def begin_link(cls, connection: Connection, *, transport: Transport | None = None) -> LinkCode:
        """Ask the server for a code that the person confirms there. Only where `traits.linking`
        names the way.
        """
        raise NotImplementedError

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: Transport | None = None,
    ) -> Linked | None:
        """Has the person confirmed? None: not yet. Raises `LinkEnded` when the code was refused or
        is too old.
        """
        raise NotImplementedError
