"""The sender of a request to the fake Jellyfin."""

import re
from dataclasses import dataclass
from urllib.parse import unquote

from tests.fakes.mediabrowser import Refusal, Request


@dataclass
class Device:
    """A player that is signed in, and what it plays."""

    id: str
    name: str
    client: str
    person: str
    playing: str = ""
    position: int = 0
    paused: bool = False


@dataclass
class QuickConnect:
    """A code somebody is asked to confirm."""

    code: str
    secret: str
    person: str = ""


def authorization(request: Request, *, legacy: bool) -> dict[str, str]:
    """Return what the request tells of its sender. Values are decoded as in an address."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if legacy and not rest:
        scheme, _, rest = headers.get("x-emby-authorization", "").partition(" ")
    said: dict[str, str] = {}
    if scheme == "MediaBrowser" or (legacy and scheme == "Emby"):
        said = {name: unquote(value) for name, value in re.findall(r'(\w+)="([^"]*)"', rest)}
    token = request.asked("ApiKey")
    if legacy:
        token = token or headers.get("x-emby-token", "") or request.asked("api_key")
    return {"Token": token, **said} if token else said


def needed(said: dict[str, str]) -> dict[str, str]:
    """Raises `Refusal` where a sign-in does not name its device."""
    if not all(said.get(name) for name in ("Client", "Device", "DeviceId", "Version")):
        raise Refusal(400, "Error processing request.")
    return said
