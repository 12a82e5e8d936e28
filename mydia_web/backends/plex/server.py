"""The requests to a Plex Media Server, and what its refusals mean."""

from collections.abc import Mapping, Sequence
from typing import Any

from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    Rejected,
    ServerTrouble,
    SignInRefused,
)
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.plex.mapping import Entry, Identity, container, members, sure
from mydia_web.backends.plex.signing_in import SignIn
from mydia_web.backends.values import Artwork

IDENTIFIER = "com.plexapp.plugins.library"
#: From which share on a title counts as watched, where the server does not tell.
USUAL_THRESHOLD = 0.9
#: 498: a token that has expired.
_UNDERSTOOD = (401, 403, 404, 498)


class Server:
    """A Plex Media Server, asked as one person."""

    def __init__(self, http: Http, sign_in: SignIn) -> None:
        self._http, self._sign_in = http, sign_in
        self._known_threshold: float | None = None

    def ask(
        self, method: str, path: str, params: Mapping[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """The `MediaContainer` that Plex answers with; empty for an answer without a body."""
        answer = self._send(method, path, params, headers)
        return container(answer.json()) if method == "GET" else {}

    def _send(self, method: str, path: str, params: Any, headers: Mapping[str, str]) -> Answer:
        self._sign_in.ensure()
        request: dict[str, Any] = {"params": params, "headers": headers, "understood": _UNDERSTOOD}
        token = self._sign_in.token
        answer = self._http.send(method, path, **request)
        if answer.status in (401, 498) and self._sign_in.renew(token):
            answer = self._http.send(method, path, **request)
        if answer.status in _UNDERSTOOD:
            raise _refusal(answer.status, path)
        return answer

    def picture(self, path: str) -> Artwork:
        self._sign_in.ensure()
        token = self._sign_in.token
        try:
            return self._http.picture(path)
        except SignInRefused as error:
            if self._sign_in.renew(token):
                return self._http.picture(path)
            raise _refusal(401, path) from error

    def identity(self) -> Identity:
        found = sure(Identity, self.ask("GET", ""))
        if not found.version:
            raise ServerTrouble("Plex does not tell its version. It may still be starting.")
        return found

    def title(self, rating_key: str) -> Entry:
        """Raises `NotOnServer`."""
        if not rating_key.isdecimal():
            raise NotOnServer("Plex does not have this title.")
        entries = members(
            self.ask("GET", f"library/metadata/{rating_key}", {"includeGuids": 1}), "Metadata"
        )
        if not entries:
            raise NotOnServer("Plex does not have this title any more.")
        return sure(Entry, entries[0])

    def titles(self, rating_keys: Sequence[str]) -> Mapping[str, object]:
        """What is answered of these titles, by number. What is gone is left out, or spoils the
        whole answer.
        """
        asked = ",".join(key for key in rating_keys if key.isdecimal())
        try:
            answer = (
                self.ask("GET", f"library/metadata/{asked}", {"includeGuids": 1}) if asked else {}
            )
        except NotOnServer:
            return {}
        entries = members(answer, "Metadata")
        return {str(entry.get("ratingKey")): entry for entry in entries if isinstance(entry, dict)}

    def scrobble(self, rating_key: str) -> None:
        """Mark watched: one more play, dated now, and no position."""
        self.ask("PUT", ":/scrobble", {"identifier": IDENTIFIER, "key": rating_key})

    def unscrobble(self, rating_key: str) -> None:
        """Mark unwatched: no play, no date, no position."""
        self.ask("PUT", ":/unscrobble", {"identifier": IDENTIFIER, "key": rating_key})

    def timeline(self, rating_key: str, position: int, duration: int) -> None:
        """Say that a player has stopped there, in milliseconds. Past its threshold Plex marks the
        title watched.
        """
        self.ask("POST", ":/timeline", timeline(rating_key, position, duration))

    def threshold(self) -> float:
        """From which share on a title counts as watched. Only the server's owner may ask; asked
        once.
        """
        if self._known_threshold is None:
            self._known_threshold = self._ask_threshold()
        return self._known_threshold

    def _ask_threshold(self) -> float:
        request: dict[str, Any] = {"params": {"id": "LibraryVideoPlayedThreshold"}}
        answer = self._http.send("GET", ":/prefs/get", understood=(400, *_UNDERSTOOD), **request)
        if answer.status != 200:
            return USUAL_THRESHOLD
        for setting in members(container(answer.json()), "Setting"):
            value = str(setting.get("value", "")) if isinstance(setting, dict) else ""
            if value.isdecimal() and 1 <= int(value) <= 100:
                return int(value) / 100
        return USUAL_THRESHOLD


def _refusal(status: int, path: str) -> BackendError:
    is_one_title = path.startswith(("library/metadata/", ":/"))
    if status == 404 and is_one_title:
        return NotOnServer("Plex does not have this title any more.")
    if status == 404:
        return ServerTrouble(
            "Plex does not have what every server of its kind has. Is the address right?"
        )
    if status == 403 and is_one_title:
        return Rejected("Plex does not let this person see or change that title.")
    if status == 403:
        return SignInRefused("Plex knows this person, but does not allow what was asked.")
    return SignInRefused(
        "Plex refused this sign-in. Link the account again or enter another token; a friend's server "
        "must be shared with the account."
    )


def timeline(rating_key: str, position: int, duration: int) -> dict[str, Any]:
    return {
        "ratingKey": rating_key,
        "key": f"/library/metadata/{rating_key}",
        "identifier": IDENTIFIER,
        "state": "stopped",
        "time": position,
        "duration": duration,
    }
