"""The Jellyfin backend.

Its dates: `LastPlayedDate` is when a play began, or what was given with a mark or written by
another program. No stop, finish, position or unmark by a program moves it, so that it dates the
play and tells nothing of the order of news.
"""

from collections.abc import Generator, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar

import httpx2

from mydia_web.backends.call import Call
from mydia_web.backends.errors import NotOnServer, Rejected
from mydia_web.backends.http import Http
from mydia_web.backends.jellyfin import plan
from mydia_web.backends.jellyfin.listening import Listener
from mydia_web.backends.jellyfin.session import JellyfinSession
from mydia_web.backends.mediabrowser.client import (
    FIRST_OF_JELLYFIN,
    SIGN_IN_FIELDS,
    MediaBrowser,
    query,
    version_numbers,
)
from mydia_web.backends.mediabrowser.listing import SEASONS, SHOWS, Dated, Question
from mydia_web.backends.mediabrowser.models import Item, PublicInfo, UserData, field_of
from mydia_web.backends.mediabrowser.plan import Goal, Shown, Version, player_calls, player_keeps
from mydia_web.backends.mediabrowser.session import Forbidden, plain_id, server_address
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import (
    Connection,
    ContentKind,
    Event,
    LibraryPage,
    LinkCode,
    Linked,
    Target,
)
from mydia_web.backends.websocket import open_socket

_OLDEST = (10, 9)
#: A play is dated by its start, and known when it stops.
_LONGEST_PLAY = timedelta(hours=12)
#: A file is dated by the time its copying began, and listed when a scan has found it.
_LONGEST_COPY = timedelta(days=2)


class Jellyfin(MediaBrowser):
    """A Jellyfin, for one of its users."""

    traits: ClassVar[Traits] = Traits(
        kind="jellyfin",
        product="Jellyfin",
        summary="The free media server, version 10.9 or newer. "
        "Link it with Quick Connect, a password or an API key.",
        address_hint="Such as http://192.168.1.20:8096",
        fields=SIGN_IN_FIELDS,
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
        #: Set once the server turned out not to know the route for writing a state.
        self._lacks_state_route = False
        http = Http(
            self._address,
            product="Jellyfin",
            hint="Is Jellyfin running, and is the address right?",
            verify=connection.verify_tls,
            transport=transport,
        )
        self._session: JellyfinSession = JellyfinSession(http, connection)
        self._session.check_server = self._public_info

    @classmethod
    def begin_link(
        cls, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> LinkCode:
        with cls(connection, transport=transport) as jellyfin:
            jellyfin._public_info()
            return jellyfin._session.begin_link(f"{jellyfin._address}/web/#/quickconnect")

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> Linked | None:
        with cls(connection, transport=transport) as jellyfin:
            return jellyfin._session.poll_link(secret.get("secret", ""))

    def changes(self, since: datetime) -> Iterator[LibraryPage]:
        """Yield the newest plays and positions, and the newest titles.

        Jellyfin keeps no date of the change itself. So this relies on three things: that a start
        dates the title, whether it is played to its end or stopped; that listings can be sorted by
        that date and by the file's, the latest first; and that what has no date comes last. The
        resumed files of titles that have several are asked for as well.

        A full scan finds what moves no date: a mark taken away; a mark on what was begun long ago,
        or given an old date by another program. A file that is older still shows in the number of
        titles.
        """
        dates: Mapping[Dated, datetime] = {
            "DatePlayed": since - _LONGEST_PLAY,
            "DateCreated": since - _LONGEST_COPY,
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

    def _check_product(self, info: PublicInfo) -> None:
        """Take a server of any other name for a Jellyfin too, if its version is new enough."""
        numbers = version_numbers(info.version)
        product = (info.product_name or "").lower()
        is_emby = "emby" in product or numbers < FIRST_OF_JELLYFIN
        if "jellyfin" not in product and is_emby:
            raise self._other_product("Emby")
        if numbers < _OLDEST:
            raise Rejected(f"This Jellyfin is version {info.version}. It must be 10.9 or newer.")

    def _ask(self, question: Question) -> object:
        # Lists with commas: there are servers that take only the last of a repeated parameter.
        params = {
            "userId": self._session.user_id,
            "recursive": True,
            "includeItemTypes": ",".join(question.types),
            "parentId": question.library,
            "ids": ",".join(question.ids),
            "fields": ",".join(_fields(question)),
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
        return self._session.send("GET", "Items", params=query(params)).json()

    def _resumed(self) -> Sequence[object]:
        params = {
            "userId": self._session.user_id,
            "mediaTypes": "Video",
            "fields": "MediaSources",
            "enableImages": "false",
            "enableTotalRecordCount": "false",
        }
        try:
            answer = self._session.send("GET", "UserItems/Resume", of_title=True, params=params)
        except (NotOnServer, Forbidden):  # not every server that speaks as a Jellyfin has this list
            return ()
        return self._listing.entries(answer.json())

    def _plain_id(self, text: str) -> str:
        return plain_id(text) or text

    def _views(self) -> object:
        params = {"userId": self._session.user_id}
        return self._session.send("GET", "UserViews", params=params).json()

    def _item_id(self, target: Target) -> str:
        item_id = plain_id(target.remote_id)
        if not item_id:
            raise NotOnServer("This is not the id of a title in Jellyfin.")
        return item_id

    def _read(self, target: Target) -> Shown:
        item = self._listed(target, self._entries([self._item_id(target)]))
        return self._shown(item, self._version(plain_id(target.version_id)))

    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        answer = self._send(plan.read_titles(item_ids, self._session.user_id)).json()
        entries = self._listing.entries(answer)
        return {plain_id(str(field_of(entry, "Id"))): entry for entry in entries}

    def _version(self, version_id: str) -> Version | None:
        """Return the state of a version; None for no version, and for one that is gone."""
        if not version_id:
            return None
        try:
            answer = self._send(plan.read_state(version_id, self._session.user_id))
        except NotOnServer:
            return None
        return Version(version_id, self._session.read(UserData, answer.json()))

    def _explained(self, target: Target, goal: Goal, user: str) -> Sequence[Call]:
        item_id = self._plain_id(target.remote_id)
        version_id = plain_id(target.version_id)
        item = Item.model_validate({"Id": item_id})
        data = goal.assumed_before()
        read = plan.read_titles([item_id], user)
        if not version_id:
            return [read, *plan.plan(Shown(item, data), goal, user)]
        item.media_source_count = 2  # or more, which makes no difference
        shown = Shown(item, data, Version(version_id, data))
        return [read, plan.read_state(version_id, user), *plan.plan(shown, goal, user)]

    def _bring_about(self, shown: Shown, goal: Goal) -> UserData:
        if self._lacks_state_route:
            return self._write_otherwise(shown.item, shown.data, goal)
        try:
            return self._carry_out(shown, goal)
        except NotOnServer:
            if shown.version is not None:
                raise
            # A server that still shows the title does not know the route.
            data = self._data_now(shown.item)
            self._lacks_state_route = True
        return self._write_otherwise(shown.item, data, goal)

    def _carry_out(self, shown: Shown, goal: Goal) -> UserData:
        data = shown.data
        for call in plan.plan(shown, goal, self._session.user_id):
            try:
                answered = self._write(call)
            except Forbidden:
                is_mark = bool(goal.watched) and not goal.position_ms
                if call.body is None or not is_mark:
                    raise
                # Who may not write preferences may still mark. The read before it keeps this from
                # counting twice.
                answered = self._write(plan.mark(shown.item.id, self._session.user_id, goal))
            is_of_version = call.item_id != shown.item.id
            data = data.with_version(answered) if is_of_version else answered
        return data

    def _write_otherwise(self, item: Item, data: UserData, goal: Goal) -> UserData:
        """Mark by the mark's own route, current or older, and report the position as a player."""
        if goal.watched is not None and not goal.mark_alone.state_is_shown_by(data):
            # With a date it counts a play, which is one only where the title was not marked yet.
            at = None if data.played else goal.at
            data = self._mark(item, Goal(watched=goal.watched, position_ms=0, at=at))
        if goal.position_ms is not None and data.position_ms != goal.position_ms:
            self._report_position(item, goal.position_ms)
            data = self._data_now(item)
        return data

    def _mark(self, item: Item, goal: Goal) -> UserData:
        for call in plan.ways_to_mark(item.id, goal, self._session.user_id):
            try:
                return self._write(call)
            except NotOnServer:
                continue
        raise self._cannot_take("marks: it has none of the routes for them")

    def _report_position(self, item: Item, position_ms: int) -> None:
        """Raise `Rejected` for a position that the server would not keep."""
        if not player_keeps(item, position_ms):
            raise self._cannot_take(
                "this position: it has no route for one, and no player can tell it"
            )
        try:
            for call in player_calls(item, position_ms):
                self._send(call)
        except NotOnServer as error:
            raise self._cannot_take("positions: it has no route for them") from error

    def _data_now(self, item: Item) -> UserData:
        """Raise `NotOnServer` for a title that is gone."""
        kind: ContentKind = "movie" if item.type == "Movie" else "episode"
        return self._read(Target(remote_id=item.id, kind=kind)).data

    def _write(self, call: Call) -> UserData:
        return self._session.read(UserData, self._send(call).json())


def _fields(question: Question) -> list[str]:
    fields = ["ProviderIds"]
    if question.types is not SHOWS:
        fields += ["Path", "MediaSourceCount"]
    if question.names_files:
        fields.append("MediaSources")
    if question.newest_by == "DateCreated":
        fields.append("DateCreated")
    return fields
