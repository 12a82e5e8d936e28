"""One piece of news from a server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mydia_web.backends.base import RemoteItem
from mydia_web.errors import MydiaError

#: `test`: somebody tries the connection. `other`: nothing of ours.
#: `playing` and `paused`: it plays now, and is at this position. `stopped`: it has stopped, with this.
#: `played`: it was finished, at `at`.
#: `marked`: a person or a program has set this, whether the title plays or not.
#: `saved`: the server keeps this of it, for whatever reason; while the title plays that is not its last word.
#: `state`: how far the person is, from whoever says no more than that.
Action = Literal["test", "other", "playing", "paused", "stopped", "played", "marked", "saved", "state"]


class BadPayload(MydiaError):
    """This is not what the server sends. Compare its settings with the steps on the source's page."""

    status = 400


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
    #: What it is about, with all that tells what it is. Its `state` holds what the event says of watched, position,
    #: plays and date; None where it says nothing of them.
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
    #: Whether the title plays, where the event says so. False, with `saved`: the play has just ended with this.
    is_playing: bool | None = None
