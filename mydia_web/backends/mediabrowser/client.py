"""What a client of either server does, whatever the paths and rules of writing are."""

import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from mydia_web.backends.errors import BackendError, NotOnServer, NotShown, Rejected, ServerTrouble
from mydia_web.backends.mediabrowser import mapping, players
from mydia_web.backends.mediabrowser.goal import Goal
from mydia_web.backends.mediabrowser.listing import Listing, Question
from mydia_web.backends.mediabrowser.models import (
    Item,
    PublicInfo,
    UserData,
    View,
    read,
)
from mydia_web.backends.mediabrowser.session import Session, server_address
from mydia_web.backends.mediabrowser.shown import Shown
from mydia_web.backends.precondition import check_unchanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst
from mydia_web.backends.values import (
    Artwork,
    Connection,
    LibraryPage,
    Linked,
    Playing,
    RemoteLibrary,
    RemoteState,
    RemoteUser,
    ServerInfo,
    Target,
)
from mydia_web.backends.wire import UnreadableEntry

#: Emby has never counted so far; Jellyfin began with it.
FIRST_OF_JELLYFIN = (10,)
#: Libraries that hold films or shows; one that names no type holds both.
_LIBRARY_TYPES = ("", "movies", "tvshows", "mixed", "unknown")


class MediaBrowser(ReadsFirst):
    """A server of the family. A title with several versions is listed once, as its first version."""

    #: What a browser opens, after the address.
    _page: ClassVar[str]
    _session: Session
    _library_ids: frozenset[str]
    #: The address as people know it, without a trailing slash.
    _address: str

    @abstractmethod
    def _ask(self, question: Question) -> object:
        """The server's answer to a question about its titles, as it came."""

    @abstractmethod
    def _check_product(self, info: PublicInfo) -> None:
        """Raises `ServerTrouble` or `Rejected` where this is not a server that can be used."""

    @abstractmethod
    def _views(self) -> object:
        """The libraries the person sees, as they came."""

    @abstractmethod
    def _item_id(self, target: Target) -> str:
        """The target's id as the server writes it. Raises `NotOnServer` where it can be none."""

    @abstractmethod
    def _read(self, target: Target) -> Shown:
        """The title with the person's state. Raises `NotOnServer`."""

    @abstractmethod
    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        """The titles of these ids, of which there is at least one, by their ids; what is missing
        there is left out.
        """

    @abstractmethod
    def _bring_about(self, shown: Shown, goal: Goal) -> UserData | None:
        """Write what the title does not show yet, and return what it shows then. None: it has to be
        read.
        """

    def close(self) -> None:
        self._session.http.close()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._session.http.clock_skew

    def check(self) -> ServerInfo:
        info = self._public_info()
        self._session.linked()
        product = self.traits.product
        return ServerInfo(product, info.server_name or product, info.version, info.id)

    def reach(self) -> None:
        self._public_info()

    def sign_in(self) -> Linked:
        self._public_info()
        return self._session.linked()

    def library(self) -> Iterator[LibraryPage]:
        return self._listing.library(self._library_ids)

    def state(self, target: Target) -> RemoteState:
        return mapping.state(self._data(self._read(target)))

    def read(self, push: Push) -> Reading:
        asked_at = time.monotonic()
        return Reading(self._read(push[0]), asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        asked_at = time.monotonic()
        targets = [target for target, _ in pushes]
        item_ids = [one for one in map(self._id_or_error, targets) if isinstance(one, str)]
        # Never without ids: that asks for the whole library.
        entries = self._entries(item_ids) if item_ids else {}
        return [self._reading(target, entries, asked_at) for target in targets]

    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        target, wanted = push
        shown: Shown = reading.shown
        with nothing_written_yet():
            data = self._data(shown)
            goal = Goal.of(wanted, shown.item)
            # Where a mark reaches several versions, the server dates those.
            check_unchanged(
                target, wanted, mapping.state(data), accepts_watched_at=not shown.item.has_versions
            )
        if goal.is_shown_by(data):
            return mapping.state(data)
        written = self._bring_about(shown, goal)
        return None if written is None else self._confirmed(shown.item, written, goal)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        shown: Shown = reading.shown
        return self._confirmed(shown.item, self._data(shown), Goal.of(push[1], shown.item))

    def users(self) -> Sequence[RemoteUser]:
        _ = self._session.user
        return self._session.people()

    def libraries(self) -> Sequence[RemoteLibrary]:
        answer = self._views()
        entries = answer.get("Items") if isinstance(answer, dict) else None
        views = [view for view in map(_view, entries or ()) if view]
        return [
            RemoteLibrary(view.id, view.name or view.id)
            for view in views
            if (view.collection_type or "").lower() in _LIBRARY_TYPES
        ]

    def playing(self) -> Sequence[Playing]:
        entries = self._session.send("GET", "Sessions").json()
        found = map(mapping.playing, entries if isinstance(entries, list) else ())
        return [
            replace(
                one,
                remote_id=self._plain_id(one.remote_id),
                remote_user_id=self._plain_id(one.remote_user_id),
            )
            for one in found
            if one is not None
        ]

    def _plain_id(self, text: str) -> str:
        """An id as listings write it."""
        return text

    def artwork(self, url: str) -> Artwork:
        if not url.startswith("Items/") or "/Images/" not in url or ".." in url:
            raise Rejected(f"This is not the address of a picture in {self.traits.product}.")
        return self._session.http.picture(url)

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        if not target.remote_id:
            return ""
        server = f"&serverId={quote(connection.server_id, safe='')}" if connection.server_id else ""
        item = quote(target.remote_id, safe="")
        return f"{server_address(connection.base_url)}/{cls._page}?id={item}{server}"

    @property
    def _listing(self) -> Listing:
        return Listing(self._ask, self.traits.product, under_way=self._under_way)

    def _under_way(self) -> Sequence[object]:
        """What the person has begun, as it came, where the server keeps a position for each file of
        a title.
        """
        return ()

    def _public_info(self) -> PublicInfo:
        # Without the token: it may be anybody who answers here.
        nobody = self._session.headers("")
        answer = self._session.raw("GET", "System/Info/Public", headers=nobody)
        # Everybody may ask that of a server of ours.
        if answer.status != 200:
            raise self._session.not_it()
        told = answer.json()
        if not isinstance(told, dict) or not told.get("Version"):
            raise self._session.not_it()
        info = self._session.read(PublicInfo, told)
        self._check_product(info)
        self._session.server_id = info.id
        self._session.is_checked = True
        return info

    def _is_another(self, product: str) -> ServerTrouble:
        place = self._session.http.address.place
        return ServerTrouble(
            f"The server at {place} is not {a(self.traits.product)}, but {a(product)}. Add it as one."
        )

    def _id_or_error(self, target: Target) -> str | BackendError:
        try:
            return self._item_id(target)
        except NotOnServer as error:
            return error

    def _reading(
        self, target: Target, entries: Mapping[str, object], asked_at: float
    ) -> Reading | BackendError | None:
        if target.version_id:
            return None
        try:
            return Reading(Shown(self._listed(target, entries)), asked_at)
        except BackendError as error:
            return error

    def _listed(self, target: Target, entries: Mapping[str, object]) -> Item:
        item_id = self._item_id(target)
        if item_id not in entries:
            raise NotOnServer(
                f"{self.traits.product} does not have this title any more, or does not show it to this person."
            )
        return self._item(entries[item_id], target)

    def _confirmed(self, item: Item, data: UserData, goal: Goal) -> RemoteState:
        if not goal.state_is_shown_by(data):
            title = (item.name or item.id)[:80]
            raise NotShown(
                f"{self.traits.product} took the change to “{title}”, but then did not show it."
            )
        return mapping.state(data)

    def _tell_as_player(self, item: Item, position_ms: int) -> None:
        """Have a position kept by a server that has no route for it. Raises `Rejected` where it
        would not be.
        """
        if not players.keeps(item, position_ms):
            raise self._cannot_take(
                "this position: it has no route for one, and no player can tell it"
            )
        try:
            for call in players.calls(item, position_ms):
                self._session.send(call.method, call.path, of_title=True, **call.request)
        except NotOnServer as error:
            raise self._cannot_take("positions: it has no route for them") from error

    def _cannot_take(self, what: str) -> Rejected:
        place = self._session.http.address.place
        return Rejected(f"The {self.traits.product} at {place} cannot take {what}.")

    def _data(self, shown: Shown) -> UserData:
        if shown.data is None:
            raise ServerTrouble(
                f"{self.traits.product} does not tell whether this title was watched."
            )
        return shown.data

    def _item(self, entry: object, target: Target) -> Item:
        item = self._session.read(Item, entry)
        mapping.check_is_meant(item, target, self.traits.product)
        return item

    def _user_data(self, answer: Any) -> UserData:
        return self._session.read(UserData, answer)


def version_numbers(version: str) -> tuple[int, ...]:
    """Return its first two numbers."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def a(product: str) -> str:
    """Return the name with the article before it."""
    return f"{'an' if product[:1] in 'AEIOU' else 'a'} {product}"


def say(params: Mapping[str, object]) -> dict[str, Any]:
    """Parameters as these servers read them: truth in lower case, nothing for None."""
    return {
        name: str(value).lower() if isinstance(value, bool) else value
        for name, value in params.items()
        if value is not None and value != ""
    }


def _view(entry: object) -> View | None:
    try:
        return read(View, entry)
    except UnreadableEntry:
        return None
