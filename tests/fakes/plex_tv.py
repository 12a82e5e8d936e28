"""A fake plex.tv: codes, people, a Plex Home, and a token for each person on each server."""

import re
from dataclasses import dataclass
from typing import Any

from tests.fakes.plex_http import FakeServer, Reply, Request, tree

#: The owner; a managed member of her Home, with a PIN; a friend.
ALICE, BOB, CAROL = 1001, 2002, 3003


@dataclass
class Pin:
    id: int
    code: str
    client: str
    token: str | None = None


def _person(user_id: int, title: str, **other: Any) -> dict[str, Any]:
    uuid = f"{user_id:016x}"
    return {
        "id": user_id,
        "uuid": uuid,
        "title": title,
        "friendlyName": "",
        "protected": False,
        **other,
    }


class FakePlexTv(FakeServer):
    def __init__(self) -> None:
        self.people = {
            ALICE: _person(ALICE, "alice", username="alice", email="alice@example.org", admin=True),
            BOB: _person(BOB, "Bob", username="", email="", protected=True),
            CAROL: _person(CAROL, "carol", username="carol", email="carol@example.org"),
        }
        self.passwords = {
            "alice": "correct horse",
            "alice@example.org": "correct horse",
            "carol": "staple",
        }
        self.home = [ALICE, BOB]
        self.pins_of_people = {BOB: "1234"}
        #: Account tokens.
        self.accounts = {"account-of-alice": ALICE, "account-of-carol": CAROL}
        #: Machine identifier → name.
        self.servers: dict[str, str] = {}
        #: Who may use the servers.
        self.shared_with = {ALICE, BOB, CAROL}
        #: How often server tokens were given anew.
        self.generation = 1
        self.pins: dict[int, Pin] = {}
        #: The list of a Home has been framed in more than one way.
        self.frames_home = False
        super().__init__()

    def server_token(self, user_id: int, machine_id: str) -> str:
        return f"server-{machine_id[:6]}-{user_id}-{self.generation}"

    def user_of_server_token(self, token: str, machine_id: str) -> int | None:
        tokens = {self.server_token(user_id, machine_id): user_id for user_id in self.shared_with}
        return tokens.get(token)

    def confirm(self, code: str, user_id: int = ALICE) -> None:
        """The person types the code at plex.tv/link."""
        pin = next(pin for pin in self.pins.values() if pin.code == code)
        pin.token = self._new_token(user_id)

    def _new_token(self, user_id: int) -> str:
        token = f"account-{user_id}-{len(self.accounts)}"
        self.accounts[token] = user_id
        return token

    def answer(self, request: Request) -> Reply:
        if not request.header("X-Plex-Client-Identifier"):
            return _refused(request, 400, 1000, "X-Plex-Client-Identifier is missing")
        path = request.path.removeprefix("/api/v2")
        if path.startswith("/pins"):
            return self._pin(request, path)
        if path == "/users/signin":
            return self._password(request)
        user = self.accounts.get(request.header("X-Plex-Token"))
        if user is None:
            return _refused(request, 401, 1001, "User could not be authenticated")
        if path == "/user":
            return tree(request, _account(self.people[user], request.header("X-Plex-Token")))
        if path == "/resources":
            return tree(request, self._resources(user))
        return self._home(request, path, user)

    def _pin(self, request: Request, path: str) -> Reply:
        client = request.header("X-Plex-Client-Identifier")
        if request.method == "POST" and path == "/pins":
            number = 564_964_750 + len(self.pins)
            strong = request.query.get("strong") == "true"
            pin = Pin(number, "x" * 25 if strong else f"AB{number % 100:02d}", client)
            self.pins[number] = pin
            return tree(request, _told(pin), status=201)
        found = self.pins.get(int(path.rpartition("/")[2]))
        # A code is shown to nobody but who asked for it.
        if found is None or found.client != client:
            return _refused(request, 404, 1020, "Code not found or expired")
        return tree(request, _told(found))

    def _password(self, request: Request) -> Reply:
        login = request.form.get("login", "")
        if self.passwords.get(login) != request.form.get("password"):
            return _refused(request, 401, 1001, "User could not be authenticated")
        user = next(
            one["id"] for one in self.people.values() if login in (one["username"], one["email"])
        )
        token = self._new_token(user)
        return tree(request, _account(self.people[user], token), status=201)

    def _resources(self, user: int) -> list[dict[str, Any]]:
        player = _device("Telly", "telly", provides="player")
        servers = [
            _device(
                name,
                machine_id,
                provides="server",
                owned=user == ALICE,
                ownerId=None if user == ALICE else ALICE,
                accessToken=self.server_token(user, machine_id),
            )
            for machine_id, name in self.servers.items()
            if user in self.shared_with
        ]
        return [player, *servers]

    def _home(self, request: Request, path: str, user: int) -> Reply:
        if user not in self.home:
            return _refused(request, 403, 1002, "Not in a Home")
        if path == "/home/users":
            people = [self.people[one] for one in self.home]
            framed = {"MediaContainer": {"User": people}} if self.frames_home else {"users": people}
            return tree(request, framed)
        if found := re.fullmatch(r"/home/users/(\w+)/switch", path):
            chosen = next((one for one in self.home if self.people[one]["uuid"] == found[1]), None)
            if chosen is None:
                return _refused(request, 404, 1040, "No such user")
            if self.pins_of_people.get(chosen, "") != request.query.get("pin", ""):
                return _refused(request, 401, 1041, "Invalid PIN")
            account = _account(self.people[chosen], self._new_token(chosen))
            return tree(request, account, status=201)
        return _refused(request, 404, 1000, "Not found")


def _device(name: str, identifier: str, **other: Any) -> dict[str, Any]:
    connection = {"protocol": "https", "address": "192.168.1.20", "port": 32400, "local": True}
    connection |= {
        "uri": "https://192-168-1-20.example.plex.direct:32400",
        "relay": False,
        "IPv6": False,
    }
    flags = (
        "owned",
        "home",
        "synced",
        "relay",
        "presence",
        "httpsRequired",
        "publicAddressMatches",
    )
    flags += ("dnsRebindingProtection", "natLoopbackSupported")
    words = ("product", "productVersion", "platform", "platformVersion", "device", "publicAddress")
    dates = {"createdAt": "2024-01-01T00:00:00Z", "lastSeenAt": "2026-01-01T00:00:00Z"}
    told = dict.fromkeys(words, "") | dict.fromkeys(flags, False) | dates
    told |= {"name": name, "clientIdentifier": identifier, "connections": [connection]}
    return {**told, "ownerId": None, "sourceTitle": None, "accessToken": "", **other}


def _account(person: dict[str, Any], token: str) -> dict[str, Any]:
    more = {"hasPassword": True, "joinedAt": 1_500_000_000, "twoFactorEnabled": False}
    return {**person, **more, "authToken": token}


def _told(pin: Pin) -> dict[str, Any]:
    return {
        "id": pin.id,
        "code": pin.code,
        "product": "mydia-web",
        "trusted": False,
        "clientIdentifier": pin.client,
        "expiresIn": 899,
        "authToken": pin.token,
    }


def _refused(request: Request, status: int, code: int, message: str) -> Reply:
    answer = {"errors": [{"code": code, "message": message, "status": status}]}
    return tree(request, answer, status=status)
