"""The Emby backend.

Its dates: `LastPlayedDate` is taken as Jellyfin's, whose code it shares: when a play began, or what
was given with a mark. When a person's state was saved is another date, which Emby does not show but
selects by (`MinDateLastSavedForUser`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import urlsplit

import httpx2

from mydia_web.backends.emby import writing
from mydia_web.backends.emby.session import EmbySession
from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.http import Answer, Http
from mydia_web.backends.mediabrowser import mapping
from mydia_web.backends.mediabrowser.calls import Call
from mydia_web.backends.mediabrowser.client import (
    FIRST_OF_JELLYFIN,
    MediaBrowser,
    say,
    version_numbers,
)
from mydia_web.backends.mediabrowser.goal import Goal
from mydia_web.backends.mediabrowser.listing import SHOWS, Question
from mydia_web.backends.mediabrowser.models import Item, PublicInfo, UserData, write_instant
from mydia_web.backends.mediabrowser.session import server_address
from mydia_web.backends.mediabrowser.shown import Shown
from mydia_web.backends.reading import Push, Reading
from mydia_web.backends.traits import Field, Traits
from mydia_web.backends.values import Connection, LibraryPage, RemoteState, Target, Wanted

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
        fields=(
            Field("username", "User name", "Leave empty for an API key."),
            Field("password", "Password", secret=True),
            Field("token", "API key", "Instead of a password: Dashboard, API Keys.", secret=True),
            Field("remote_user", "Your name there", "Only with an API key, which is nobody's."),
        ),
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
        self._session = EmbySession(
            Http(
                _api(self._address),
                product="Emby",
                hint="Is Emby running, and is the address right?",
                verify=connection.verify_tls,
                transport=transport,
            ),
            connection,
        )
        self._session.check_server = self._public_info

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Emby dates every change of a person's state, also one that takes a mark away."""
        return self._listing.changes(since - _OVERLAP, self._library_ids)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        user = self._session.known_user_id or "{user}"
        item, nothing = (
            Item.model_validate({"Id": target.remote_id}),
            UserData.model_validate({"Played": False}),
        )
        goal = Goal.of(wanted, item)
        read = writing.read(item.id, user)
        calls = [read, *self._first(item, nothing, goal, user)]
        if goal.position_ms or len(calls) == 1:
            calls += [writing.write(item.id, user, nothing, goal), read]
        return [str(call) for call in calls]

    def _check_product(self, info: PublicInfo) -> None:
        """Emby names no product, or any: it is another one only where that is certain."""
        numbers, product = version_numbers(info.version), (info.product_name or "").lower()
        if "jellyfin" in product or (numbers >= FIRST_OF_JELLYFIN and "emby" not in product):
            raise self._is_another("Jellyfin")
        if numbers < _OLDEST:
            raise Rejected(f"This Emby is version {info.version}. It must be 4.6 or newer.")

    def _ask(self, question: Question) -> object:
        params = {
            "Recursive": True,
            "IncludeItemTypes": ",".join(question.types),
            "ParentId": question.library,
            "Ids": ",".join(question.ids),
            "Fields": "ProviderIds,ProductionYear" if question.types is SHOWS else writing.FIELDS,
            "EnableUserData": question.types is not SHOWS,
            "ImageTypeLimit": 1,
            "EnableImageTypes": "Primary",
            "GroupItemsIntoCollections": False,
            "MinDateLastSavedForUser": write_instant(question.since) if question.since else None,
            "SortBy": "DateCreated,SortName",
            "SortOrder": "Ascending",
            "StartIndex": question.start,
            "Limit": question.limit,
        }
        path = f"Users/{self._session.user_id}/Items"
        return self._session.send("GET", path, params=say(params)).json()

    def _views(self) -> object:
        path = f"Users/{self._session.user_id}/Views"
        return self._session.send("GET", path, params={"IncludeExternalContent": "false"}).json()

    def _item_id(self, target: Target) -> str:
        if not target.remote_id or "," in target.remote_id:
            raise NotOnServer("This is not the id of a title in Emby.")
        return target.remote_id

    def _read(self, target: Target) -> Shown:
        item = self._fetch(self._item_id(target))
        mapping.check_is_meant(item, target, self.traits.product)
        return Shown(item)

    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        entries = self._listing.entries(
            self._send(writing.read_many(item_ids, self._session.user_id)).json()
        )
        return {str(entry.get("Id")): entry for entry in entries if isinstance(entry, dict)}

    def _fetch(self, item_id: str) -> Item:
        told = self._send(writing.read(item_id, self._session.user_id)).json()
        if not told:
            raise NotOnServer(
                "Emby does not have this title any more, or does not show it to this person."
            )
        return self._session.read(Item, told)

    def _bring_about(self, shown: Shown, goal: Goal) -> UserData | None:
        item, data, user = shown.item, self._data(shown), self._session.user_id
        for call in self._first(item, data, goal, user):
            data = self._shown_after(call, item, goal)
        if goal.is_shown_by(data):
            return data
        self._write(item, data, goal)
        return None

    def _write(self, item: Item, data: UserData, goal: Goal) -> None:
        """Raises `Rejected` where the server still shows the title, and so does not know the route."""
        try:
            self._send(writing.write(item.id, self._session.user_id, data, goal))
        except NotOnServer as error:
            self._fetch(item.id)
            raise self._cannot_take("this change: it has no route for writing a state") from error

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        shown: Shown = reading.shown
        data, goal = self._data(shown), Goal.of(push[1], shown.item)
        if not goal.state_is_shown_by(data):
            self._write(shown.item, data, goal)
            data = self._data(Shown(self._fetch(shown.item.id)))
        return self._confirmed(shown.item, data, goal)

    def _shown_after(self, call: Call, item: Item, goal: Goal) -> UserData:
        """What the answer shows, if that is all that is wanted; else what a new reading shows."""
        answer = self._send(call)
        told = answer.json() if answer.content else None
        if isinstance(told, dict) and "Played" in told:
            data = self._user_data(told)
            if goal.is_shown_by(data):
                return data
        return self._data(Shown(self._fetch(item.id)))

    def _first(self, item: Item, data: UserData, goal: Goal, user: str) -> Sequence[Call]:
        """What has a route of its own, which may set more than the state: Emby tells others of a
        mark.
        """
        if goal.clears:
            return [writing.unmark(item.id, user)]
        if goal.watched and not data.played and goal.at:
            return [writing.mark(item.id, user, goal)]
        return []

    def _send(self, call: Call) -> Answer:
        return self._session.send(call.method, call.path, of_title=True, **call.request)


def _api(address: str) -> str:
    """All routes live under /emby; an address with a path of its own is taken as it is."""
    return address if urlsplit(address).path.strip("/") else f"{address}/emby"
