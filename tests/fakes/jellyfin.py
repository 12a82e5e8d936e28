"""A fake Jellyfin on loopback, with the state and the traps of 10.9 to 12."""

import re
from hashlib import md5
from typing import Any

from tests.fakes.jellyfin_routes import ROUTES
from tests.fakes.jellyfin_sign_in import Device, QuickConnect, authorization
from tests.fakes.mediabrowser import FakeServer, Reply, Request
from tests.fakes.mediabrowser_library import Library, Person, instant

__all__ = ["FakeJellyfin"]

_OPEN = re.compile(
    r"/(System/(Info/Public|Ping)|Users/(Public|AuthenticateBy.*|AuthenticateWith.*)|QuickConnect/.*)",
    re.IGNORECASE,
)
_PICTURES = re.compile(r"/Items/[^/]+/Images/.*", re.IGNORECASE)


class FakeJellyfin(FakeServer, Library):
    def __init__(self, *, version: str = "12.0.0", name: str = "Attic", prefix: str = "") -> None:
        Library.__init__(self)
        self.version, self.name = version, name
        self.product = "Jellyfin Server"
        self.server_id = md5(name.encode(), usedforsecurity=False).hexdigest()
        #: token → (person's id, "" for an API key; device's id)
        self.tokens: dict[str, tuple[str, str]] = {}
        self.devices: dict[tuple[str, str], Device] = {}
        self.codes: list[QuickConnect] = []
        self.quick_connect = True
        #: Answers with status 200 to what should change something, and stays as it is.
        self.ignores_changes = False
        #: What it has no route for, such as `POST /UserItems/.*`, and the status by which it says
        #: so.
        self.lacks: dict[str, int] = {}
        #: Ids to which it answers 500, as 10.11 does to that of a row of its own.
        self.fails_on_ids: set[str] = set()
        self._made = 0
        FakeServer.__init__(self, prefix=prefix)

    def _id(self, what: str) -> str:
        return md5(what.encode(), usedforsecurity=False).hexdigest()

    @property
    def major(self) -> int:
        return int(self.version.split(".")[0])

    def new_token(self, person: str, device: str) -> str:
        """A second login of the same person on the same device makes the first one's token
        invalid.
        """
        for token, owner in list(self.tokens.items()):
            if owner == (person, device) and person:
                del self.tokens[token]
        self._made += 1
        token = md5(f"token {self._made}".encode(), usedforsecurity=False).hexdigest()
        self.tokens[token] = (person, device)
        return token

    def api_key(self) -> str:
        return self.new_token("", "")

    def confirm(self, code: str, person: Person) -> None:
        """The person types the code in their own Jellyfin."""
        next(one for one in self.codes if one.code == code).person = person.id

    def answer(self, request: Request) -> Reply:
        caller = self._caller(request)
        path = request.path
        if any(one in request.target for one in self.fails_on_ids):
            return Reply(500)
        if caller is None and not _OPEN.fullmatch(path) and not _PICTURES.fullmatch(path):
            return Reply(401)
        if (
            caller is not None
            and caller.person in self.people
            and self.people[caller.person].is_disabled
        ):
            return Reply(403)
        for lacking, status in self.lacks.items():
            if re.fullmatch(lacking, f"{request.method} {path}"):
                return Reply(status)
        for method, pattern, route in ROUTES:
            if method == request.method and (found := pattern.fullmatch(path)):
                return route(self, request, caller, *found.groups())
        return Reply(404)

    def _caller(self, request: Request) -> Device | None:
        said = authorization(request, legacy=self.major < 12)
        token = said.get("Token", "")
        if token not in self.tokens:
            return None
        person, device_id = self.tokens[token]
        key = (person, said.get("DeviceId", device_id))
        device = Device(key[1], said.get("Device", ""), said.get("Client", ""), person)
        return self.devices.setdefault(key, device)

    def user_data(self, title: Any, person: str) -> dict[str, Any]:
        if title.type == "Series":
            return self._series_data(title, person)
        state = title.state(person)
        rows = [state]
        if self.major >= 12:
            rows += [version.state(person) for version in title.versions]
        last = max((row.last_played for row in rows if row.last_played), default=None)
        data: dict[str, Any] = {
            "PlaybackPositionTicks": state.position,
            "PlayCount": state.play_count,
            "IsFavorite": state.favorite,
            "Played": any(row.played for row in rows),
            "Key": title.id,
            "ItemId": title.id,
        }
        if state.position and title.ticks:
            data["PlayedPercentage"] = state.position * 100 / title.ticks
        if last:
            data["LastPlayedDate"] = instant(last)
        if state.rating is not None:
            data["Rating"] = state.rating
        return data

    def _series_data(self, series: Any, person: str) -> dict[str, Any]:
        left = [one for one in self.episodes_of(series) if not one.state(person).played]
        return {
            "UnplayedItemCount": len(left),
            "PlaybackPositionTicks": 0,
            "PlayCount": 0,
            "IsFavorite": series.state(person).favorite,
            "Played": not left and bool(self.episodes_of(series)),
            "Key": series.id,
            "ItemId": series.id,
        }
