"""News that was heard on an open connection, as the inbox keeps it."""

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.values import Event

#: What the inbox calls them; no webhook address takes this kind.
KIND = "notification"


@dataclass(frozen=True)
class Notification:
    """An event, and the account on whose connection it was heard: it is that one's, whoever else is
    named.
    """

    account_id: int
    event: Event


_CODEC = TypeAdapter(Notification)


def write(notification: Notification) -> str:
    return _CODEC.dump_json(notification).decode()


def read(body: str) -> Notification:
    """Raises `BadPayload`."""
    try:
        return _CODEC.validate_json(body)
    except ValidationError as error:
        raise BadPayload(
            "This was written by another version of mydia-web. The next pull brings it."
        ) from error
