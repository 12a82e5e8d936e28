"""One piece of news from a server."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from mydia_web.backends.base import RemoteItem
from mydia_web.errors import MydiaError

#: `test`: somebody tries the connection. `other`: nothing of ours. `state`: how far the person is. `played`: the item
#: was finished, at `at`. The last three are a session: it plays, it is paused, it has ended.
Action = Literal["test", "other", "state", "played", "playing", "paused", "stopped"]


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
