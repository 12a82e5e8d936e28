"""The requests to a Plex Media Server, and the words for its refusals."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mydia_web.backends.call import Call
from mydia_web.backends.errors import (
    BackendError,
    NotOnServer,
    Rejected,
    ServerTrouble,
    SignInRefused,
)
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.plex.mapping import (
    Entry,
    Identity,
    Setting,
    entries_of,
    matches,
    media_container,
    require,
)
from mydia_web.backends.plex.plan import READ_THRESHOLD, USUAL_THRESHOLD, read_title
from mydia_web.backends.plex.sign_in import SignIn
from mydia_web.backends.values import Artwork, Target

#: 498: a token that has expired.
_REFUSALS = (401, 403, 404, 498)


class Server:
    """A Plex Media Server, asked as one person."""

    def __init__(self, http: Http, sign_in: SignIn) -> None:
        self._http = http
        self._sign_in = sign_in
        self._known_threshold: float | None = None

    def get(
        self, path: str, params: Mapping[str, Any] | None = None, **headers: str
    ) -> dict[str, Any]:
        """Return the `MediaContainer` of the answer."""
        answer = self._send("GET", path, params=params, headers=headers)
        return media_container(answer.json())

    def send(self, calls: Iterable[Call]) -> None:
        """Send changes, which Plex answers with nothing of use."""
        for call in calls:
            self._send(call.method, call.path, **call.request)

    def _send(self, method: str, path: str, **request: Any) -> Answer:
        self._sign_in.ensure()
        token = self._sign_in.token
        answer = self._http.send(method, path, understood=_REFUSALS, **request)
        if answer.status in (401, 498) and self._sign_in.renew(token):
            answer = self._http.send(method, path, understood=_REFUSALS, **request)
        if answer.status in _REFUSALS:
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
        identity = require(Identity, self.get(""))
        if not identity.version:
            raise ServerTrouble("Plex does not tell its version. It may still be starting.")
        return identity

    def title(self, rating_key: str) -> Entry:
        """Return the title of that number. Raises `NotOnServer`."""
        if not rating_key.isdecimal():
            raise NotOnServer("Plex does not have this title.")
        entries = self._read_titles(rating_key)
        if not entries:
            raise NotOnServer("Plex does not have this title any more.")
        return require(Entry, entries[0])

    def find(self, target: Target) -> Entry:
        """Return the target's title. Raises `NotOnServer`, also where another has its number."""
        title = self.title(target.remote_id)
        if not matches(title, target):
            raise _other_title()
        return title

    def find_many(self, targets: Sequence[Target]) -> Sequence[Entry | BackendError | None]:
        """Return the targets' titles, asked for in one request.

        In the place of a title stands why it cannot be had, or None: ask for it by itself. Plex
        leaves out a title that is gone, or answers with 404 for all of them.
        """
        keys = [target.remote_id for target in targets if target.remote_id.isdecimal()]
        entries: list[Any] = []
        if keys:
            try:
                entries = self._read_titles(",".join(keys))
            except NotOnServer:
                entries = []
        by_key: dict[str, object] = {}
        for entry in entries:
            if isinstance(entry, dict):
                by_key[str(entry.get("ratingKey"))] = entry
        return [_parse_target(by_key.get(target.remote_id), target) for target in targets]

    def _read_titles(self, rating_keys: str) -> list[Any]:
        call = read_title(rating_keys)
        return entries_of(self.get(call.path, call.params), "Metadata")

    def threshold(self) -> float:
        """Return the share from which a title counts as watched, read once.

        Only the server's owner may read it; for anybody else it is the usual one.
        """
        if self._known_threshold is None:
            self._known_threshold = self._read_threshold()
        return self._known_threshold

    def _read_threshold(self) -> float:
        call = READ_THRESHOLD
        answer = self._http.send(
            call.method, call.path, understood=(400, *_REFUSALS), **call.request
        )
        if answer.status != 200:
            return USUAL_THRESHOLD
        for entry in entries_of(media_container(answer.json()), "Setting"):
            value = require(Setting, entry).value
            if value.isdecimal() and 1 <= int(value) <= 100:
                return int(value) / 100
        return USUAL_THRESHOLD


def _parse_target(entry: object, target: Target) -> Entry | BackendError | None:
    if entry is None:
        if target.remote_id.isdecimal():
            return None
        return NotOnServer("Plex does not have this title.")
    try:
        title = require(Entry, entry)
    except BackendError as error:
        return error
    if not matches(title, target):
        return _other_title()
    return title


def _other_title() -> NotOnServer:
    return NotOnServer(
        "Plex has another title under this number now. Reading its library again helps."
    )


def _refusal(status: int, path: str) -> BackendError:
    is_about_title = path.startswith(("library/metadata/", ":/"))
    if status == 404 and is_about_title:
        return NotOnServer("Plex does not have this title any more.")
    if status == 404:
        return ServerTrouble(
            "Plex does not have what every server of its kind has. Is the address right?"
        )
    if status == 403 and is_about_title:
        return Rejected("Plex does not let this person see or change that title.")
    if status == 403:
        return SignInRefused("Plex knows this person, but does not allow what was asked.")
    return SignInRefused(
        "Plex refused this sign-in. Link the account again or enter another token; "
        "a friend's server must be shared with the account."
    )
