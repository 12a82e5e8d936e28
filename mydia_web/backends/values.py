"""The values that backends and the rest of the application exchange: items, states, changes and
events.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

ContentKind = Literal["movie", "episode"]
ChangeKind = Literal["progress_update", "mark_watched", "mark_unwatched"]
Credentials = Mapping[str, str]
#: Given a way to renew credentials at the server, has it done once for all workers, keeps and
#: returns the new ones.
Renew = Callable[[Callable[[Credentials], Credentials]], Credentials]


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a server is and how one person signs in there. `base_url` is a folder's path for kind
    `folder`.
    """

    base_url: str
    credentials: Credentials = field(default_factory=dict, repr=False)
    #: The person's id there, or the name that was typed for it; "": whoever the credentials belong
    #: to.
    remote_user_id: str = ""
    #: What this installation calls itself to the server, the same for as long as the account
    #: exists.
    device_id: str = "mydia-web"
    #: What the server was last heard to call itself; for links into it.
    server_id: str = ""
    #: The libraries to read; empty: all of them.
    library_ids: frozenset[str] = frozenset()
    #: True: as the system trusts; the path of a CA file; False: a person has switched it off for
    #: this source.
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
class Artwork:
    """A picture as the server sent it."""

    content: bytes
    content_type: str


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
    #: The numbers of what else is in the file, of the same season. Its state is that of the whole
    #: file.
    further_episodes: tuple[int, ...] = ()
    air_date: date | None = None
    #: The file on the server, where it tells. A remote id that moves to another file is another
    #: item.
    path: str = ""
    #: The remote ids of the further files of this title, as far as they are known: see
    #: `resumed_version`.
    versions: tuple[str, ...] = ()
    #: The one of `versions` whose position `state` tells; "": it is that of the item itself.
    resumed_version: str = ""
    #: What `Backend.artwork` takes; "" where there is none.
    artwork_url: str = ""
    #: How far the person is, in per cent, where the server tells no length to make a position of
    #: it.
    position_percent: float | None = None
    #: None where the server keeps no watch state.
    state: RemoteState | None = None
    #: Why nobody could read what it is; it is listed so, and a person can say it. "" for all that
    #: is told.
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
    """The remote item a push goes to, with what else is known of its content, and what it last
    showed.
    """

    #: "" for an account service that does not know the title by an id yet: see `Backend.find`.
    remote_id: str
    kind: ContentKind
    path: str = ""
    #: The `RemoteItem.resumed_version` it last showed: a position goes back there, a mark to the
    #: item itself.
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
    #: Only the play of that time is owed, to a server that counts plays: the state has changed
    #: again since.
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


#: `test`: somebody tries the connection. `other`: nothing of ours.
#: `playing` and `paused`: it plays now, and is at this position. `stopped`: it has stopped, with
#: this. `played`: it was finished, at `at`.
#: `marked`: a person or a program has set this, whether the title plays or not. `saved`: the server
#: keeps this of it, for whatever reason; while the title plays that is not its last word. `state`:
#: how far the person is, from whoever says no more than that.
Action = Literal[
    "test", "other", "playing", "paused", "stopped", "played", "marked", "saved", "state"
]


@dataclass(frozen=True, slots=True)
class Event:
    """News about one item for one person, or of no item at all."""

    action: Action
    #: The server's own word for it, such as `PlaybackStop`; for people.
    name: str
    #: The server that speaks, where it tells; "" else.
    server_id: str = ""
    #: Whose news it is: id and name there, as far as it tells.
    remote_user_id: str = ""
    remote_user_name: str = ""
    #: What it is about, with all that tells what it is. Its `state` holds what the event says of
    #: watched, position, plays and date; None where it says nothing of them.
    item: RemoteItem | None = None
    #: The registers of `item.state` that the event speaks of; the others are as they were.
    tells_watched: bool = False
    tells_position: bool = False
    #: When it happened by the server's clock, in UTC; None where it does not tell.
    at: datetime | None = None
    #: Such as "Living room TV".
    device: str = ""
    #: By our clock, no later than what it tells was read there; None: when it came in.
    heard_at: datetime | None = None
    #: Whether the title plays, where the event says so. False, with `saved`: the play has just
    #: ended with this.
    is_playing: bool | None = None
