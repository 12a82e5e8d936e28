"""Checks what goes over the wire against a server's published OpenAPI description."""

import gc
import json
import os
from collections.abc import Callable, Hashable, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from openapi_core import Config, OpenAPI
from openapi_core.testing import MockRequest, MockResponse

from tests.backends.shapes import reduced, shape, text_shape

_BESIDE_THE_PROJECT = Path(__file__).parents[3] / "shared"
SPECS = Path(os.environ.get("MYDIA_SHARED", _BESIDE_THE_PROJECT)) / "specs"


class Description:
    """A published description. `mend` changes it where servers are known to differ from what they
    publish.

    Checking takes milliseconds for each item of an answer, and most exchanges of a run are alike:
    of each shape, the first is checked.
    """

    def __init__(
        self, document: dict[str, Any], host: str, mend: Callable[[dict[str, Any]], None]
    ) -> None:
        mend(document)
        document["servers"] = [{"url": host}]
        self._host = host
        # Two of the published documents are not valid themselves.
        self._openapi = OpenAPI.from_dict(document, config=Config(spec_validator_cls=None))
        self._right: set[Hashable] = set()

    def wrong(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str],
        body: bytes,
        status: int,
        answer_headers: dict[str, str],
        answer: bytes,
    ) -> list[str]:
        """Return the faults of a request (path with query) and its answer, in words."""
        said = _parsed(body)
        answered = _parsed(answer)
        exchange_shape = (
            method,
            text_shape(path),
            _headers_shape(headers),
            shape(said),
            status,
            _headers_shape(answer_headers),
            shape(answered),
        )
        if exchange_shape in self._right:
            return []
        if not isinstance(answered, str):
            answer = json.dumps(reduced(answered)).encode()
        parts = urlsplit(path)
        query: dict[str, list[str]] = {}
        for name, value in parse_qsl(parts.query, keep_blank_values=True):
            query.setdefault(name, []).append(value)
        request = MockRequest(
            self._host,
            method.lower(),
            parts.path,
            args=query,
            headers=headers,
            data=body or None,
            content_type=_type(headers),
        )
        response = MockResponse(
            answer, status_code=status, headers=answer_headers, content_type=_type(answer_headers)
        )
        faults = list(self._openapi.unmarshal_request(request).errors)
        if not faults:
            faults = list(self._openapi.unmarshal_response(request, response).errors)
        if not faults:
            self._right.add(exchange_shape)
        return [
            f"{method} {parts.path} → {status}: {fault!r}: {_reasons(fault)}" for fault in faults
        ]


@cache
def description(name: str, host: str, mend: Callable[[dict[str, Any]], None]) -> Description | None:
    """The description in the file `name` of the specs; None where they are not at hand."""
    file = SPECS / name
    if not file.exists():
        return None
    described = Description(json.loads(file.read_text(encoding="utf-8")), host, mend)
    # Documents of megabytes stay for the whole run; each garbage collection would walk them.
    gc.freeze()
    return described


def needed(name: str) -> None:
    """Skip the test where that description is not at hand."""
    if not (SPECS / name).exists():
        pytest.skip(f"{name} is not at hand; set MYDIA_SHARED to the folder that holds specs/")


def _parsed(body: bytes) -> Any:
    """The JSON of a body; its text where it is none."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


def _headers_shape(headers: Mapping[str, str]) -> Hashable:
    shapes = {name.lower(): text_shape(value) for name, value in headers.items()}
    shapes.pop("content-length", None)
    return frozenset(shapes.items())


def _type(headers: dict[str, str]) -> str:
    found = next((value for name, value in headers.items() if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip() or "application/json"


def _reasons(fault: Any) -> str:
    cause = fault.__cause__
    return "; ".join(str(one) for one in getattr(cause, "schema_errors", ())) or str(cause or fault)
