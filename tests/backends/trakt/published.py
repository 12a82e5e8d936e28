"""Trakt's published description, and where the real Trakt is known to differ from it."""

import copy
import json
from collections.abc import Iterable
from typing import Any

from tests.backends.openapi import SPECS, description
from tests.fakes.trakt import Exchange

SPEC = "trakt-2.0.0.openapi.json"
HOST = "https://api.trakt.tv"
#: Statuses that the description leaves out, for any request or for one.
_OF_ALL = (401, 403, 412, 420, 422, 423, 426, 429, 500, 502, 503, 504, 520)
_OF_ONE = {
    ("/sync/history/movies/{id}", "get"): (404,),
    ("/sync/history/episodes/{id}", "get"): (404,),
    ("/sync/playback/{id}", "delete"): (404,),
    ("/scrobble/pause", "post"): (404, 409),
    ("/search/{id_type}/{id}", "get"): (404,),
    ("/shows/{id}/seasons/{season}/episodes/{episode}", "get"): (404,),
    ("/oauth/device/code", "post"): (403,),
    ("/oauth/device/token", "post"): (401, 404, 409, 410, 418, 429),
}


def servers(path: str) -> list[str]:
    """Return the published servers of a path."""
    operations = json.loads((SPECS / SPEC).read_text(encoding="utf-8"))["paths"][path]
    found = operations.get("servers") or next(iter(operations.values())).get("servers", [])
    return [server["url"] for server in found]


def faults(exchanges: Iterable[Exchange]) -> list[str]:
    """Return breaches of the description in words; none where it is not at hand."""
    published = description(SPEC, HOST, _mend)
    if published is None:
        return []
    return [
        fault
        for exchange in exchanges
        if not exchange.is_scripted and not exchange.path.startswith("/images/")
        for fault in published.wrong(
            exchange.method,
            exchange.path,
            headers=dict(exchange.headers),
            body=exchange.body,
            status=exchange.status,
            answer_headers=dict(exchange.answer_headers),
            answer=exchange.answer,
        )
    ]


def _mend(document: dict[str, Any]) -> None:
    # OAuth ends in a bearer token, a scheme that can be checked.
    document["components"]["securitySchemes"]["traktOAuth"] = {"type": "http", "scheme": "bearer"}
    paths = document["paths"]
    _describe_listings(paths)
    _allow_nulls_of_old(paths)
    # Trakt has always answered 201; the description says 200.
    added = paths["/sync/history"]["post"]["responses"]
    added["201"] = added["200"]
    # A body with a film also fits the alternative in which nothing is required.
    pause = paths["/scrobble/pause"]["post"]
    for part in (
        pause["requestBody"]["content"]["application/json"],
        pause["responses"]["201"]["content"]["application/json"],
    ):
        part["schema"]["anyOf"] = part["schema"].pop("oneOf")
    watching = paths["/users/{id}/watching"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    watching["anyOf"] = watching.pop("oneOf")
    for path, operations in paths.items():
        # The fake is both of Trakt's hosts.
        operations.pop("servers", None)
        for method, operation in operations.items():
            if isinstance(operation, dict) and "responses" in operation:
                operation.pop("servers", None)
                for status in (*_OF_ALL, *_OF_ONE.get((path, method), ())):
                    operation["responses"].setdefault(str(status), {"description": "not described"})
                for status in ("204", "400"):
                    if status in operation["responses"]:
                        operation["responses"][status] = {"description": "an empty answer"}


def _describe_listings(paths: dict[str, Any]) -> None:
    """Add the listings of /sync/history and the pauses of episodes, which are left out."""
    for plural in ("movies", "episodes"):
        listing = copy.deepcopy(paths[f"/users/{{id}}/history/{plural}"]["get"])
        listing["security"] = paths["/sync/history"]["post"]["security"]
        listing["parameters"] = [one for one in listing["parameters"] if one["in"] != "path"]
        paths[f"/sync/history/{plural}"] = {"get": listing}
        of_one = copy.deepcopy(listing)
        number = {"name": "id", "in": "path", "required": True, "schema": {"type": "string"}}
        of_one["parameters"].append(number)
        paths[f"/sync/history/{plural}/{{id}}"] = {"get": of_one}
    paused = copy.deepcopy(paths["/sync/playback/movies"]["get"])
    row = paused["responses"]["200"]["content"]["application/json"]["schema"]["items"]
    episode = paths["/sync/history/episodes"]["get"]["responses"]["200"]["content"][
        "application/json"
    ]["schema"]
    del row["properties"]["movie"]
    for name in ("type", "episode", "show"):
        row["properties"][name] = episode["items"]["properties"][name]
    row["required"] = [*(name for name in row["required"] if name != "movie"), "episode", "show"]
    paths["/sync/playback/episodes"] = {"get": paused}


def _allow_nulls_of_old(paths: dict[str, Any]) -> None:
    """Allow null for a play without a date, as it was seen."""
    for plural in ("movies", "episodes"):
        for path in (f"/sync/history/{plural}", f"/sync/history/{plural}/{{id}}"):
            schema = paths[path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
            schema["items"]["properties"]["watched_at"]["nullable"] = True
