"""What every backend offers: the protocol of a kind of server, free of database and web."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal, Protocol

ContentKind = Literal["movie", "episode"]
ChangeKind = Literal["progress_update", "mark_watched", "mark_unwatched"]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a server is and how one person signs in there. `base_url` is a folder's path for kind `folder`."""

    base_url: str
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    remote_user_id: str = ""


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says of itself when the connection is tested."""

    product: str
    name: str
    version: str


@dataclass(frozen=True, slots=True)
class RemoteState:
    """The watch state of one person on one remote item, as the server shows it."""

    watched: bool
    position_ms: int = 0
    play_count: int = 0
    #: UTC and aware; None where the server does not know.
    last_played_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteShow:
    """The show a remote episode belongs to."""

    title: str
    year: int | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    artwork_url: str = ""


@dataclass(frozen=True, slots=True)
class RemoteItem:
    """One film or episode on a server: one copy of one content."""

    #: The server's own id, opaque to everyone but the backend.
    remote_id: str
    kind: ContentKind
    title: str
    #: Provider (`imdb`, `tmdb`, `tvdb`, …) → value.
    external_ids: Mapping[str, str] = field(default_factory=dict)
    year: int | None = None
    runtime_seconds: int | None = None
    show: RemoteShow | None = None
    #: 0 is a real season (specials) and a real episode.
    season_number: int | None = None
    episode_number: int | None = None
    air_date: date | None = None
    #: The file on the server, where it tells. A remote id that moves to another file is another item.
    path: str = ""
    #: What `Backend.artwork` takes; "" where there is none.
    artwork_url: str = ""
    #: None where the server keeps no watch state.
    state: RemoteState | None = None


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """A part of a library listing. `total` is None until the server has told it."""

    items: Sequence[RemoteItem]
    done: int
    total: int | None
    #: Words about entries that could not be read; the rest of the page is good.
    problems: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """The remote item a push goes to."""

    remote_id: str
    kind: ContentKind
    path: str = ""
    external_ids: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The state a push brings about. `at` is when the person did it, in UTC."""

    change_type: ChangeKind
    at: datetime
    watched: bool | None = None
    position_ms: int | None = None
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Artwork:
    """A picture as the server sent it."""

    content: bytes
    content_type: str


class Backend(Protocol):
    """A client of one server for one person. Every method may raise `BackendError`."""

    kind: ClassVar[str]
    #: False for a backend with nobody to tell: nothing is queued for it.
    takes_pushes: ClassVar[bool]
    #: How many pushes at a time the server bears.
    concurrency: ClassVar[int]

    def check(self) -> ServerInfo:
        """Reach the server and sign in, changing nothing."""
        ...

    def library(self) -> Iterator[LibraryPage]:
        """Every film and episode with the person's state, in pages.

        A listing that fails half-way raises: a partial library is never an empty one.
        """
        ...

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        """Bring `wanted` about and return the state the server then shows. Safe to repeat."""
        ...

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        """The exact calls `push` would make, one line each, without making them."""
        ...

    def artwork(self, url: str) -> Artwork:
        """Fetch a picture that a `RemoteItem` named."""
        ...

    def close(self) -> None:
        """Give the connections back."""
        ...
