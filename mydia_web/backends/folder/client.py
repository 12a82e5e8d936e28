"""The backend itself: a folder of films and shows is listed, and nothing is ever sent to it."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import httpx2

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import Rejected, Unreachable
from mydia_web.backends.folder import art, ffprobe, place, walk
from mydia_web.backends.folder.items import Cataloguer
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import (
    Artwork,
    Connection,
    LibraryPage,
    RemoteState,
    ServerInfo,
    Target,
    Wanted,
)

PAGE = 200


class Folder(Backend):
    """A folder on a disk. `done` and `total` of its pages count files."""

    traits: ClassVar[Traits] = Traits(
        kind="folder",
        product="Folder",
        summary="Films and shows in a folder on this machine. A folder keeps no watch state: mydia does.",
        address_hint="The whole path on this machine, such as /srv/films.",
        address="folder",
        fields=(),
        takes_pushes=False,
    )

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._base_url = connection.base_url

    def check(self) -> ServerInfo:
        found = place.find(self._base_url)
        return ServerInfo("Folder", found.path.name or str(found.path), "")

    def library(self) -> Iterator[LibraryPage]:
        found = place.find(self._base_url)
        if walk.is_bare(found):
            raise Unreachable(f"{found.path} is empty. Mount its disk, or put a film into it.")
        holdings = walk.walk(found)
        cataloguer = Cataloguer(found, holdings, ffprobe.program(), holdings.problems)
        files = holdings.videos()
        for start in range(0, len(files) or 1, PAGE):
            batch = files[start : start + PAGE]
            items = cataloguer.items(batch)
            found.require_still_there()
            yield LibraryPage(items, start + len(batch), len(files), cataloguer.take_problems())

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        raise Rejected("A folder keeps no watch state: nothing can be sent to it.")

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        return ("Nothing is sent: a folder keeps no watch state.",)

    def artwork(self, url: str) -> Artwork:
        return art.read(place.find(self._base_url), url)

    def close(self) -> None:
        """There is no connection to give back."""
