"""What every backend offers: the words it shares with the rest, and the client each kind of server has."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Literal

from httpx2 import BaseTransport as Transport

from mydia_web.backends.answers import Artwork
from mydia_web.backends.errors import BackendError, NotOnServer
from mydia_web.backends.traits import Traits

if TYPE_CHECKING:
    from mydia_web.backends.events.base import Event

ContentKind = Literal["movie", "episode"]
ChangeKind = Literal["progress_update", "mark_watched", "mark_unwatched"]
Credentials = Mapping[str, str]
#: Given a way to renew credentials at the server, has it done once for all workers, keeps and returns the new ones.
Renew = Callable[[Callable[[Credentials], Credentials]], Credentials]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a server is and how one person signs in there. `base_url` is a folder's path for kind `folder`."""

    base_url: str
    credentials: Credentials = field(default_factory=dict, repr=False)
    #: The person's id there, or the name that was typed for it; "": whoever the credentials belong to.
    remote_user_id: str = ""
    #: What this installation calls itself to the server, the same for as long as the account exists.
    device_id: str = "mydia-web"
    #: What the server was last heard to call itself; for links into it.
    server_id: str = ""
    #: The libraries to read; empty: all of them.
    library_ids: frozenset[str] = frozenset()
    #: True: as the system trusts; the path of a CA file; False: a person has switched it off for this source.
    verify_tls: bool | str = True
    #: None: what was renewed is kept by nobody.
    renew: Renew | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server says of itself when the connection is tested."""

    product: str
    name: str
    version: str
    #: The server's own name for itself, the same wherever it moves; "" where it has none.
    server_id: str = ""


@dataclass(frozen=True, slots=True)
class RemoteUser:
    remote_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoteLibrary:
    remote_id: str
    name: str


@dataclass(frozen=True, slots=True)
class LinkCode:
    """A code that a person confirms at the server, and what only we may know of it."""

    code: str
    #: Where it is confirmed.
    url: str
    secret: Mapping[str, str] = field(repr=False)
    #: How often to ask, and for how long, in seconds.
    interval: float
    expires_in: float


@dataclass(frozen=True, slots=True)
class Linked:
    """A sign-in that worked: what to keep of it."""

    credentials: Credentials = field(repr=False)
    remote_user_id: str = ""
    #: For people; "" where the server does not tell.
    remote_user_name: str = ""


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
    #: The numbers of what else is in the file, of the same season. Its state is that of the whole file.
    further_episodes: tuple[int, ...] = ()
    air_date: date | None = None
    #: The file on the server, where it tells. A remote id that moves to another file is another item.
    path: str = ""
    #: The remote ids of the further files of this title, as far as they are known: see `resumed_version`.
    versions: tuple[str, ...] = ()
    #: The one of `versions` whose position `state` tells; "": it is that of the item itself.
    resumed_version: str = ""
    #: What `Backend.artwork` takes; "" where there is none.
    artwork_url: str = ""
    #: None where the server keeps no watch state.
    state: RemoteState | None = None
    #: Why nobody could read what it is; it is listed so, and a person can say it. "" for all that is told.
    not_recognised: str = ""


@dataclass(frozen=True, slots=True)
class LibraryPage:
    """A part of a library listing. `total` is None until the server has told it."""

    items: Sequence[RemoteItem]
    done: int
    total: int | None
    #: Words about entries that could not be read; the rest of the page is good.
    problems: Sequence[str] = ()
    #: On the last page of changes: how many titles there are in all. None: that is not told.
    library_size: int | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The remote item a push goes to, with what else is known of its content, and what it last showed."""

    #: "" for an account service that does not know the title by an id yet: see `Backend.find`.
    remote_id: str
    kind: ContentKind
    path: str = ""
    #: The `RemoteItem.resumed_version` it last showed: a position goes back there, a mark to the item itself.
    version_id: str = ""
    #: Of the film or the episode.
    external_ids: Mapping[str, str] = field(default_factory=dict)
    show_external_ids: Mapping[str, str] = field(default_factory=dict)
    season_number: int | None = None
    episode_number: int | None = None
    shown: RemoteState | None = None
    #: The dates of pushes of ours since then that may have arrived there.
    unconfirmed: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True)
class Wanted:
    """The state a push brings about. `at` is when the person did it, in UTC."""

    change_type: ChangeKind
    at: datetime
    watched: bool | None = None
    position_ms: int | None = None
    duration_ms: int | None = None
    #: When the title was finished, in UTC; the epoch (1970) where nobody knows. None: it was not.
    watched_at: datetime | None = None
    #: Only the play of that time is owed, to a server that counts plays: the state has changed again since.
    is_past_play: bool = False


@dataclass(frozen=True, slots=True)
class Playing:
    """What is being played on a server just now."""

    remote_id: str
    title: str
    #: The server's id of the person; "" where it keeps no people.
    remote_user_id: str = ""
    position_ms: int = 0
    duration_ms: int | None = None
    paused: bool = False
    #: Such as "Living room TV"; "" where the server does not tell.
    device: str = ""


class Backend(ABC):
    """A client of one server for one person, made from a `Connection`. Every method may raise `BackendError`.

    What is not abstract has an answer that suits a server without the ability; `traits` tells which it has.
    """

    traits: ClassVar[Traits]

    @abstractmethod
    def __init__(self, connection: Connection, *, transport: Transport | None = None) -> None:
        """Nothing is asked of the server yet. Raises `InvalidValue` for an address that cannot be one."""

    @property
    def clock_skew(self) -> timedelta | None:
        """The server's clock minus ours, by its answers so far. None: it did not tell."""
        return None

    @abstractmethod
    def check(self) -> ServerInfo:
        """Reach the server and sign in, changing nothing."""

    def sign_in(self) -> Linked | None:
        """What to keep instead of the credentials that were typed, such as a token. None: what was typed."""
        return None

    @abstractmethod
    def library(self) -> Iterator[LibraryPage]:
        """Every film and episode with the person's state, in pages.

        A listing that fails half-way raises: a partial library is never an empty one.
        """

    def changes(self, since: datetime) -> Iterator[LibraryPage] | None:
        """The items whose state may have changed since then (UTC). None: this server cannot tell, read it whole."""
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

    def push_many(self, pushes: Sequence[tuple[Target, Wanted]]) -> Sequence[RemoteState | BackendError]:
        """As `push`, for at most `traits.batch_size` at once: for each its state, or why it was not taken."""
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
        """What is being played there now, by anybody whom this sign-in may see, each under the id it is listed by.

        One question; a Kodi that plays takes a second one for what it is, and a Plex that tells its owner only takes
        one for whether the sign-in is good. Raises `BackendError` as every method does: who asks beside something else
        takes that for not knowing.
        """
        return ()

    def listen(self) -> Generator["Event | None"]:
        """The person's news as soon as the server has it, until the caller has heard enough and closes the generator.

        None comes first, once there is a connection, and then at least every few seconds: there is nothing new. Raises
        when the connection cannot be made or breaks. Only where `traits.listens`.
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
        """Where a browser opens the title in the server's own player; "" where it has none. Asks nothing."""
        return ""

    @classmethod
    def begin_link(cls, connection: Connection, *, transport: Transport | None = None) -> LinkCode:
        """Ask the server for a code that the person confirms there. Only where `traits.linking` names the way."""
        raise NotImplementedError

    @classmethod
    def poll_link(
        cls, connection: Connection, secret: Mapping[str, str], *, transport: Transport | None = None
    ) -> Linked | None:
        """Has the person confirmed? None: not yet. Raises `LinkEnded` when the code was refused or is too old."""
        raise NotImplementedError
