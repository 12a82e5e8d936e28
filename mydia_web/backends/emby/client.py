"""The Emby backend.

Its dates: `LastPlayedDate` is taken as Jellyfin's, whose code it shares: when a play began, or what
was given with a mark. When a person's state was saved is another date, which Emby does not show but
selects by (`MinDateLastSavedForUser`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import quote, urlsplit

import httpx2

from mydia_web.backends.call import Call
from mydia_web.backends.emby import plan
from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.http import Http
from mydia_web.backends.mediabrowser.client import (
    FIRST_OF_JELLYFIN,
    SIGN_IN_FIELDS,
    MediaBrowser,
    query,
    version_numbers,
)
from mydia_web.backends.mediabrowser.listing import SHOWS, Question
from mydia_web.backends.mediabrowser.models import (
    Item,
    PublicInfo,
    User,
    UserData,
    field_of,
    write_instant,
)
from mydia_web.backends.mediabrowser.plan import Goal, Shown
from mydia_web.backends.mediabrowser.session import Session, server_address
from mydia_web.backends.reading import Push, Reading
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import Connection, LibraryPage, RemoteState, RemoteUser, Target

_OLDEST = (4, 6)
#: The server's clock may go differently from ours.
_OVERLAP = timedelta(hours=1)


class Emby(MediaBrowser):
    """An Emby, for one of its users."""

    traits: ClassVar[Traits] = Traits(
        kind="emby",
        product="Emby",
        summary="The media server, version 4.6 or newer. Link it with a password or an API key.",
        address_hint="Such as http://192.168.1.20:8096",
        fields=SIGN_IN_FIELDS,
        concurrency=4,
        reads_at_once=50,
        has_libraries=True,
        dates_plays_by_start=True,
        keeps_people=True,
    )
    _page = "web/index.html#!/item"

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._address = server_address(connection.base_url)
        self._library_ids = connection.library_ids
        http = Http(
            _api(self._address),
            product="Emby",
            hint="Is Emby running, and is the address right?",
            verify=connection.verify_tls,
            transport=transport,
        )
        self._session = EmbySession(http, connection)
        self._session.check_server = self._public_info

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Emby dates every change of a person's state, also one that takes a mark away."""
        return self._listing.changes(since - _OVERLAP, self._library_ids)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        shown: Shown = reading.shown
        goal = Goal.of(push[1], shown.item)
        if not goal.state_is_shown_by(shown.data):
            self._write_state(shown, goal)
            shown = self._shown(self._fetch(shown.item.id))
        return self._confirmed(shown.item, shown.data, goal)

    def _check_product(self, info: PublicInfo) -> None:
        """Take a server for another product only if that is certain: Emby names none, or any."""
        numbers = version_numbers(info.version)
        product = (info.product_name or "").lower()
        is_recent = numbers >= FIRST_OF_JELLYFIN
        if "jellyfin" in product or (is_recent and "emby" not in product):
            raise self._other_product("Jellyfin")
        if numbers < _OLDEST:
            raise Rejected(f"This Emby is version {info.version}. It must be 4.6 or newer.")

    def _ask(self, question: Question) -> object:
        params = {
            "Recursive": True,
            "IncludeItemTypes": ",".join(question.types),
            "ParentId": question.library,
            "Ids": ",".join(question.ids),
            "Fields": "ProviderIds,ProductionYear" if question.types is SHOWS else plan.FIELDS,
            "EnableUserData": question.types is not SHOWS,
            "ImageTypeLimit": 1,
            "EnableImageTypes": "Primary",
            "GroupItemsIntoCollections": False,
            "MinDateLastSavedForUser": question.since and write_instant(question.since),
            "SortBy": "DateCreated,SortName",
            "SortOrder": "Ascending",
            "StartIndex": question.start,
            "Limit": question.limit,
        }
        path = f"Users/{self._session.user_id}/Items"
        return self._session.send("GET", path, params=query(params)).json()

    def _views(self) -> object:
        path = f"Users/{self._session.user_id}/Views"
        return self._session.send("GET", path, params={"IncludeExternalContent": "false"}).json()

    def _item_id(self, target: Target) -> str:
        if not target.remote_id or "," in target.remote_id:
            raise NotOnServer("This is not the id of a title in Emby.")
        return target.remote_id

    def _read(self, target: Target) -> Shown:
        item = self._fetch(self._item_id(target))
        item.check_is_meant(target, self.traits.product)
        return self._shown(item)

    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        answer = self._send(plan.read_titles(item_ids, self._session.user_id)).json()
        entries = self._listing.entries(answer)
        return {str(field_of(entry, "Id")): entry for entry in entries}

    def _fetch(self, item_id: str) -> Item:
        entry = self._send(plan.read_title(item_id, self._session.user_id)).json()
        if not entry:
            raise self._session.no_title()
        return self._session.read(Item, entry)

    def _explained(self, target: Target, goal: Goal, user: str) -> Sequence[Call]:
        item = Item.model_validate({"Id": target.remote_id})
        read = plan.read_title(item.id, user)
        calls = plan.plan(Shown(item, goal.assumed_before()), goal, user)
        if calls[-1].body is None:
            return [read, *calls]
        return [read, *calls, read]  # a call that writes a state does not answer with it

    def _bring_about(self, shown: Shown, goal: Goal) -> UserData | None:
        mark = plan.mark_call(shown, goal, self._session.user_id)
        if mark is not None:
            shown = self._shown_after(mark, shown.item, goal)
        if goal.is_shown_by(shown.data):
            return shown.data
        self._write_state(shown, goal)
        return None

    def _shown_after(self, mark: Call, item: Item, goal: Goal) -> Shown:
        """Return what the answer shows if that is the goal, else what a new reading shows."""
        answer = self._send(mark)
        content = answer.json() if answer.content else None
        if field_of(content, "Played") is not None:
            data = self._session.read(UserData, content)
            if goal.is_shown_by(data):
                return Shown(item, data)
        return self._shown(self._fetch(item.id))

    def _write_state(self, shown: Shown, goal: Goal) -> None:
        """Raise `Rejected` if the server still shows the title, and so does not know the route."""
        call = plan.state_call(shown, goal, self._session.user_id)
        if call is None:
            return
        try:
            self._send(call)
        except NotOnServer as error:
            self._fetch(shown.item.id)
            raise self._cannot_take("this change: it has no route for writing a state") from error


class EmbySession(Session):
    """Signs in with a password, or with an API key and the name of the person it acts for."""

    product = "Emby"

    def headers(self, token: str) -> Mapping[str, str]:
        # The token is sent even if it is empty: it replaces one that is no longer good.
        return {"X-Emby-Authorization": f"Emby {self._client()}", "X-Emby-Token": token}

    def token_owner(self) -> RemoteUser | None:
        """Return a known person for whom the token may act, for Emby does not tell its owner."""
        user_id = self.known_user_id
        if not user_id:
            return None
        return self._person_of(user_id)

    def people(self) -> Sequence[RemoteUser]:
        """Return everybody to an administrator; to others those on the sign-in page."""
        answer = self.raw("GET", "Users/Query")
        if answer.status in (401, 403):
            answer = self.raw("GET", "Users/Public")
        self.check(answer)
        content = answer.json()
        if isinstance(content, dict):
            content = content.get("Items")
        return self.persons(content)

    def _find(self, wanted: str) -> RemoteUser:
        # The people on the sign-in page are found with any token at all, so that this one is tried.
        return self._person_of(super()._find(wanted).remote_id)

    def _person_of(self, user_id: str) -> RemoteUser:
        answer = self.raw("GET", f"Users/{quote(user_id, safe='')}")
        if answer.status == 404:
            raise self.no_such_user(user_id)
        self.check(answer)
        return self.person(self.read(User, answer.json()))


def _api(address: str) -> str:
    """Add /emby, where all routes live; an address with a path of its own is taken as it is."""
    if urlsplit(address).path.strip("/"):
        return address
    return f"{address}/emby"
