"""JSON-RPC 2.0 as Kodi speaks it: status 200 for every error, whose code says what helps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mydia_web.backends.errors import BackendError, NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.http import REASON_CHARS, Http

_NO_SUCH_METHOD = -32601
_INVALID_PARAMS = -32602
_NOT_ALLOWED = (-32099, -32096)
_NOT_FOUND = -32098
_MISUNDERSTOOD = (-32700, -32600)


@dataclass(frozen=True, slots=True)
class Call:
    """One method with its parameters."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {json.dumps(self.params, ensure_ascii=False)}"


class JsonRpc:
    """Calls methods of one Kodi."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def call(self, method: str, **params: Any) -> Any:
        return self.batch([Call(method, params)])[0]

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Make the calls in order and return their results; the first error is raised."""
        results = self.try_batch(calls)
        for result in results:
            if isinstance(result, BackendError):
                raise result
        return results

    def try_batch(self, calls: Sequence[Call]) -> list[Any]:
        """As `batch`, with the error in the place of a result that there is none of."""
        asked = [
            {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}
            for number, call in enumerate(calls, 1)
        ]
        answers = self._post(asked[0] if len(asked) == 1 else asked)
        return [self._result(answers.get(number), call) for number, call in enumerate(calls, 1)]

    def _post(self, body: object) -> dict[object, Mapping[str, Any]]:
        """The answers by the id of their question."""
        answer = self._http.send("POST", "jsonrpc", json=body, understood=(400, 404, 405, 415))
        if answer.status != 200 or answer.is_web_page:
            raise self._not_kodi()
        told = answer.json()
        answers = told if isinstance(told, list) else [told]
        if not all(isinstance(one, dict) and one.get("jsonrpc") == "2.0" for one in answers):
            raise self._not_kodi()
        return {one["id"]: one for one in answers if isinstance(one.get("id"), int)}

    def _result(self, answer: Mapping[str, Any] | None, call: Call) -> Any:
        if answer is None:
            return ServerTrouble(f"Kodi left the question {call.method} unanswered.")
        if "error" in answer:
            return _error(answer["error"], call)
        if "result" not in answer:
            return self._not_kodi()
        return answer["result"]

    def _not_kodi(self) -> BackendError:
        return ServerTrouble(
            f"Something answers at {self._http.address.place}, but it is not Kodi. "
            "Are the address and the port those of Kodi's web server?"
        )


def _error(error: object, call: Call) -> BackendError:
    told = error if isinstance(error, dict) else {}
    code, method = told.get("code"), call.method
    # Kodi gives one code to an unknown id and to a wrong parameter, but explains only the second.
    if code == _NOT_FOUND or (code == _INVALID_PARAMS and "data" not in told):
        return NotOnServer("Kodi does not have this title any more.")
    if code == _INVALID_PARAMS:
        why = json.dumps(told["data"], ensure_ascii=False)[:REASON_CHARS]
        return Rejected(f"Kodi does not take {method} as it was sent: {why}")
    if code == _NO_SUCH_METHOD:
        return Rejected(f"This Kodi does not know {method}. Is it older than version 19?")
    if code in _NOT_ALLOWED:
        return Rejected(f"Kodi does not allow {method}.")
    if code in _MISUNDERSTOOD:
        return Rejected(f"Kodi did not understand {method}.")
    return ServerTrouble(f"Kodi could not do {method} just now. Trying again later may help.")
