"""The values that backends exchange with the rest of the application."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

ContentKind = Literal["movie", "episode"]
ChangeKind = Literal["progress_update", "mark_watched", "mark_unwatched"]
Credentials = Mapping[str, str]
#: Takes a function that renews credentials at the server, calls it once for all workers, and keeps
#: and returns the new ones.
Renew = Callable[[Callable[[Credentials], Credentials]], Credentials]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The address of a server and the sign-in of one person there."""

    #: For kind `folder` the path of a folder.
    base_url: str = field(kw_only=False)
    credentials: Credentials = field(default_factory=dict, repr=False)
    #: The person's id there, or the name that was typed for it; "": the owner of the credentials.
    remote_user_id: str = ""
    #: The name of this installation at the server, the same for as long as the account exists.
    device_id: str = "mydia-web"
    #: The id that the server last gave itself; for links into it.
    server_id: str = ""
    #: The libraries to read; empty: all of them.
    library_ids: frozenset[str] = frozenset()
    #: True trusts what the system trusts; a path names a CA file; False switches the check off.
    verify_tls: bool | str = True
    #: None if nobody keeps renewed credentials.
    renew: Renew | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInfo:
    """A server's own description, for a test of the connection."""

    product: str
    name: str
    version: str
    #: The server's own id, the same wherever it moves; "" if it has none.
    server_id: str = ""


@dataclass(frozen=True, slots=True)
class RemoteUser:
    remote_id: str
    name: str


@dataclass(frozen=True, slots=True)
class RemoteLibrary:
    remote_id: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCode:
    """A code that a person confirms at the server."""

    code: str
    #: The page for confirming it.
    url: str
    #: For asking whether it was confirmed; never shown.
    secret: Mapping[str, str] = field(repr=False)
    #: Seconds between two questions.
    interval: float
    #: Seconds until the code is too old.
    expires_in: float


@dataclass(frozen=True, slots=True)
class Linked:
    """What to keep of a sign-in that worked."""

    credentials: Credentials = field(repr=False)
    remote_user_id: str = ""
    #: For display; "" if the server does not tell.
    remote_user_name: str = ""


@dataclass(frozen=True, slots=True)
class Artwork:
    """A picture as the server sent it."""

    content: bytes
    content_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteState:
    """The watch state of one person on one remote item, as the server shows it."""

    watched: bool
    position_ms: int = 0
    play_count: int = 0
    #: UTC and aware; None if the server does not know.
    last_played_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteShow:
    """The show a remote episode belongs to."""

    title: str
    year: int | None = None
    external_ids: Mapping[str, str] = field(default_factory=dict)
    artwork_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
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
    #: The numbers of the other episodes in the file, of the same season. The state is that of the
    #: whole file.
    further_episodes: tuple[int, ...] = ()
    air_date: date | None = None
    #: The file on the server, if it tells. A remote id that moves to another file is another item.
    path: str = ""
    #: The remote ids of further files of this title, as far as they are known.
    versions: tuple[str, ...] = ()
    #: The one of `versions` whose position stands in `state`; "" for that of the item itself.
    resumed_version: str = ""
    #: For `Backend.artwork`; "" if there is none.
    artwork_url: str = ""
    #: The progress in per cent, if the server tells no length to compute a position from.
    position_percent: float | None = None
    #: None if the server keeps no watch state.
    state: RemoteState | None = None
    #: Why it could not be recognised, for a person who can identify it; "" for all other items.
    not_recognised: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LibraryPage:
    """A part of a library listing."""

    items: Sequence[RemoteItem]
    #: How many items have been listed so far, and how many there are; None until the server told.
    done: int
    total: int | None
    #: Messages about entries that could not be read; the rest of the page is good.
    problems: Sequence[str] = ()
    #: On the last page of changes, how many titles there are in all; None if that is not known.
    library_size: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The remote item of a push, with what else is known of its content, and its last state."""

    #: "" for a title of an account service that has not been found yet: see `Backend.find`.
    remote_id: str
    kind: ContentKind
    path: str = ""
    #: Its last `RemoteItem.resumed_version`: a position goes back there, a mark to the item itself.
    version_id: str = ""
    #: Those of the film or the episode.
    external_ids: Mapping[str, str] = field(default_factory=dict)
    show_external_ids: Mapping[str, str] = field(default_factory=dict)
    season_number: int | None = None
    episode_number: int | None = None
    shown: RemoteState | None = None
    #: The dates of our own pushes since then that may have arrived there.
    unconfirmed: Sequence[datetime] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The state a push brings about."""

    change_type: ChangeKind
    #: When the person did it, in UTC.
    at: datetime
    watched: bool | None = None
    position_ms: int | None = None
    duration_ms: int | None = None
    #: When the title was finished, in UTC: the epoch (1970) if nobody knows, None if it was not.
    watched_at: datetime | None = None
    #: The state has changed again since, and a server that counts plays is owed just this play.
    is_past_play: bool = False

    @property
    def mark(self) -> bool | None:
        """Whether the title is to be watched; None leaves its mark alone."""
        if self.change_type == "progress_update":
            return self.watched
        return self.change_type == "mark_watched"

    @property
    def position(self) -> int | None:
        """The position to set in milliseconds, 0 for none; None leaves it alone."""
        if self.is_past_play:
            return None
        if self.change_type == "progress_update":
            return self.position_ms
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """A title that plays on a server just now."""

    remote_id: str
    title: str
    #: The server's id of the person; "" if it keeps no people.
    remote_user_id: str = ""
    position_ms: int = 0
    duration_ms: int | None = None
    paused: bool = False
    #: Such as "Living room TV"; "" if the server does not tell.
    device: str = ""


#: - `test`: somebody tries the connection.
#: - `other`: nothing that concerns us.
#: - `playing`, `paused`: the title plays now, at this position.
#: - `stopped`: it has stopped at this position.
#: - `played`: it was finished, at `at`.
#: - `marked`: a person or a program has set this state, whether the title plays or not.
#: - `saved`: the server keeps this state, for whatever reason; not its last word while it plays.
#: - `state`: the person's progress, from a sender that tells no more than that.
Action = Literal[
    "test", "other", "playing", "paused", "stopped", "played", "marked", "saved", "state"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """News from a server about one item for one person, or about no item at all."""

    action: Action
    #: The server's own word for it, such as `PlaybackStop`; for display.
    name: str
    #: The server that sent it; "" if it does not tell.
    server_id: str = ""
    #: The person's id and name there, as far as the server tells.
    remote_user_id: str = ""
    remote_user_name: str = ""
    #: The title with everything that identifies it. Its `state` holds what the event says of
    #: watched, position, plays and date; None if it says nothing of them.
    item: RemoteItem | None = None
    #: Which parts of `item.state` the event tells; the others are as they were.
    tells_watched: bool = False
    tells_position: bool = False
    #: When it happened by the server's clock, in UTC; None if it does not tell.
    at: datetime | None = None
    #: Such as "Living room TV".
    device: str = ""
    #: By our clock, the latest time at which the server read what it tells; None: when it came in.
    heard_at: datetime | None = None
    #: Whether the title plays; None if the event does not tell. False with `saved`: the play has
    #: just ended with this state.
    is_playing: bool | None = None
