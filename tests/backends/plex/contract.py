"""Check requests and answers against the published descriptions of Plex.

The media server has its own (API 1.2.0); plex.tv a third party's, which knows three routes.
"""

import re
from collections.abc import Iterable
from typing import Any

from tests.backends.openapi import description, needed
from tests.fakes.plex_http import Exchange

SERVER, TV = "plex-1.2.0.openapi.json", "plex-lukehagar-1.1.1.openapi.json"
#: The description has the same list under another path only; its own text uses this one.
ELSEWHERE = {"/library/sections": "/library/sections/all"}
#: No description of plex.tv has these.
UNDESCRIBED = (
    r"POST /api/v2/pins",
    r"GET /api/v2/pins/\d+",
    r"GET /api/v2/home/users",
    r"POST /api/v2/home/users/\w+/switch",
)


def faults_of_server(exchanges: Iterable[Exchange]) -> list[str]:
    return [fault for one in exchanges for fault in _faults(one, one.request.target, SERVER)]


def faults_of_tv(exchanges: Iterable[Exchange]) -> list[str]:
    found = []
    for one in exchanges:
        line = f"{one.request.method} {one.request.path}"
        if not any(re.fullmatch(known, line) for known in UNDESCRIBED):
            found += _faults(one, one.request.target.removeprefix("/api/v2"), TV)
    return found


def need_descriptions() -> None:
    needed(SERVER)
    needed(TV)


def _faults(exchange: Exchange, target: str, name: str) -> list[str]:
    request, reply = exchange.request, exchange.reply
    described = description(name, "http://plex.test", _mend_server if name == SERVER else _mend_tv)
    if described is None or exchange.staged:
        return []
    path, mark, query = target.partition("?")
    return described.wrong(
        request.method,
        ELSEWHERE.get(path, path) + mark + query,
        headers=dict(request.headers),
        body=request.body,
        status=reply.status,
        answer_headers={"Content-Type": reply.content_type, **reply.headers},
        answer=reply.content,
    )


def _mend_server(document: dict[str, Any]) -> None:
    """Ids of titles are declared whole numbers, and are strings in every example."""
    document["components"]["schemas"]["metadata"]["properties"]["Guid"]["items"] = {
        "type": "object",
        "required": ["id"],
        "properties": {"id": {"type": "string"}},
    }
    # The checker takes no bytes for a string.
    picture = document["paths"]["/library/metadata/{ids}/{element}/{timestamp}"]["get"][
        "responses"
    ]["200"]
    picture["content"]["image/jpeg"] = {}
    # The example of a success is an empty page, which the checker takes for a missing one.
    del document["components"]["responses"]["200"]["content"]
    for operation in _operations(document):
        _may_refuse(operation, "text/html")


def _mend_tv(document: dict[str, Any]) -> None:
    """The host stands with each operation, and people may sign in with a user name, too."""
    for operation in _operations(document):
        operation.pop("servers", None)
        _may_refuse(operation, "application/json")
    signs_in = document["paths"]["/users/signin"]["post"]
    form = signs_in["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    del form["properties"]["login"]["format"]
    # The answer repeats all subscriptions; only the part that `/user` also has is checked.
    answer = signs_in["responses"]["201"]["content"]["application/json"]
    answer["schema"] = {"$ref": "#/components/schemas/UserPlexAccount"}


def _operations(document: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for path in document["paths"].values():
        yield from (path[method] for method in ("get", "put", "post", "delete") if method in path)


def _may_refuse(operation: dict[str, Any], content_type: str) -> None:
    """Allow refusals and a busy or starting server, which are described nowhere."""
    for status in ("400", "401", "403", "404", "429", "498", "500", "503"):
        refusal = {"description": "A refusal", "content": {content_type: {}}}
        operation["responses"].setdefault(status, refusal)
