"""The JSON object in the body of a request, however it is wrapped. The picture beside it is not
kept.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.http import parse_options_header
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, MultipartDecoder, NeedData

from mydia_web.backends.errors import BadPayload

LARGEST_BODY = 10_000_000
_LARGEST_JSON = 1_000_000
_MOST_PARTS = 50
_PIECE = 64 * 1024
#: Plex calls its field `payload`, Emby `data`.
_FIELDS = ("payload", "data")
_NO_FIELD = "The form has neither a field “payload” nor a field “data”."
_TOO_LARGE = f"The JSON is larger than {_LARGEST_JSON // 1_000_000} MB."
_DAMAGED = (
    "The JSON is cut short or damaged. A template that was edited may lack a quote or a comma."
)


def json_object(content_type: str, body: bytes) -> Mapping[str, Any]:
    """Raises `BadPayload`."""
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
        # Not strict: titles may hold line breaks. NaN and Infinity are not JSON, and spoil nothing
        # else.
        value = json.loads(text, strict=False, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise BadPayload(_DAMAGED) from error
    if not isinstance(value, dict):
        raise BadPayload("A JSON object is expected, in braces: {…}.")
    return value


def _json_text(content_type: str, body: bytes) -> bytes:
    """The type that is named need not be true: `curl -d` says "form" of everything."""
    kind, options = parse_options_header(content_type)
    if kind.startswith("multipart/"):
        return _chosen(_parts(options.get("boundary", ""), body))
    if len(body) > _LARGEST_JSON:
        raise BadPayload(_TOO_LARGE)
    if kind == "application/x-www-form-urlencoded" and body.lstrip()[:1] not in (
        b"{",
        b"[",
        b"<",
        b"",
    ):
        return _chosen(_pairs(body))
    return body


def _pairs(body: bytes) -> list[tuple[str, bytes]]:
    try:
        pairs = parse_qsl(
            body.decode("utf-8", "replace"), errors="replace", max_num_fields=_MOST_PARTS
        )
    except ValueError as error:
        raise BadPayload("The form has too many fields.") from error
    return [(name, value.encode("utf-8", "replace")) for name, value in pairs]


def _parts(boundary: str, body: bytes) -> list[tuple[str, bytes]]:
    """The fields of the form; parts with a file name are passed over."""
    found: list[tuple[str, bytearray]] = []
    is_field = False
    try:
        for event in _events(boundary, body):
            if isinstance(event, Data):
                if is_field:
                    found[-1][1].extend(event.data)
            elif is_field := isinstance(event, Field):
                found.append((event.name, bytearray()))
    except (ValueError, RequestEntityTooLarge) as error:
        raise BadPayload("The form is cut short or damaged.") from error
    return [(name, bytes(value)) for name, value in found]


def _events(boundary: str, body: bytes) -> Iterator[Event]:
    """Piece by piece, for the decoder is slow on what lies before it."""
    decoder = MultipartDecoder(boundary.encode(), max_parts=_MOST_PARTS)
    for start in range(0, len(body), _PIECE):
        decoder.receive_data(body[start : start + _PIECE])
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            yield event
        if len(decoder.buffer) > _PIECE:
            raise ValueError("This is neither a header nor a part.")
    decoder.receive_data(None)
    while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
        yield event


def _chosen(fields: Iterable[tuple[str, bytes]]) -> bytes:
    for name, value in fields:
        if name in _FIELDS:
            return value
    raise BadPayload(_NO_FIELD)
