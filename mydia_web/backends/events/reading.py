"""From the body of a webhook's request to the event in it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from types import ModuleType
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio import multipart

from mydia_web.backends.errors import BadPayload
from mydia_web.backends.events import emby, generic, jellyfin, plex, tautulli
from mydia_web.backends.values import Event

#: In the order in which a payload is recognised: the last takes any that has an event.
_READERS: Mapping[str, ModuleType] = {
    "jellyfin": jellyfin,
    "emby": emby,
    "tautulli": tautulli,
    "plex": plex,
    "generic": generic,
}
KINDS = tuple(_READERS)
_NAMES = {
    "jellyfin": "Jellyfin's Webhook plugin",
    "emby": "Emby",
    "tautulli": "Tautulli",
    "plex": "Plex",
    "generic": "a script that speaks mydia-web's own JSON",
}
#: For people to copy into the server's settings; Emby and Plex take none.
TEMPLATES: Mapping[str, str] = {
    "jellyfin": jellyfin.TEMPLATE,
    "tautulli": tautulli.TEMPLATE,
    "generic": generic.TEMPLATE,
}

LARGEST_BODY = 10_000_000
_LARGEST_JSON = 1_000_000
_MAX_FIELDS = 50
_CHUNK = 64 * 1024
#: Plex calls its form field `payload`, Emby `data`.
_JSON_FIELDS = ("payload", "data")
_FORM_TYPE = "application/x-www-form-urlencoded"
_TOO_LARGE = f"The JSON is larger than {_LARGEST_JSON // 1_000_000} MB."


def read(kind: str, content_type: str, body: bytes) -> Event:
    """Return the event that a server of this kind has sent.

    Raises `BadPayload`, and nothing else, whatever the body holds.
    """
    return parse(kind, json_object(content_type, body))


def parse(kind: str, payload: Mapping[str, Any]) -> Event:
    sender = _sender(kind, payload)
    if sender != kind:
        raise BadPayload(_mismatch(kind, sender))
    event: Event = _READERS[kind].parse(payload)
    return event


def _sender(kind: str, payload: Mapping[str, Any]) -> str | None:
    """Return the kind that sent it, which is the expected one wherever it can be."""
    order = KINDS
    if kind != "generic":
        order = (kind, *KINDS)
    for candidate in order:
        if _READERS[candidate].is_from_here(payload):
            return candidate
    return None


def _mismatch(kind: str, sender: str | None) -> str:
    if sender is None or sender == "generic":
        return (
            f"This JSON is not what {_NAMES[kind]} sends. "
            "Compare the settings there with the steps on the source's page."
        )
    if (kind, sender) == ("jellyfin", "plex"):
        return (
            "This is what Plex sends, or a plugin in its form, but the address is meant for "
            "Jellyfin. In a plugin of Jellyfin that offers several forms, choose the one it calls "
            "Default."
        )
    return (
        f"This is what {_NAMES[sender]} sends, but the address is meant for {_NAMES[kind]}. "
        "Take the address from the page of the source it belongs to."
    )


def json_object(content_type: str, body: bytes) -> Mapping[str, Any]:
    """Return the JSON object in a body, however it is wrapped. Raises `BadPayload`.

    A picture that comes with it is not kept.
    """
    if len(body) > LARGEST_BODY:
        raise BadPayload(f"The request is larger than {LARGEST_BODY // 1_000_000} MB.")
    text = _json_text(content_type, body).removeprefix(b"\xef\xbb\xbf").strip()
    if not text:
        raise BadPayload("The request is empty.")
    if text.startswith(b"<"):
        raise BadPayload("A web page or XML was sent. JSON is expected.")
    if len(text) > _LARGEST_JSON:
        raise BadPayload(_TOO_LARGE)
    return _decoded(text.decode("utf-8", "replace"))


def _decoded(text: str) -> Mapping[str, Any]:
    try:
        # Not strict: titles may hold line breaks. NaN and Infinity, which are not JSON, count as
        # null.
        value = json.loads(text, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise BadPayload(
            "The JSON is cut short or damaged. "
            "A template that was edited may lack a quote or a comma."
        ) from error
    if not isinstance(value, dict):
        raise BadPayload("A JSON object is expected, in braces: {…}.")
    return value


def _json_text(content_type: str, body: bytes) -> bytes:
    """Return the JSON of a body; its type need not be true: `curl -d` calls everything a form."""
    media_type, options = parse_options_header(content_type)
    if media_type.startswith("multipart/"):
        return _json_field(_multipart_fields(options.get("boundary", ""), body))
    if len(body) > _LARGEST_JSON:
        raise BadPayload(_TOO_LARGE)
    start = body.lstrip()[:1]
    if media_type == _FORM_TYPE and start not in (b"{", b"[", b"<", b""):
        return _json_field(_form_fields(body))
    return body


def _json_field(fields: Iterable[tuple[str, bytes]]) -> bytes:
    for name, value in fields:
        if name in _JSON_FIELDS:
            return value
    raise BadPayload("The form has neither a field “payload” nor a field “data”.")


def _form_fields(body: bytes) -> list[tuple[str, bytes]]:
    text = body.decode("utf-8", "replace")
    try:
        fields = parse_qsl(text, errors="replace", max_num_fields=_MAX_FIELDS)
    except ValueError as error:
        raise BadPayload("The form has too many fields.") from error
    return [(name, value.encode("utf-8", "replace")) for name, value in fields]


def _multipart_fields(boundary: str, body: bytes) -> list[tuple[str, bytes]]:
    """Return the fields of a form without its files."""
    fields: list[tuple[str, bytearray]] = []
    value: bytearray | None = None
    try:
        for event in _multipart_events(boundary, body):
            if isinstance(event, multipart.Field):
                value = bytearray()
                fields.append((event.name, value))
            elif not isinstance(event, multipart.Data):
                value = None
            elif value is not None:
                value.extend(event.data)
    except (ValueError, RequestEntityTooLarge) as error:
        raise BadPayload("The form is cut short or damaged.") from error
    return [(name, bytes(content)) for name, content in fields]


def _multipart_events(boundary: str, body: bytes) -> Iterator[multipart.Event]:
    """Decode a form in chunks, because the decoder is slow on what lies before the first part."""
    decoder = multipart.MultipartDecoder(boundary.encode(), max_parts=_MAX_FIELDS)
    for start in range(0, len(body), _CHUNK):
        decoder.receive_data(body[start : start + _CHUNK])
        yield from _decoded_events(decoder)
        if len(decoder.buffer) > _CHUNK:
            raise ValueError("This is neither a header nor a part.")
    decoder.receive_data(None)
    yield from _decoded_events(decoder)


def _decoded_events(decoder: multipart.MultipartDecoder) -> Iterator[multipart.Event]:
    while True:
        event = decoder.next_event()
        if isinstance(event, multipart.Epilogue | multipart.NeedData):
            return
        yield event
