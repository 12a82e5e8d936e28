"""That the checks against the published descriptions find what is wrong."""

import json
from typing import Any

import pytest

from tests.backends.emby.bench import EmbyBench
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import MediaBrowserBench, faults
from tests.backends.openapi import needed
from tests.fakes.mediabrowser import Reply, Request

_ID = "f" * 32
SIGNED_IN = {
    "Authorization": "MediaBrowser Token=x",
    "X-Emby-Token": "x",
    "X-Emby-Authorization": "Emby",
}


def found(bench: MediaBrowserBench, request: Request, reply: Reply) -> list[str]:
    description = bench.description()
    assert description is not None
    bench.close()
    return list(faults([(request, reply)], description, bench.described_path))


def post(path: str, body: dict[str, Any]) -> Request:
    return Request(
        "POST", path, {**SIGNED_IN, "Content-Type": "application/json"}, json.dumps(body).encode()
    )


DATA = Reply.json({"Key": "k", "Played": True})
WRITE = f"/UserItems/{_ID}/UserData?userId={_ID}"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (post(WRITE, {"Played": "yes"}), DATA),
        (post(WRITE, {"Watched": True}), DATA),
        (post(WRITE, {"Played": True}), Reply.json({"Key": "k", "PlayCount": "1"})),
        (Request("POST", WRITE, SIGNED_IN, b""), DATA),
        (
            Request("GET", f"/Items?fields=Path,Providers&userId={_ID}", SIGNED_IN),
            Reply.json({"Items": []}),
        ),
        (Request("GET", "/Items?limit=many", SIGNED_IN), Reply.json({"Items": []})),
        (Request("GET", "/Items", {}), Reply.json({"Items": []})),
        (Request("GET", f"/Users/{_ID}/Items", SIGNED_IN), Reply.json({"Items": []})),
    ],
)
@pytest.mark.parametrize("version", ["12.0.0", "10.11.11"])
def test_what_jellyfin_does_not_describe_is_found(
    request_: Request, reply: Reply, version: str
) -> None:
    needed(f"jellyfin-{version}.openapi.json")
    assert found(JellyfinBench(version), post(WRITE, {"Played": True}), DATA) == []
    assert found(JellyfinBench(version), request_, reply) != []


PLAYED = f"/emby/Users/{_ID}/Items/4916/UserData"


@pytest.mark.parametrize(
    ("request_", "reply"),
    [
        (post(PLAYED, {"Played": "yes"}), Reply()),
        (post(PLAYED, {"PlaybackPositionTicks": 1.5}), Reply()),
        (Request("GET", f"/emby/Users/{_ID}/Views", SIGNED_IN), Reply.json({"Items": []})),
        (
            Request("GET", f"/emby/Users/{_ID}/Items?Limit=many", SIGNED_IN),
            Reply.json({"Items": []}),
        ),
        (Request("GET", f"/emby/Users/{_ID}/Items", SIGNED_IN), Reply.json({"Items": {}})),
        (Request("GET", f"/emby/Users/{_ID}/Items", {}), Reply.json({"Items": []})),
        (Request("GET", f"/emby/UserItems/{_ID}/UserData", SIGNED_IN), Reply.json({})),
    ],
)
@pytest.mark.parametrize("version", ["4.9.1.90", "4.8.11.0"])
def test_what_emby_does_not_describe_is_found(
    request_: Request, reply: Reply, version: str
) -> None:
    needed(f"emby-{version}.openapi.json")
    assert found(EmbyBench(version), post(PLAYED, {"Played": True}), Reply()) == []
    assert found(EmbyBench(version), request_, reply) != []
