"""A fake Emby on loopback, with the state and the traps of 4.8 and 4.9."""

import re
from collections.abc import Callable
from hashlib import md5
from typing import Any

from tests.fakes.emby_routes import ROUTES
from tests.fakes.mediabrowser import FakeServer, Refusal, Reply, Request
from tests.fakes.mediabrowser_library import Library, Person, Title, instant

__all__ = ["FakeEmby"]

_OPEN = re.compile(
    r"/(System/(Info/Public|Ping)|Users/(Public|AuthenticateByName)|Items/[^/]+/Images/.*)",
    re.IGNORECASE,
)


class FakeEmby(FakeServer, Library):
    """Ids of titles are numbers; every route also lives under /emby."""

    def __init__(
        self, *, version: str = "4.9.1.90", name: str = "Cellar", prefix: str = ""
    ) -> None:
        self._last_id = 4915
        Library.__init__(self)
        self.version, self.name = version, name
        self.server_id = md5(name.encode(), usedforsecurity=False).hexdigest()
        #: token → the person's id, "" for an API key
        self.tokens: dict[str, str] = {}
        self.product: str | None = None
        #: What players report.
        self.sessions: list[dict[str, Any]] = []
        self.ignores_changes = False
        #: Called after a state was stored, each once: somebody else may write at the same time.
        self.after_storing: list[Callable[[], None]] = []
        FakeServer.__init__(self, prefix=prefix)

    def _id(self, what: str) -> str:
        self._last_id += 1
        return str(self._last_id)

    def new_token(self, person: str, device: str) -> str:
        token = md5(
            f"token {len(self.tokens)} {device}".encode(), usedforsecurity=False
        ).hexdigest()
        self.tokens[token] = person
        return token

    def api_key(self) -> str:
        return self.new_token("", "")

    def answer(self, request: Request) -> Reply:
        path = re.sub("^/emby(?=/)", "", request.path, flags=re.IGNORECASE)
        caller = self.tokens.get(_headers(request).get("x-emby-token", ""))
        if caller is None and not _OPEN.fullmatch(path):
            return Reply(401, b"Access token is invalid or expired.", "text/plain")
        for method, pattern, route in ROUTES:
            if method == request.method and (found := pattern.fullmatch(path)):
                return route(self, request, caller or "", *found.groups())
        return Reply(404)

    def is_privileged(self, caller: str) -> bool:
        return not caller or self.people[caller].is_admin

    def person(self, caller: str, asked: str) -> Person:
        """Return the person of a path; only an administrator and an API key may act for others."""
        person = self.people.get(asked.replace("-", "").lower())
        if person is None:
            raise Refusal(404)
        if person.id != caller and not self.is_privileged(caller):
            raise Refusal(403)
        return person

    def user_data(self, title: Title, person: Person) -> dict[str, Any]:
        if title.type == "Series":
            left = [one for one in self.episodes_of(title) if not one.state(person.id).played]
            data = {"UnplayedItemCount": len(left), "PlaybackPositionTicks": 0, "PlayCount": 0}
            return data | {"IsFavorite": False, "Played": not left}
        state = title.state(person.id)
        data = {
            "PlaybackPositionTicks": state.position,
            "PlayCount": state.play_count,
            "IsFavorite": state.favorite,
            "Played": state.played,
        }
        if state.position and title.ticks:
            data["PlayedPercentage"] = state.position * 100 / title.ticks
        if state.rating is not None:
            data["Rating"] = state.rating
        return data | ({"LastPlayedDate": instant(state.last_played)} if state.last_played else {})


def _headers(request: Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}
