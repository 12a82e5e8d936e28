"""The routes of the fake Jellyfin. It does not tell cases apart, and still has the old ones that
nobody documents.
"""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tests.fakes import jellyfin_listing as listing
from tests.fakes import jellyfin_marks as marks
from tests.fakes import jellyfin_people as people
from tests.fakes import jellyfin_players as players
from tests.fakes.mediabrowser import Refusal, Reply, Request
from tests.fakes.mediabrowser_library import Title

if TYPE_CHECKING:
    from tests.fakes.jellyfin import FakeJellyfin
    from tests.fakes.jellyfin_sign_in import Device

ALL_FIELDS = ("ProviderIds", "Path", "DateCreated", "MediaSourceCount")


def _title(jellyfin: "FakeJellyfin", item: str, person: str) -> Title:
    """A title that a person may not see does not exist for them."""
    plain = item.replace("-", "").lower()
    if not re.fullmatch(r"[0-9a-f]{32}", plain):
        raise Refusal(400)
    title = jellyfin.titles.get(plain)
    if title is None or person in title.hidden_from:
        raise Refusal(404, {"title": "Not Found", "status": 404})
    return title


def _of_person(act: Callable[..., Reply]) -> Callable[..., Reply]:
    """A listing for `userId`."""

    def route(jellyfin: "FakeJellyfin", request: Request, caller: "Device") -> Reply:
        return act(jellyfin, request, people.whom(jellyfin, caller, request.asked("userId")))

    return route


def _old_of_person(act: Callable[..., Reply]) -> Callable[..., Reply]:
    def route(jellyfin: "FakeJellyfin", request: Request, caller: "Device", person: str) -> Reply:
        return act(jellyfin, request, people.whom(jellyfin, caller, person))

    return route


def _of_title(act: Callable[..., Reply]) -> Callable[..., Reply]:
    def route(jellyfin: "FakeJellyfin", request: Request, caller: "Device", item: str) -> Reply:
        person = people.whom(jellyfin, caller, request.asked("userId"))
        return act(jellyfin, _title(jellyfin, item, person), person, request)

    return route


def _old_of_title(act: Callable[..., Reply]) -> Callable[..., Reply]:
    def route(
        jellyfin: "FakeJellyfin", request: Request, caller: "Device", user: str, item: str
    ) -> Reply:
        person = people.whom(jellyfin, caller, user)
        return act(jellyfin, _title(jellyfin, item, person), person, request)

    return route


def _show(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    return Reply.json(listing.entry(jellyfin, title, person, ALL_FIELDS))


def _data(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    return Reply.json(jellyfin.user_data(title, person))


def _episodes(jellyfin: "FakeJellyfin", title: Title, person: str, request: Request) -> Reply:
    found = [listing.entry(jellyfin, one, person, ()) for one in jellyfin.episodes_of(title)]
    return Reply.json({"Items": found, "TotalRecordCount": len(found), "StartIndex": 0})


def _views(jellyfin: "FakeJellyfin", request: Request, person: str) -> Reply:
    found = listing.views(jellyfin)
    return Reply.json({"Items": found, "TotalRecordCount": len(found), "StartIndex": 0})


def _picture(jellyfin: "FakeJellyfin", request: Request, caller: object, item: str) -> Reply:
    title = jellyfin.titles.get(item.replace("-", "").lower())
    if title is None or not title.picture_tag:
        raise Refusal(404, {"title": "Not Found", "status": 404})
    return Reply(200, jellyfin.picture_of(title), "image/png")


def _done(jellyfin: "FakeJellyfin", request: Request, caller: object) -> Reply:
    return Reply(204)


def _routes(
    *routes: tuple[str, str, Callable[..., Any]],
) -> list[tuple[str, re.Pattern[str], Callable[..., Any]]]:
    return [
        (method, re.compile(pattern.replace("*", "([^/]+)"), re.IGNORECASE), act)
        for method, pattern, act in routes
    ]


ROUTES = _routes(
    ("GET", "/System/Info/Public", people.public_info),
    ("GET", "/System/Info", people.system_info),
    ("GET", "/System/Ping", people.ping),
    ("POST", "/Users/AuthenticateByName", people.by_name),
    ("POST", "/Users/AuthenticateWithQuickConnect", people.by_quick_connect),
    ("GET", "/QuickConnect/Enabled", people.quick_connect_enabled),
    ("POST", "/QuickConnect/Initiate", people.initiate),
    ("GET", "/QuickConnect/Connect", people.connect),
    ("POST", "/Sessions/Logout", people.log_out),
    ("POST", "/Auth/Keys", people.new_key),
    ("GET", "/Users/Me", people.me),
    ("GET", "/Users/Public", people.public_users),
    ("GET", "/Users", people.users),
    ("GET", "/Users/*", people.one_user),
    ("GET", "/UserViews", _of_person(_views)),
    ("GET", "/Items", _of_person(listing.items)),
    ("GET", "/UserItems/Resume", _of_person(listing.resumable)),
    ("GET", "/Shows/NextUp", _of_person(listing.next_up)),
    ("GET", "/Shows/*/Episodes", _of_title(_episodes)),
    ("GET", "/Items/*", _of_title(_show)),
    ("GET", "/Items/*/Images/Primary", _picture),
    ("GET", "/UserItems/*/UserData", _of_title(_data)),
    ("POST", "/UserItems/*/UserData", _of_title(marks.patch)),
    ("POST", "/UserPlayedItems/*", _of_title(marks.mark)),
    ("DELETE", "/UserPlayedItems/*", _of_title(marks.unmark)),
    ("GET", "/Sessions", players.sessions),
    ("POST", "/Sessions/Playing", players.started),
    ("POST", "/Sessions/Playing/Progress", players.progressed),
    ("POST", "/Sessions/Playing/Stopped", players.stopped),
    ("POST", "/Sessions/Capabilities/Full", _done),
    ("GET", "/Users/*/Views", _old_of_person(_views)),
    ("GET", "/Users/*/Items", _old_of_person(listing.items)),
    ("GET", "/Users/*/Items/Resume", _old_of_person(listing.resumable)),
    ("GET", "/Users/*/Items/*", _old_of_title(_show)),
    ("POST", "/Users/*/PlayedItems/*", _old_of_title(marks.mark)),
    ("DELETE", "/Users/*/PlayedItems/*", _old_of_title(marks.unmark)),
)
