"""From the body of a request to the news in it."""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events import emby, generic, jellyfin, plex, tautulli
from mydia_web.backends.events.bodies import json_object
from mydia_web.backends.values import Event

#: In the order in which a payload is recognised: the last takes any that has an event.
_KINDS: Mapping[str, ModuleType] = {
    "jellyfin": jellyfin,
    "emby": emby,
    "tautulli": tautulli,
    "plex": plex,
    "generic": generic,
}
KINDS = tuple(_KINDS)
_NAMES = {
    "jellyfin": "Jellyfin's Webhook plugin",
    "emby": "Emby",
    "tautulli": "Tautulli",
    "plex": "Plex",
    "generic": "a script that speaks mydia-web's own JSON",
}
#: To be copied into the server's settings; Emby and Plex take none.
TEMPLATES: Mapping[str, str] = {
    "jellyfin": jellyfin.TEMPLATE,
    "tautulli": tautulli.TEMPLATE,
    "generic": generic.TEMPLATE,
}


def read(kind: str, content_type: str, body: bytes) -> Event:
    """The news that a server of that kind has sent. Raises `BadPayload`, and nothing else, whatever
    is in the body.
    """
    return parse(kind, json_object(content_type, body))


def parse(kind: str, payload: Mapping[str, Any]) -> Event:
    order = KINDS if kind == "generic" else (kind, *KINDS)
    sender = next((one for one in order if _KINDS[one].is_from_here(payload)), None)
    if sender != kind:
        raise BadPayload(_not_from(kind, sender))
    event: Event = _KINDS[kind].parse(payload)
    return event


def _not_from(kind: str, sender: str | None) -> str:
    if sender is None or sender == "generic":
        return (
            f"This JSON is not what {_NAMES[kind]} sends. "
            "Compare the settings there with the steps on the source's page."
        )
    if (kind, sender) == ("jellyfin", "plex"):
        return (
            "This is what Plex sends, or a plugin in its form, but the address is meant for Jellyfin. "
            "In a plugin of Jellyfin that offers several forms, choose the one it calls Default."
        )
    return (
        f"This is what {_NAMES[sender]} sends, but the address is meant for {_NAMES[kind]}. "
        "Take the address from the page of the source it belongs to."
    )
