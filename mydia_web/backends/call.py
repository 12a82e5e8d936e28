"""A request that a backend makes, as it is sent and as it is shown to people."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request: what `Http.send` takes, and when it is sent."""

    method: str
    path: str
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    #: For people, such as "unless it is watched there"; "" for a call that is always sent.
    condition: str = ""
    #: The id of the title that it changes, where the backend asks for that; "" otherwise.
    item_id: str = ""

    def with_condition(self, condition: str) -> "Call":
        """Return the same call, sent on this condition."""
        return replace(self, condition=condition)

    @property
    def line(self) -> str:
        """The call without its condition."""
        line = f"{self.method} /{self.path}"
        if self.params:
            line += f"?{urlencode(self.params, doseq=True, safe=',:{}')}"
        if self.body is not None:
            line += f" {json.dumps(self.body, ensure_ascii=False)}"
        return line

    def __str__(self) -> str:
        if not self.condition:
            return self.line
        return f"{self.line}  ({self.condition})"

    @property
    def request(self) -> dict[str, Any]:
        """The keyword arguments of the request."""
        request: dict[str, Any] = {}
        if self.params:
            request["params"] = dict(self.params)
        if self.body is not None:
            request["json"] = dict(self.body)
        return request
