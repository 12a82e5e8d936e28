"""The stand-in Jellyfin of the contract suite."""

from mydia_web.backends.jellyfin import Jellyfin
from tests.backends.mediabrowser.bench import HOST, MediaBrowserBench, without_uuids
from tests.backends.openapi import Description, description
from tests.fakes.jellyfin import FakeJellyfin


class JellyfinBench(MediaBrowserBench):
    backend = Jellyfin

    def __init__(self, version: str = "12.0.0") -> None:
        super().__init__(FakeJellyfin(version=version))

    def description(self) -> Description | None:
        file = "jellyfin-12.0.0" if self.fake.major >= 12 else "jellyfin-10.11.11"
        return description(f"{file}.openapi.json", HOST, without_uuids)
