"""Signing in at a Jellyfin. Only the scheme `MediaBrowser` is used: Jellyfin 12 has switched the
others off.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mydia_web.backends.errors import LinkEnded, Rejected, ServerTrouble, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.mediabrowser.models import Sent, User
from mydia_web.backends.mediabrowser.session import VERSION, Session
from mydia_web.backends.values import Connection, LinkCode, Linked, RemoteUser

#: As long as Jellyfin keeps a code, in seconds; a restart forgets it sooner.
_CODE_LASTS = 600.0
_ASK_EVERY = 5.0


class Code(Sent):
    """What Jellyfin says of a Quick Connect code."""

    authenticated: bool = False
    secret: str = ""
    code: str = ""


class JellyfinSession(Session):
    product = "Jellyfin"

    def __init__(self, http: Http, connection: Connection) -> None:
        self._device_id = connection.device_id
        super().__init__(http, connection)

    def headers(self, token: str) -> Mapping[str, str]:
        parts = {
            "Client": "mydia-web",
            "Device": "mydia-web",
            "DeviceId": self._device_id,
            "Version": VERSION,
        } | ({"Token": token} if token else {})
        said = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in parts.items())
        return {"Authorization": f"MediaBrowser {said}"}

    def own_headers(self) -> Mapping[str, str]:
        """How the person is named on a connection that is not ours to send requests on."""
        _ = self.user
        return self.headers(self._token)

    def whose_token(self) -> RemoteUser | None:
        answer = self.raw("GET", "Users/Me", understood=(400,))
        if answer.status == 400:  # an API key
            return None
        self.check(answer)
        return self.person(self.read(User, answer.json()))

    def people(self) -> Sequence[RemoteUser]:
        answer = self.raw("GET", "Users")
        self.check(answer)
        return self.persons(answer.json())

    def _find(self, wanted: str) -> RemoteUser:
        # Everyone may see who there is, but only an administrator or an API key act for others: so
        # that is tried.
        person = super()._find(wanted)
        answer = self.raw("GET", "UserViews", params={"userId": person.remote_id})
        if answer.status == 403:
            raise SignInRefused(
                f"This token is not that of {person.name}, and may not act for others."
            )
        self.check(answer)
        return person

    def begin_link(self, page: str) -> LinkCode:
        answer = self.raw("POST", "QuickConnect/Initiate")
        if answer.status in (401, 403):
            raise Rejected(
                "Quick Connect is switched off on this Jellyfin. Sign in with a user name and password, "
                "or have Quick Connect switched on: Dashboard, General."
            )
        self.check(answer)
        code = self.read(Code, answer.json())
        if not code.code or not code.secret:
            raise ServerTrouble("Jellyfin gave no code. Trying again may help.")
        return LinkCode(code.code, page, {"secret": code.secret}, _ASK_EVERY, _CODE_LASTS)

    def poll_link(self, secret: str) -> Linked | None:
        if not self._read_code("GET", "QuickConnect/Connect", params={"secret": secret}):
            return None
        answer = self.raw("POST", "Users/AuthenticateWithQuickConnect", json={"Secret": secret})
        self._check_code(answer.status)
        person = self.take(answer)
        kept = {"token": self._token, "server_id": self.server_id}
        return Linked(
            {name: value for name, value in kept.items() if value}, person.remote_id, person.name
        )

    def _read_code(self, method: str, path: str, **request: Any) -> bool:
        answer = self.raw(method, path, **request)
        self._check_code(answer.status)
        self.check(answer)
        return self.read(Code, answer.json()).authenticated

    def _check_code(self, status: int) -> None:
        if status in (401, 403, 404):
            raise LinkEnded("Jellyfin does not know this code any more. Ask for a new one.")
