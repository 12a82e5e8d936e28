"""Where a server is, and what it said."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from mydia_web.backends.errors import ServerTrouble


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server is, without the sign-in that a pasted address may carry."""

    url: str
    #: For messages: scheme, host and port, nothing more.
    place: str
    host: str = ""
    auth: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> "Address":
        text = text.strip().rstrip("/")
        try:
            parts = urlsplit(text if "://" in text else f"http://{text}")
            host = parts.hostname or ""
            named = f"[{host}]" if ":" in host else host
            netloc = named if parts.port is None else f"{named}:{parts.port}"
        except ValueError:
            # Not shown: where an address cannot be read, nobody knows which part is the password.
            return cls("", "What was entered")
        auth = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
        path = parts.path.rstrip("/")
        return cls(
            urlunsplit((parts.scheme, netloc, path, "", "")),
            f"{parts.scheme}://{netloc}",
            host,
            auth,
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said, read whole."""

    place: str
    status: int
    content_type: str
    content: bytes
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_web_page(self) -> bool:
        return self.content_type == "text/html" or self.content[:200].lstrip()[:1] == b"<"

    def json(self) -> Any:
        if self.is_web_page:
            raise ServerTrouble(
                f"{self.place} answered with a web page instead of data. Is this the address of the server "
                "itself, and not of a sign-in page in front of it?"
            )
        try:
            # "replace": one file name in Latin-1 must not make a whole library unreadable.
            return json.loads(self.content.decode("utf-8-sig", "replace"), parse_constant=_nothing)
        except (ValueError, RecursionError) as error:
            raise ServerTrouble(
                f"The answer of {self.place} is cut short or damaged. Trying again later may help."
            ) from error


def _nothing(_: str) -> None:
    """For NaN and Infinity, which are not JSON: one strange number spoils nothing else."""


@dataclass(frozen=True, slots=True)
class Artwork:
    """A picture as the server sent it."""

    content: bytes
    content_type: str
