"""What sets the kinds of server apart, for those who need not know them otherwise."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Field:
    """Something a person types to sign in. `name` is its key in the credentials."""

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    required: bool = False


USERNAME = Field("username", "User name", "Leave empty where none is asked for.")
PASSWORD = Field("password", "Password", secret=True)


@dataclass(frozen=True, slots=True)
class Traits:
    """A kind of server."""

    #: As in URLs, commands and the database.
    kind: str
    #: As people call it.
    product: str
    #: One or two sentences for someone who chooses what to add.
    summary: str
    #: How an address of it looks.
    address_hint: str
    fields: tuple[Field, ...] = (USERNAME, PASSWORD)
    #: A page that a person has to open first; "" for none.
    summary_link: str = ""
    address: Literal["url", "folder", "fixed"] = "url"
    #: The address where there is but one.
    fixed_address: str = ""
    #: What the server calls signing in by a code, such as "Quick Connect"; "" where it cannot.
    linking: str = ""
    #: A pull can be kept to some of its libraries.
    has_libraries: bool = False
    #: False: there is nobody to tell, and nothing is queued for it.
    takes_pushes: bool = True
    #: It tells its news by itself on a connection that stays open: see `Backend.listen`.
    listens: bool = False
    #: That connection is there only for who is signed in.
    signs_in_to_listen: bool = True
    #: How many pushes at a time the server bears.
    concurrency: int = 1
    #: How many pushes `push_many` takes at once.
    batch_size: int = 1
    #: How many titles it shows in one request before each is written to: see `reading.ReadsFirst`.
    reads_at_once: int = 1
    #: An account service: it takes any title it can `find`, whether it was listed or not.
    accepts_unlisted: bool = False
    #: Every play is stored there: marking twice means watched twice.
    counts_plays: bool = False
    #: False: a push of a mark is dated by the server, with the time it arrives.
    accepts_watched_at: bool = True
    #: Several files of one title are listed once, and played under an id of their own.
    has_versions: bool = False
    #: It knows who speaks to it. False: what it keeps is one person's.
    keeps_people: bool = False
    #: It dates a play by its beginning, and counts what was only begun.
    dates_plays_by_start: bool = False
    #: It keeps no position before or after these shares of the length, in per cent: none, and the
    #: last one.
    least_percent: float = 0.0
    most_percent: float = 100.0

    def kept_position(self, position_ms: int, length_ms: int) -> int:
        """Return what it shows where it was told this position."""
        if 100 * position_ms < self.least_percent * length_ms:
            return 0
        return min(position_ms, round(self.most_percent * length_ms / 100))
