"""The differences between kinds of server, for callers that need not know the kinds."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A field of the sign-in form. `name` is its key in the credentials."""

    name: str
    label: str
    hint: str = ""
    secret: bool = False
    required: bool = False


USERNAME = Field(name="username", label="User name", hint="Leave empty where none is asked for.")
PASSWORD = Field(name="password", label="Password", secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """A kind of server."""

    #: Its name in URLs, commands and the database.
    kind: str
    #: Its name for people.
    product: str
    #: One or two sentences for a person who chooses what to add.
    summary: str
    #: An example of an address.
    address_hint: str
    fields: tuple[Field, ...] = (USERNAME, PASSWORD)
    #: The page that a person has to open first; "" for none.
    summary_link: str = ""
    address: Literal["url", "folder", "fixed"] = "url"
    #: The only address there is, if `address` is "fixed".
    fixed_address: str = ""
    #: The server's name for signing in by a code, such as "Quick Connect"; "" if it cannot.
    linking: str = ""
    #: A pull can be limited to some of its libraries.
    has_libraries: bool = False
    #: False if it cannot be told anything, so that nothing is queued for it.
    takes_pushes: bool = True
    #: It sends its events on a connection that stays open: see `Backend.listen`.
    listens: bool = False
    #: That connection needs a sign-in.
    signs_in_to_listen: bool = True
    #: How many pushes the server takes at the same time.
    concurrency: int = 1
    #: How many pushes one `push_many` takes.
    batch_size: int = 1
    #: How many titles one request reads before each is written to: see `reading.ReadsFirst`.
    reads_at_once: int = 1
    #: It is an account service that takes any title it can `find`, whether it was listed or not.
    accepts_unlisted: bool = False
    #: It stores every play, so that marking twice means watched twice.
    counts_plays: bool = False
    #: False if the server dates a mark by the time at which it arrives.
    accepts_watched_at: bool = True
    #: It lists several files of one title once, and plays each under an id of its own.
    has_versions: bool = False
    #: It knows several people. False if its whole state is one person's.
    keeps_people: bool = False
    #: It dates a play by its start, and counts one that was only begun.
    dates_plays_by_start: bool = False
    #: The part of the length, in per cent, in which it keeps positions. An earlier one becomes 0, a
    #: later one the last in this part.
    least_percent: float = 0.0
    most_percent: float = 100.0

    def kept_position(self, position_ms: int, length_ms: int) -> int:
        """Return the position that the server shows after it was told this one."""
        if 100 * position_ms < self.least_percent * length_ms:
            return 0
        return min(position_ms, round(self.most_percent * length_ms / 100))
