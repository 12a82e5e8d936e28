"""The backend itself: a folder of films and shows is listed, and nothing is ever sent to it."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

import httpx2

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import Rejected, Unreachable
from mydia_web.backends.folder import files
from mydia_web.backends.folder.items import Catalog
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

#: Files per page.
PAGE = 200


class Folder(Backend):
    """A folder on a disk. `done` and `total` of its pages count files."""

    traits: ClassVar[Traits] = Traits(
        kind="folder",
        product="Folder",
        summary="Films and shows in a folder on this machine. "
        "A folder keeps no watch state: mydia does.",
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
        path = files.find_root(self._base_url).path
        return ServerInfo(product="Folder", name=path.name or str(path), version="")

    def library(self) -> Iterator[LibraryPage]:
        root = files.find_root(self._base_url)
        if root.is_empty():
            raise Unreachable(f"{root.path} is empty. Mount its disk, or put a film into it.")
        catalog = Catalog(root, files.list_videos(root))
        videos = catalog.listing.videos()
        # An empty library is one empty page.
        for start in range(0, len(videos) or 1, PAGE):
            batch = videos[start : start + PAGE]
            items = catalog.items(batch)
            root.require_still_there()
            yield LibraryPage(
                items=items,
                done=start + len(batch),
                total=len(videos),
                problems=catalog.take_problems(),
            )

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        raise Rejected("A folder keeps no watch state: nothing can be sent to it.")

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        return ("Nothing is sent: a folder keeps no watch state.",)

    def artwork(self, url: str) -> Artwork:
        return files.read_picture(files.find_root(self._base_url), url)

    def close(self) -> None:
        """There is no connection to give back."""
