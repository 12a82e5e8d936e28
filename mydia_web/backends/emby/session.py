"""Signing in at an Emby: with a password, or with an API key and the name of the person it shall
act for.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mydia_web.backends.http import Http
from mydia_web.backends.mediabrowser.models import User
from mydia_web.backends.mediabrowser.session import VERSION, Session
from mydia_web.backends.values import Connection, RemoteUser


class EmbySession(Session):
    product = "Emby"

    def __init__(self, http: Http, connection: Connection) -> None:
        self._device_id = connection.device_id
        super().__init__(http, connection)

    def headers(self, token: str) -> Mapping[str, str]:
        parts = {
            "Client": "mydia-web",
            "Device": "mydia-web",
            "DeviceId": self._device_id,
            "Version": VERSION,
        }
        said = ", ".join(f'{name}="{quote(value, safe="")}"' for name, value in parts.items())
        # The second even where it is empty: it takes the place of a token that is no longer good.
        return {"X-Emby-Authorization": f"Emby {said}", "X-Emby-Token": token}

    def whose_token(self) -> RemoteUser | None:
        """Emby does not tell whom a token belongs to, but whether it may act for a person whose id
        is known.
        """
        return self._person_of(user_id) if (user_id := self.known_user_id) else None

    def people(self) -> Sequence[RemoteUser]:
        """All of them for an administrator; for others those who are shown to everyone at the
        sign-in.
        """
        answer = self.raw("GET", "Users/Query")
        if answer.status in (401, 403):
            answer = self.raw("GET", "Users/Public")
        self.check(answer)
        told: Any = answer.json()
        return self.persons(told.get("Items") if isinstance(told, dict) else told)

    def _find(self, wanted: str) -> RemoteUser:
        # Who is shown to everyone is found with any token at all, so that this one is tried.
        return self._person_of(super()._find(wanted).remote_id)

    def _person_of(self, user_id: str) -> RemoteUser:
        answer = self.raw("GET", f"Users/{quote(user_id, safe='')}")
        if answer.status == 404:
            raise self.no_such_user(user_id)
        self.check(answer)
        return self.person(self.read(User, answer.json()))
