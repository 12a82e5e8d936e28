"""Signing in at the fake Jellyfin, and its people."""

from hashlib import md5
from typing import TYPE_CHECKING, Any

from tests.fakes.jellyfin_sign_in import Device, QuickConnect, authorization, needed
from tests.fakes.mediabrowser import Refusal, Reply, Request
from tests.fakes.mediabrowser_library import Person, instant

if TYPE_CHECKING:
    from tests.fakes.jellyfin import FakeJellyfin

_PROVIDERS = "Jellyfin.Server.Implementations.Users"


def public_info(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply.json(_info(jellyfin))


def system_info(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply.json({**_info(jellyfin), "HasPendingRestart": False})


def ping(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply.json("Jellyfin Server")


def _info(jellyfin: "FakeJellyfin") -> dict[str, Any]:
    told = {
        "LocalAddress": "http://192.168.1.20:8096",
        "ServerName": jellyfin.name,
        "Version": jellyfin.version,
        "ProductName": jellyfin.product,
        "OperatingSystem": "",
        "Id": jellyfin.server_id,
        "StartupWizardCompleted": True,
    }
    return {name: value for name, value in told.items() if value is not None}


def user(jellyfin: "FakeJellyfin", person: Person) -> dict[str, Any]:
    return {
        "Name": person.name,
        "ServerId": jellyfin.server_id,
        "Id": person.id,
        "HasPassword": bool(person.password),
        "HasConfiguredPassword": bool(person.password),
        "HasConfiguredEasyPassword": False,
        "EnableAutoLogin": False,
        "LastLoginDate": instant(jellyfin.now()),
        "Policy": {
            "IsAdministrator": person.is_admin,
            "IsHidden": False,
            "IsDisabled": person.is_disabled,
            "EnableUserPreferenceAccess": person.may_write,
            "AuthenticationProviderId": f"{_PROVIDERS}.DefaultAuthenticationProvider",
            "PasswordResetProviderId": f"{_PROVIDERS}.DefaultPasswordResetProvider",
        },
    }


def me(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    if not caller.person:  # an API key
        raise Refusal(400, {"title": "Bad Request", "status": 400})
    return Reply.json(user(jellyfin, jellyfin.people[caller.person]))


def users(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    return Reply.json([user(jellyfin, person) for person in jellyfin.people.values()])


def public_users(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply.json(
        [user(jellyfin, one) for one in jellyfin.people.values() if not one.is_disabled]
    )


def one_user(jellyfin: "FakeJellyfin", request: Request, caller: "Device", person: str) -> Reply:
    if person.lower() not in jellyfin.people:
        raise Refusal(404)
    return Reply.json(user(jellyfin, jellyfin.people[person.lower()]))


def by_name(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    said = _device(jellyfin, request)
    typed = {name.lower(): value for name, value in request.json.items()}
    for person in jellyfin.people.values():
        if person.name.lower() == str(typed.get("username", "")).lower():
            if person.password != (typed.get("pw") or ""):
                break
            if person.is_disabled:
                raise Refusal(403, "Error processing request.")
            return _signed_in(jellyfin, person, said)
    raise Refusal(401, "Error processing request.")


def _device(jellyfin: "FakeJellyfin", request: Request) -> dict[str, str]:
    return needed(authorization(request, legacy=jellyfin.major < 12))


def _signed_in(jellyfin: "FakeJellyfin", person: Person, said: dict[str, str]) -> Reply:
    token = jellyfin.new_token(person.id, said["DeviceId"])
    session = {
        "Id": md5(token.encode(), usedforsecurity=False).hexdigest(),
        "UserId": person.id,
        "UserName": person.name,
        "Client": said["Client"],
        "DeviceName": said["Device"],
        "DeviceId": said["DeviceId"],
        "ApplicationVersion": said["Version"],
        "ServerId": jellyfin.server_id,
        "LastActivityDate": instant(jellyfin.now()),
    }
    return Reply.json(
        {
            "User": user(jellyfin, person),
            "SessionInfo": session,
            "AccessToken": token,
            "ServerId": jellyfin.server_id,
        }
    )


def quick_connect_enabled(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply.json(jellyfin.quick_connect)


def initiate(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    if not jellyfin.quick_connect:
        raise Refusal(
            401, {"title": "Unauthorized", "status": 401, "detail": "Quick connect is disabled"}
        )
    said = _device(jellyfin, request)
    number = len(jellyfin.codes) + 1
    secret = md5(f"secret {number}".encode(), usedforsecurity=False).hexdigest() * 2
    code = QuickConnect(f"{123455 + number}", secret)
    jellyfin.codes.append(code)
    return Reply.json(_code(jellyfin, code, said))


def connect(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    if not jellyfin.quick_connect:
        raise Refusal(
            401, {"title": "Unauthorized", "status": 401, "detail": "Quick connect is disabled"}
        )
    return Reply.json(_code(jellyfin, _found(jellyfin, request.asked("secret")), {}))


def by_quick_connect(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    code = _found(jellyfin, request.json["Secret"])
    if not code.person:
        raise Refusal(
            404, {"title": "Not Found", "status": 404, "detail": "Unable to find request"}
        )
    return _signed_in(jellyfin, jellyfin.people[code.person], _device(jellyfin, request))


def _found(jellyfin: "FakeJellyfin", secret: str) -> "QuickConnect":
    for code in jellyfin.codes:
        if code.secret == secret:
            return code
    raise Refusal(404, {"title": "Not Found", "status": 404, "detail": "Unable to find request"})


def _code(jellyfin: "FakeJellyfin", code: "QuickConnect", said: dict[str, str]) -> dict[str, Any]:
    return {
        "Authenticated": bool(code.person),
        "Secret": code.secret,
        "Code": code.code,
        "DeviceId": said.get("DeviceId", ""),
        "DeviceName": said.get("Device", ""),
        "AppName": said.get("Client", ""),
        "AppVersion": said.get("Version", ""),
        "DateAdded": instant(jellyfin.now()),
    }


def log_out(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    for token, owner in list(jellyfin.tokens.items()):
        if owner == (caller.person, caller.id):
            del jellyfin.tokens[token]
    return Reply(204)


def new_key(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
    person = jellyfin.people.get(caller.person)
    if person and not person.is_admin:
        raise Refusal(403)
    jellyfin.api_key()
    return Reply(204)


def whom(jellyfin: "FakeJellyfin", caller: "Device", asked: str) -> str:
    """Return the person of a request: only an administrator and an API key act for others."""
    asked = asked.replace("-", "").lower()
    if not asked:
        return caller.person
    if asked != caller.person and caller.person and not jellyfin.people[caller.person].is_admin:
        raise Refusal(403)
    if asked not in jellyfin.people:
        raise Refusal(404)
    return asked
