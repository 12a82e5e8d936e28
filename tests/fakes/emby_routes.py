"""The routes of the fake Emby."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from tests.fakes.mediabrowser import Refusal, Reply, Request
from tests.fakes.mediabrowser_library import Person, State, Title, instant, parsed

if TYPE_CHECKING:
    from tests.fakes.emby import FakeEmby


def public_info(emby: "FakeEmby", request: Request, caller: str) -> Reply:
    """Without the name of the product, unless a test gives it one."""
    told = {
        "LocalAddress": "http://192.168.1.20:8096",
        "ServerName": emby.name,
        "Version": emby.version,
    }
    named = {} if emby.product is None else {"ProductName": emby.product}
    return Reply.json({**told, **named, "Id": emby.server_id})


def by_name(emby: "FakeEmby", request: Request, caller: str) -> Reply:
    headers = {name.lower(): value for name, value in request.headers.items()}
    said = dict(re.findall(r'(\w+)="([^"]*)"', headers.get("x-emby-authorization", "")))
    if not all(said.get(name) for name in ("Client", "Device", "DeviceId", "Version")):
        raise Refusal(400)
    for person in emby.people.values():
        if (
            person.name.lower() == request.json["Username"].lower()
            and person.password == request.json["Pw"]
        ):
            if person.is_disabled:
                raise Refusal(403)
            token = emby.new_token(person.id, said["DeviceId"])
            found = {"User": user(emby, person), "AccessToken": token, "ServerId": emby.server_id}
            return Reply.json({**found, "SessionInfo": {"Id": token[:8], "UserId": person.id}})
    raise Refusal(401)


def user(emby: "FakeEmby", person: Person) -> dict[str, Any]:
    policy = {"IsAdministrator": person.is_admin, "IsDisabled": person.is_disabled}
    return {"Name": person.name, "ServerId": emby.server_id, "Id": person.id, "Policy": policy}


def users(emby: "FakeEmby", request: Request, caller: str) -> Reply:
    if not emby.is_privileged(caller):
        raise Refusal(403)
    found = [user(emby, person) for person in emby.people.values()]
    return Reply.json({"Items": found, "TotalRecordCount": len(found)})


def public_users(emby: "FakeEmby", request: Request, caller: str) -> Reply:
    return Reply.json(
        [user(emby, person) for person in emby.people.values() if not person.is_disabled]
    )


def one_user(emby: "FakeEmby", request: Request, caller: str, person: str) -> Reply:
    return Reply.json(user(emby, emby.person(caller, person)))


def views(emby: "FakeEmby", request: Request, caller: str, person: str) -> Reply:
    emby.person(caller, person)
    found = [
        {
            "Name": place.name,
            "Id": place.id,
            "Type": "CollectionFolder",
            **({"CollectionType": place.collection_type} if place.collection_type else {}),
        }
        for place in emby.places
    ]
    return Reply.json({"Items": found, "TotalRecordCount": len(found)})


def listing(emby: "FakeEmby", request: Request, caller: str, person_id: str) -> Reply:
    """Arrays have commas; of a repeated parameter only the first counts."""
    person = emby.person(caller, person_id)
    types, ids = _array(request, "IncludeItemTypes"), _array(request, "Ids")
    parent, since = request.asked("ParentId"), request.asked("MinDateLastSavedForUser")
    if types == ["season"]:
        seasons = emby.seasons_of(parent)
        return Reply.json({"Items": seasons, "TotalRecordCount": len(seasons)})
    found = [
        title
        for title in emby.titles.values()
        if person.id not in title.hidden_from
        and (not types or title.type.lower() in types)
        and (not ids or title.id in ids)
        and (not parent or (title.place and title.place.id == parent))
        and (not since or _saved(title, person) >= parsed(since))
    ]
    found.sort(key=lambda title: (title.created, title.name))
    start, limit = request.number("StartIndex", 0), request.number("Limit", len(found))
    page = [_entry(emby, title, person, request) for title in found[start : start + limit]]
    return Reply.json({"Items": page, "TotalRecordCount": len(found)})


def _array(request: Request, name: str) -> list[str]:
    return [part.lower() for part in request.asked(name).split(",") if part]


def _saved(title: Title, person: Person) -> datetime:
    return title.state(person.id).saved_at or datetime.min.replace(tzinfo=UTC)


def _entry(emby: "FakeEmby", title: Title, person: Person, request: Request) -> dict[str, Any]:
    """In a listing the date and the count of plays are left out unless they are asked for by
    name.
    """
    fields = _array(request, "Fields")
    told = _shown(emby, title, person)
    for name, field in (
        ("ProviderIds", "providerids"),
        ("Path", "path"),
        ("ProductionYear", "productionyear"),
    ):
        if field not in fields:
            told.pop(name, None)
    if request.asked("EnableUserData").lower() == "false":
        told.pop("UserData", None)
    elif told.get("UserData"):
        told["UserData"] = _told_in_listing(told["UserData"], fields)
    return told | title.broken


def _told_in_listing(data: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    data = dict(data)
    if "userdatalastplayeddate" not in fields:
        data.pop("LastPlayedDate", None)
    if "userdataplaycount" not in fields:
        data["PlayCount"] = 0
    return data


def _shown(emby: "FakeEmby", title: Title, person: Person) -> dict[str, Any]:
    told: dict[str, Any] = {
        "Name": title.name,
        "ServerId": emby.server_id,
        "Id": title.id,
        "Type": title.type,
        "Path": title.path,
        "ProviderIds": dict(title.ids),
        "ImageTags": {"Primary": title.picture_tag},
        "UserData": emby.user_data(title, person),
    }
    known = {"RunTimeTicks": title.ticks, "ProductionYear": title.year}
    told |= {name: value for name, value in known.items() if value}
    if title.series:
        aired = instant(datetime(2019, 3, 1 + (title.number or 0) % 28, tzinfo=UTC))
        told |= {
            "SeriesName": title.series.name,
            "SeriesId": title.series.id,
            "PremiereDate": aired,
        }
        numbers = {
            "ParentIndexNumber": title.season,
            "IndexNumber": title.number,
            "IndexNumberEnd": title.number_end,
        }
        told |= {name: value for name, value in numbers.items() if value is not None}
    return told


def _title(emby: "FakeEmby", item: str, person: Person) -> Title:
    title = emby.titles.get(item)
    if title is None or person.id in title.hidden_from:
        raise Refusal(404)
    return title


def one(emby: "FakeEmby", request: Request, caller: str, person_id: str, item: str) -> Reply:
    person = emby.person(caller, person_id)
    return Reply.json(_shown(emby, _title(emby, item, person), person))


def mark(emby: "FakeEmby", request: Request, caller: str, person_id: str, item: str) -> Reply:
    """Each call is one more play."""
    person = emby.person(caller, person_id)
    title, date = _title(emby, item, person), request.asked("DatePlayed")
    if date and not re.fullmatch(r"\d{14}", date):
        raise Refusal(400)
    state = title.state(person.id)
    if not emby.ignores_changes:
        now = emby.now()
        state.last_played = (
            datetime.strptime(date, "%Y%m%d%H%M%S").replace(tzinfo=UTC) if date else now
        )
        state.play_count += 1
        state.played, state.position, state.saved_at = True, 0, now
    return Reply.json(emby.user_data(title, person))


def unmark(emby: "FakeEmby", request: Request, caller: str, person_id: str, item: str) -> Reply:
    person = emby.person(caller, person_id)
    title = _title(emby, item, person)
    if not emby.ignores_changes:
        emby.unwatch(person, title)
    return Reply.json(emby.user_data(title, person))


def replace(emby: "FakeEmby", request: Request, caller: str, person_id: str, item: str) -> Reply:
    """The whole state, whatever is left out falls to its default. The answer is empty."""
    person = emby.person(caller, person_id)
    title, told = _title(emby, item, person), request.json
    if not emby.ignores_changes:
        last = told.get("LastPlayedDate")
        title.states[person.id] = State(
            played=told.get("Played", False),
            position=told.get("PlaybackPositionTicks", 0),
            play_count=told.get("PlayCount") or 0,
            last_played=parsed(last) if last else None,
            favorite=told.get("IsFavorite", False),
            rating=told.get("Rating"),
            saved_at=emby.now(),
        )
    if emby.after_storing:
        emby.after_storing.pop(0)()
    return Reply()


def sessions(emby: "FakeEmby", request: Request, caller: str) -> Reply:
    return Reply.json(emby.sessions)


def picture(emby: "FakeEmby", request: Request, caller: str, item: str) -> Reply:
    if item not in emby.titles:
        raise Refusal(404)
    return Reply(200, emby.picture_of(emby.titles[item]), "image/png")


def _route(
    method: str, pattern: str, act: Callable[..., Reply]
) -> tuple[str, re.Pattern[str], Any]:
    return method, re.compile(pattern.replace("*", "([^/]+)"), re.IGNORECASE), act


ROUTES = [
    _route("GET", "/System/Info/Public", public_info),
    _route("POST", "/Users/AuthenticateByName", by_name),
    _route("GET", "/Users/Query", users),
    _route("GET", "/Users/Public", public_users),
    _route("GET", "/Users/*", one_user),
    _route("GET", "/Users/*/Views", views),
    _route("GET", "/Users/*/Items", listing),
    _route("GET", "/Users/*/Items/*", one),
    _route("POST", "/Users/*/PlayedItems/*", mark),
    _route("DELETE", "/Users/*/PlayedItems/*", unmark),
    _route("POST", "/Users/*/PlayedItems/*/Delete", unmark),
    _route("POST", "/Users/*/Items/*/UserData", replace),
    _route("GET", "/Sessions", sessions),
    _route("GET", "/Items/*/Images/Primary", picture),
]
