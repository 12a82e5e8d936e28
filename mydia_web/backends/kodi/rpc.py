"""JSON-RPC 2.0 as Kodi speaks it: status 200 for every error, whose code says what helps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mydia_web.backends.errors import BackendError, NotOnServer, Rejected, ServerTrouble
from mydia_web.backends.http import REASON_CHARS, Http

#: Kodi has no HTTP statuses for errors; these come from proxies and from other servers.
_READABLE_STATUSES = (400, 404, 405, 415)

_INVALID_PARAMS = -32602
_NOT_FOUND = -32098
#: What a person is told by the code of an error that repeating the call does not mend.
_REJECTIONS = {
    -32601: "This Kodi does not know {method}. Is it older than version 19?",
    -32099: "Kodi does not allow {method}.",
    -32096: "Kodi does not allow {method}.",
    -32700: "Kodi did not understand {method}.",
    -32600: "Kodi did not understand {method}.",
}


@dataclass(frozen=True, slots=True)
class RpcCall:
    """One method with its parameters."""

    method: str
    params: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {json.dumps(self.params, ensure_ascii=False)}"


class JsonRpc:
    """A client for the methods of one Kodi."""

    def __init__(self, http: Http) -> None:
        self._http = http

    def call(self, method: str, **params: Any) -> Any:
        return self.batch([RpcCall(method, params)])[0]

    def batch(self, calls: Sequence[RpcCall]) -> list[Any]:
        """Make the calls in one request and return their results. Raise the first error."""
        results = self.try_batch(calls)
        for result in results:
            if isinstance(result, BackendError):
                raise result
        return results

    def try_batch(self, calls: Sequence[RpcCall]) -> list[Any]:
        """Make the calls in one request and return a result or a `BackendError` for each."""
        requests = [
            {"jsonrpc": "2.0", "id": number, "method": call.method, "params": call.params}
            for number, call in enumerate(calls, start=1)
        ]
        responses = self._post(requests[0] if len(requests) == 1 else requests)
        return [
            self._result(responses.get(number), call) for number, call in enumerate(calls, start=1)
        ]

    def _post(self, body: object) -> dict[int, Mapping[str, Any]]:
        """Send a request or a batch and return the responses by their ids."""
        answer = self._http.send("POST", "jsonrpc", json=body, understood=_READABLE_STATUSES)
        if answer.status != 200 or answer.is_web_page:
            raise self._not_kodi()
        payload = answer.json()
        responses = payload if isinstance(payload, list) else [payload]
        if not all(map(_is_response, responses)):
            raise self._not_kodi()
        return {
            response["id"]: response
            for response in responses
            if isinstance(response.get("id"), int)
        }

    def _result(self, response: Mapping[str, Any] | None, call: RpcCall) -> Any:
        if response is None:
            return ServerTrouble(f"Kodi left the question {call.method} unanswered.")
        if "error" in response:
            return _error(response["error"], call.method)
        if "result" not in response:
            return self._not_kodi()
        return response["result"]

    def _not_kodi(self) -> BackendError:
        return ServerTrouble(
            f"Something answers at {self._http.address.place}, but it is not Kodi. "
            "Are the address and the port those of Kodi's web server?"
        )


def _is_response(value: object) -> bool:
    return isinstance(value, dict) and value.get("jsonrpc") == "2.0"


def _error(payload: object, method: str) -> BackendError:
    error = payload if isinstance(payload, dict) else {}
    code = error.get("code")
    # Kodi gives one code to an unknown id and to a wrong parameter, but explains only the second.
    is_unknown_id = code == _INVALID_PARAMS and "data" not in error
    if code == _NOT_FOUND or is_unknown_id:
        return NotOnServer("Kodi does not have this title any more.")
    if code == _INVALID_PARAMS:
        reason = json.dumps(error["data"], ensure_ascii=False)[:REASON_CHARS]
        return Rejected(f"Kodi does not take {method} as it was sent: {reason}")
    if code in _REJECTIONS:
        return Rejected(_REJECTIONS[code].format(method=method))
    return ServerTrouble(f"Kodi could not do {method} just now. Trying again later may help.")
