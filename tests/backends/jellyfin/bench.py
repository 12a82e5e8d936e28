"""The stand-in Jellyfin of the contract suite."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from mydia_web.backends.jellyfin import Jellyfin
from tests.backends.mediabrowser.bench import HOST, MediaBrowserBench, without_uuids
from tests.backends.openapi import Description, description
from tests.fakes.jellyfin import FakeJellyfin

_LISTS = (
    "ids",
    "fields",
    "includeItemTypes",
    "excludeLocationTypes",
    "enableImageTypes",
    "sortBy",
    "mediaTypes",
)
_MARKS_BEFORE_10_9 = re.compile(r"^/Users/(\w+)/PlayedItems/(\w+)")


class JellyfinBench(MediaBrowserBench):
    backend = Jellyfin

    def __init__(self, version: str = "12.0.0") -> None:
        super().__init__(FakeJellyfin(version=version))

    def description(self) -> Description | None:
        file = "jellyfin-12.0.0" if self.fake.major >= 12 else "jellyfin-10.11.11"
        return description(f"{file}.openapi.json", HOST, without_uuids)

    def described_path(self, target: str) -> str:
        """Return the address that the description has for what Jellyfin takes under `target`.

        It takes lists with commas too, as its description says in words, but not in its schema; and
        it serves the route for marks that it had before 10.9 without describing it.
        """
        parts = urlsplit(_MARKS_BEFORE_10_9.sub(r"/UserPlayedItems/\2", target))
        query = [
            (name, one)
            for name, value in parse_qsl(parts.query, keep_blank_values=True)
            for one in (value.split(",") if name in _LISTS else [value])
        ]
        return f"{parts.path}?{urlencode(query)}" if query else parts.path
