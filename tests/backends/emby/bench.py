"""The stand-in Emby of the contract suite."""

from typing import Any

from mydia_web.backends.emby import Emby
from tests.backends.mediabrowser.bench import HOST, MediaBrowserBench, without_uuids
from tests.backends.openapi import Description, description
from tests.fakes.emby import FakeEmby


class EmbyBench(MediaBrowserBench):
    backend = Emby

    def __init__(self, version: str = "4.9.1.90") -> None:
        super().__init__(FakeEmby(version=version))

    def description(self) -> Description | None:
        file = "emby-4.9.1.90" if self.fake.version.startswith("4.9") else "emby-4.8.11.0"
        return description(f"{file}.openapi.json", HOST, _mend)

    def described_path(self, target: str) -> str:
        return target.removeprefix("/emby")


def _mend(document: dict[str, Any]) -> None:
    """A token may also come as a header, as the description says in words only; and it stands
    before open routes.
    """
    without_uuids(document)
    document["components"]["securitySchemes"] = {
        "apikeyauth": {"type": "apiKey", "name": "X-Emby-Token", "in": "header"}
    }
    for routes in document["paths"].values():
        for operation in routes.values():
            if isinstance(operation, dict) and "security" in operation:
                operation["security"] = [{"apikeyauth": []}]
