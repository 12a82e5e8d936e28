"""The Jellyfin backend.

Its dates: `LastPlayedDate` is when a play began, or what was given with a mark or written by
another program. No stop, finish, position or unmark by a program moves it, so it dates the play and
tells nothing of the order of news.
"""

import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import httpx2

from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.http import Http
from mydia_web.backends.jellyfin import writing
from mydia_web.backends.jellyfin.listening import Listener
from mydia_web.backends.jellyfin.session import JellyfinSession
from mydia_web.backends.mediabrowser.calls import Call
from mydia_web.backends.mediabrowser.client import (
    FIRST_OF_JELLYFIN,
    MediaBrowser,
    say,
    version_numbers,
)
from mydia_web.backends.mediabrowser.goal import Goal
from mydia_web.backends.mediabrowser.listing import SEASONS, SHOWS, Dated, Question
from mydia_web.backends.mediabrowser.models import Item, PublicInfo, UserData
from mydia_web.backends.mediabrowser.session import Forbidden, server_address
from mydia_web.backends.mediabrowser.shown import Shown, Version, with_version
from mydia_web.backends.traits import Field, Traits
from mydia_web.backends.values import (
    Connection,
    ContentKind,
    Event,
    LibraryPage,
    LinkCode,
    Linked,
    Target,
    Wanted,
)
from mydia_web.backends.websocket import open_socket

_OLDEST = (10, 9)
#: A play is dated by its start, and known when it is stopped.
_LONGEST_PLAY = timedelta(hours=12)
#: A file is dated by the start of its way to the disk, and listed when a scan has found it.
_LONGEST_WAY = timedelta(days=2)


class Jellyfin(MediaBrowser):
    """A Jellyfin, for one of its users."""

    traits: ClassVar[Traits] = Traits(
        kind="jellyfin",
        product="Jellyfin",
        summary="The free media server, version 10.9 or newer. Link it with Quick Connect, a password or an API key.",
        address_hint="Such as http://192.168.1.20:8096",
        fields=(
            Field("username", "User name", "Leave empty for an API key."),
            Field("password", "Password", secret=True),
            Field("token", "API key", "Instead of a password: Dashboard, API Keys.", secret=True),
            Field("remote_user", "Your name there", "Only with an API key, which is nobody's."),
        ),
        linking="Quick Connect",
        concurrency=4,
        reads_at_once=50,
        has_libraries=True,
        dates_plays_by_start=True,
        keeps_people=True,
        has_versions=True,
        listens=True,
    )
    _page = "web/#/details"

    def __init__(
        self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> None:
        self._address = server_address(connection.base_url)
        self._library_ids = connection.library_ids
        self._verify = connection.verify_tls
        #: Set where the server turned out not to know the route for writing a state.
        self._has_no_writing = False
        self._session: JellyfinSession = JellyfinSession(
            Http(
                self._address,
                product="Jellyfin",
                hint="Is Jellyfin running, and is the address right?",
                verify=connection.verify_tls,
                transport=transport,
            ),
            connection,
        )
        self._session.check_server = self._public_info

    @classmethod
    def begin_link(
        cls, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> LinkCode:
        jellyfin = cls(connection, transport=transport)
        try:
            jellyfin._public_info()
            return jellyfin._session.begin_link(f"{jellyfin._address}/web/#/quickconnect")
        finally:
            jellyfin.close()

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> Linked | None:
        jellyfin = cls(connection, transport=transport)
        try:
            return jellyfin._session.poll_link(secret.get("secret", ""))
        finally:
            jellyfin.close()

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """The newest plays and positions, and the newest titles: Jellyfin keeps no date of the
        change itself.

        It relies on three things: that a start dates the title, whether it is played to its end or
        stopped; that listings can be ordered by that date and by the file's, the latest first; and
        that what has no date comes last. What moves no date is found where the library is read
        whole: a mark taken away; a mark on what was begun long ago, or given an old date by another
        program. A file that is older still shows in the number of titles. What is under way of a
        further file of a title is asked for beside them.
        """
        dates: Mapping[Dated, datetime] = {
            "DatePlayed": since - _LONGEST_PLAY,
            "DateCreated": since - _LONGEST_WAY,
        }
        return self._listing.newest(dates, self._library_ids)

    def listen(self) -> Generator[Event | None]:
        # The players first: the question renews a sign-in that has run out.
        self.playing()
        with open_socket(
            f"ws{self._address.removeprefix('http')}/socket",
            product="Jellyfin",
            place=self._session.http.address.place,
            headers=self._session.own_headers(),
            verify=self._verify,
        ) as socket:
            yield from Listener(self._session.user_id, self.playing).listen(socket)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        item = Item.model_validate({"Id": _guid(target.remote_id) or target.remote_id})
        nothing = UserData.model_validate({"Played": False})
        user = self._session.known_user_id or "{user}"
        read = _read_call([item.id], user)
        return [
            str(call) for call in (read, *writing.calls(item, nothing, Goal.of(wanted, item), user))
        ]

    def _check_product(self, info: PublicInfo) -> None:
        """By another name it is taken for a Jellyfin too, if it speaks as one that is new enough."""
        numbers, product = version_numbers(info.version), (info.product_name or "").lower()
        if "jellyfin" not in product and ("emby" in product or numbers < FIRST_OF_JELLYFIN):
            raise self._is_another("Emby")
        if numbers < _OLDEST:
            raise Rejected(f"This Jellyfin is version {info.version}. It must be 10.9 or newer.")

    def _ask(self, question: Question) -> object:
        fields = "ProviderIds" if question.types is SHOWS else "ProviderIds,Path,MediaSourceCount"
        if question.names_files:
            fields += ",MediaSources"
        if question.newest_by == "DateCreated":
            fields += ",DateCreated"
        # Lists with commas: there are servers that take only the last of a repeated parameter.
        params = {
            "userId": self._session.user_id,
            "recursive": True,
            "includeItemTypes": ",".join(question.types),
            "parentId": question.library,
            "ids": ",".join(question.ids),
            "fields": fields,
            # A season without a folder is no real one, and is needed all the same.
            "excludeLocationTypes": None if question.types is SEASONS else "Virtual",
            "collapseBoxSetItems": False,
            "enableUserData": question.types is not SHOWS,
            "imageTypeLimit": 1,
            "enableImageTypes": "Primary",
            "enableTotalRecordCount": question.counted,
            "sortBy": f"{question.newest_by or 'DateCreated'},SortName",
            "sortOrder": "Descending" if question.newest_by else "Ascending",
            "startIndex": question.start,
            "limit": question.limit,
        }
        return self._session.send("GET", "Items", params=say(params)).json()

    def _under_way(self) -> Sequence[object]:
        params = {
            "userId": self._session.user_id,
            "mediaTypes": "Video",
            "fields": "MediaSources",
            "enableImages": "false",
            "enableTotalRecordCount": "false",
        }
        try:
            answer = self._session.send(
                "GET", "UserItems/Resume", of_title=True, params=params
            ).json()
        except (NotOnServer, Forbidden):  # not every server that speaks as a Jellyfin has this list
            return ()
        return self._listing.entries(answer)

    def _plain_id(self, text: str) -> str:
        return _guid(text) or text

    def _views(self) -> object:
        return self._session.send(
            "GET", "UserViews", params={"userId": self._session.user_id}
        ).json()

    def _item_id(self, target: Target) -> str:
        if not (item_id := _guid(target.remote_id)):
            raise NotOnServer("This is not the id of a title in Jellyfin.")
        return item_id

    def _read(self, target: Target) -> Shown:
        item = self._listed(target, self._entries([self._item_id(target)]))
        return Shown(item, self._version(_guid(target.version_id)))

    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        call = _read_call(item_ids, self._session.user_id)
        entries = self._listing.entries(
            self._session.send(call.method, call.path, **call.request).json()
        )
        return {_guid(str(entry.get("Id"))): entry for entry in entries if isinstance(entry, dict)}

    def _version(self, version_id: str) -> Version | None:
        """The state of a version under way; None where there is none, or it is gone."""
        if not version_id:
            return None
        call = writing.read_data(version_id, self._session.user_id)
        try:
            answer = self._session.send(call.method, call.path, of_title=True, **call.request)
        except NotOnServer:
            return None
        return Version(version_id, self._user_data(answer.json()))

    def _bring_about(self, shown: Shown, goal: Goal) -> UserData:
        data, version = self._data(shown), shown.version
        if self._has_no_writing:
            return self._write_otherwise(shown.item, data, goal)
        if version is None or goal.position_ms is None or goal.leaves_nothing:
            return self._write_by_any_way(shown.item, data, goal)
        if goal.watched is not None and not goal.mark_alone.is_shown_by(data):
            data = self._write_all(shown.item, data, goal.mark_alone)
        told = writing.settings(version.data, goal.position_alone)
        return with_version(
            data, self._write(writing.write(version.item_id, self._session.user_id, told))
        )

    def _write_by_any_way(self, item: Item, data: UserData, goal: Goal) -> UserData:
        """A server that does not know the route for writing is known by that it still shows the
        title.
        """
        try:
            return self._write_all(item, data, goal)
        except NotOnServer:
            data = self._data_now(item)
            self._has_no_writing = True
        return self._write_otherwise(item, data, goal)

    def _write_otherwise(self, item: Item, data: UserData, goal: Goal) -> UserData:
        """The mark by its own route, of today or of before, then the position as a player tells it."""
        user = self._session.user_id
        if goal.watched is not None and not goal.mark_alone.state_is_shown_by(data):
            # With a date it counts a play, which is one only where the title was not marked yet.
            at = goal.at if not data.played else None
            ways = writing.ways_to_mark(item.id, user, Goal(goal.watched, 0, at))
            data = self._first_taken(ways)
        if goal.position_ms is not None and data.position_ms != goal.position_ms:
            self._tell_as_player(item, goal.position_ms)
            data = self._data_now(item)
        return data

    def _data_now(self, item: Item) -> UserData:
        """Raises `NotOnServer` for a title that is gone."""
        kind: ContentKind = "movie" if item.type == "Movie" else "episode"
        return self._data(self._read(Target(item.id, kind)))

    def _first_taken(self, ways: Sequence[Call]) -> UserData:
        for call in ways:
            try:
                return self._write(call)
            except NotOnServer:
                continue
        raise self._cannot_take("marks: it has none of the routes for them")

    def _write_all(self, item: Item, data: UserData, goal: Goal) -> UserData:
        for call in writing.calls(item, data, goal, self._session.user_id):
            try:
                data = self._write(call)
            except Forbidden:
                if call.body is None or not goal.watched or goal.position_ms:
                    raise
                # Who may not write preferences may still mark. The read before it keeps this from
                # counting twice.
                data = self._write(writing.mark(item.id, self._session.user_id, goal))
        return data

    def _write(self, call: Call) -> UserData:
        answer = self._session.send(call.method, call.path, of_title=True, **call.request)
        return self._user_data(answer.json())


def _read_call(item_ids: Sequence[str], user: str) -> Call:
    params = {
        "userId": user,
        "ids": ",".join(item_ids),
        "fields": "MediaSourceCount,ProviderIds,Path",
        "enableTotalRecordCount": "false",
    }
    return Call("GET", "Items", params)


def _guid(text: str) -> str:
    """An id as Jellyfin writes it; "" where the text is none."""
    plain = text.replace("-", "").lower()
    return plain if re.fullmatch(r"[0-9a-f]{32}", plain) else ""
