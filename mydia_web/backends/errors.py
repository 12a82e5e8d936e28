"""Why a server refused or failed, by what helps: waiting, a person, or nothing."""

from typing import ClassVar, Literal

from mydia_web.errors import MydiaError

FailureClass = Literal[
    "transient", "unconfirmed", "overtaken", "rate_limited", "auth", "unmatched", "invalid", "bug"
]


#: The length of a message. A server may put 10 MB into the reason it gives.
MAX_WORDS = 1000


class BackendError(MydiaError):
    """The server did not take the request."""

    status = 502
    failure_class: ClassVar[FailureClass] = "transient"
    #: Whether any other request to this server would fail the same just now.
    source_wide: ClassVar[bool] = False
    #: Whether something may have been written there all the same.
    may_have_arrived = True

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message and _storable(message[:MAX_WORDS]))


class Unreachable(BackendError):
    """The server cannot be reached. Is it switched on, and is the address right?"""

    source_wide = True


class ServerTrouble(BackendError):
    """The server answered that it has trouble of its own. Trying again later may help."""


class NotShown(ServerTrouble):
    """The server took the change, but then did not show it."""

    failure_class = "unconfirmed"


class RateLimited(BackendError):
    """The server asks us to wait."""

    failure_class = "rate_limited"
    source_wide = True

    def __init__(self, message: str | None = None, *, retry_after: float = 60) -> None:
        super().__init__(message)
        #: Seconds from now.
        self.retry_after = retry_after


class SignInRefused(BackendError):
    """The server refused the user name or password."""

    failure_class = "auth"


class NotOnServer(BackendError):
    """This title is not on the server."""

    failure_class = "unmatched"


class Rejected(BackendError):
    """The server refused this change for good."""

    failure_class = "invalid"


class LinkEnded(BackendError):
    """The code was refused or is too old. Ask for a new one."""

    failure_class = "auth"


class BadPayload(MydiaError):
    """This is not what the server sends. Compare its settings with the steps on the source's
    page.
    """

    status = 400


def _storable(words: str) -> str:
    """Remove what JSON can carry and a database cannot."""
    return words.encode(errors="replace").decode().replace("\0", "")
