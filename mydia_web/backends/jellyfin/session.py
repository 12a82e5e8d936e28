"""The sign-in at a Jellyfin, by the scheme `MediaBrowser`: Jellyfin 12 has disabled the others."""

from collections.abc import Mapping, Sequence

from mydia_web.backends.errors import LinkEnded, Rejected, ServerTrouble, SignInRefused
from mydia_web.backends.mediabrowser.models import Payload, User
from mydia_web.backends.mediabrowser.session import Session
from mydia_web.backends.values import LinkCode, Linked, RemoteUser

#: How long Jellyfin keeps a code, unless it restarts.
_CODE_SECONDS = 600.0
_POLL_SECONDS = 5.0


class Code(Payload):
    """A Quick Connect code."""

    authenticated: bool = False
    secret: str = ""
    code: str = ""


class JellyfinSession(Session):
    product = "Jellyfin"

    def headers(self, token: str) -> Mapping[str, str]:
        client = self._client()
        if token:
            client = self._client(Token=token)
        return {"Authorization": f"MediaBrowser {client}"}

    def own_headers(self) -> Mapping[str, str]:
        """Return the headers that name the person on a connection that is not HTTP."""
        _ = self.user
        return self.headers(self._token)

    def token_owner(self) -> RemoteUser | None:
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
        # Everyone may list people, but only an administrator or an API key act for others: try it.
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
                "Quick Connect is switched off on this Jellyfin. Sign in with a user name and "
                "password, or have Quick Connect switched on: Dashboard, General."
            )
        self.check(answer)
        code = self.read(Code, answer.json())
        if not code.code or not code.secret:
            raise ServerTrouble("Jellyfin gave no code. Trying again may help.")
        return LinkCode(
            code=code.code,
            url=page,
            secret={"secret": code.secret},
            interval=_POLL_SECONDS,
            expires_in=_CODE_SECONDS,
        )

    def poll_link(self, secret: str) -> Linked | None:
        state = self.raw("GET", "QuickConnect/Connect", params={"secret": secret})
        self._check_code(state.status)
        self.check(state)
        if not self.read(Code, state.json()).authenticated:
            return None
        answer = self.raw("POST", "Users/AuthenticateWithQuickConnect", json={"Secret": secret})
        self._check_code(answer.status)
        person = self.take(answer)
        credentials = {"token": self._token}
        if self.server_id:
            credentials["server_id"] = self.server_id
        return Linked(credentials, person.remote_id, person.name)

    def _check_code(self, status: int) -> None:
        if status in (401, 403, 404):
            raise LinkEnded("Jellyfin does not know this code any more. Ask for a new one.")
