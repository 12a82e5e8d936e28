"""A request that changes something, as it is sent and as it is shown to people."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Call:
    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        query = f"?{urlencode(self.params, doseq=True, safe=':{}')}" if self.params else ""
        body = "" if self.body is None else f" {json.dumps(self.body)}"
        return f"{self.method} /{self.path}{query}{body}"

    @property
    def request(self) -> dict[str, Any]:
        """What `Session.send` takes besides method and path."""
        sent: dict[str, Any] = {"params": dict(self.params)} if self.params else {}
        return sent if self.body is None else sent | {"json": dict(self.body)}
