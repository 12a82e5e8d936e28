"""The client that Jellyfin and Emby share, apart from their paths and their rules of writing."""

import re
import time
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from mydia_web.backends.call import Call
from mydia_web.backends.errors import BackendError, NotOnServer, NotShown, Rejected, ServerTrouble
from mydia_web.backends.http import Answer
from mydia_web.backends.mediabrowser.listing import Listing, Question
from mydia_web.backends.mediabrowser.models import (
    Item,
    PlayerSession,
    PublicInfo,
    UserData,
    View,
    field_of,
    read_all,
)
from mydia_web.backends.mediabrowser.plan import Goal, Shown, Version
from mydia_web.backends.mediabrowser.session import Session, server_address
from mydia_web.backends.precondition import check_unchanged, nothing_written_yet
from mydia_web.backends.reading import Push, Reading, ReadsFirst
from mydia_web.backends.traits import Field
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
    Wanted,
)

#: The first version of Jellyfin. Emby's version numbers are lower so far.
FIRST_OF_JELLYFIN = (10,)
#: Libraries that hold films or shows; one that names no type holds both.
_LIBRARY_TYPES = ("", "movies", "tvshows", "mixed", "unknown")

SIGN_IN_FIELDS = (
    Field(name="username", label="User name", hint="Leave empty for an API key."),
    Field(name="password", label="Password", secret=True),
    Field(
        name="token",
        label="API key",
        hint="Instead of a password: Dashboard, API Keys.",
        secret=True,
    ),
    Field(
        name="remote_user",
        label="Your name there",
        hint="Only with an API key, which is nobody's.",
    ),
)


class MediaBrowser(ReadsFirst):
    """A server of the family. A title with several versions is listed once, as the first one."""

    #: What a browser opens, after the address.
    _page: ClassVar[str]
    _session: Session
    _library_ids: frozenset[str]
    #: The address as people know it, without a trailing slash.
    _address: str

    @abstractmethod
    def _ask(self, question: Question) -> object:
        """Return the server's answer to a question about its titles, as it came."""

    @abstractmethod
    def _check_product(self, info: PublicInfo) -> None:
        """Raise `ServerTrouble` or `Rejected` if this is not a server that can be used."""

    @abstractmethod
    def _views(self) -> object:
        """Return the libraries that the person sees, as they came."""

    @abstractmethod
    def _item_id(self, target: Target) -> str:
        """Return the target's id as the server writes it, or raise `NotOnServer` if it is none."""

    @abstractmethod
    def _read(self, target: Target) -> Shown:
        """Return the title with the person's state. Raises `NotOnServer`."""

    @abstractmethod
    def _entries(self, item_ids: Sequence[str]) -> Mapping[str, object]:
        """Return the titles of these ids, at least one, by their ids; missing ones are left out."""

    @abstractmethod
    def _bring_about(self, shown: Shown, goal: Goal) -> UserData | None:
        """Send the calls that are planned for a goal which the title does not show yet.

        Returns what it shows then, or None if it has to be read.
        """

    @abstractmethod
    def _explained(self, target: Target, goal: Goal, user: str) -> Sequence[Call]:
        """Return all calls of a push of the goal, the reading ones among them."""

    def close(self) -> None:
        self._session.http.close()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._session.http.clock_skew

    def check(self) -> ServerInfo:
        info = self._public_info()
        self._session.linked()
        product = self.traits.product
        return ServerInfo(
            product=product,
            name=info.server_name or product,
            version=info.version,
            server_id=info.id,
        )

    def reach(self) -> None:
        self._public_info()

    def sign_in(self) -> Linked:
        self._public_info()
        return self._session.linked()

    def library(self) -> Iterator[LibraryPage]:
        return self._listing.library(self._library_ids)

    def state(self, target: Target) -> RemoteState:
        return self._read(target).data.remote_state

    def read(self, push: Push) -> Reading:
        asked_at = time.monotonic()
        return Reading(self._read(push[0]), asked_at)

    def read_many(self, pushes: Sequence[Push]) -> Sequence[Reading | BackendError | None]:
        asked_at = time.monotonic()
        targets = [target for target, _ in pushes]
        item_ids = list(self._valid_ids(targets))
        entries: Mapping[str, object] = {}
        if item_ids:  # without ids the question is for the whole library
            entries = self._entries(item_ids)
        return [self._reading(target, entries, asked_at) for target in targets]

    def write(self, push: Push, reading: Reading) -> RemoteState | None:
        target, wanted = push
        shown: Shown = reading.shown
        goal = Goal.of(wanted, shown.item)
        state = shown.data.remote_state
        with nothing_written_yet():
            # Where a mark reaches several versions, the server dates those.
            has_our_date = not shown.item.has_versions
            check_unchanged(target, wanted, state, accepts_watched_at=has_our_date)
        if goal.is_shown_by(shown.data):
            return state
        data = self._bring_about(shown, goal)
        if data is None:
            return None
        return self._confirmed(shown.item, data, goal)

    def confirm(self, push: Push, reading: Reading) -> RemoteState:
        _, wanted = push
        shown: Shown = reading.shown
        goal = Goal.of(wanted, shown.item)
        return self._confirmed(shown.item, shown.data, goal)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        goal = Goal.of(wanted, Item.model_validate({"Id": target.remote_id}))
        user = self._session.known_user_id or "{user}"
        return [str(call) for call in self._explained(target, goal, user)]

    def users(self) -> Sequence[RemoteUser]:
        _ = self._session.user
        return self._session.people()

    def libraries(self) -> Sequence[RemoteLibrary]:
        views = read_all(View, field_of(self._views(), "Items"))
        return [
            RemoteLibrary(view.id, view.name or view.id)
            for view in views
            if (view.collection_type or "").lower() in _LIBRARY_TYPES
        ]

    def playing(self) -> Sequence[Playing]:
        sessions = read_all(PlayerSession, self._session.send("GET", "Sessions").json())
        playing = filter(None, (session.playing for session in sessions))
        return [
            replace(
                player,
                remote_id=self._plain_id(player.remote_id),
                remote_user_id=self._plain_id(player.remote_user_id),
            )
            for player in playing
        ]

    def artwork(self, url: str) -> Artwork:
        is_picture = url.startswith("Items/") and "/Images/" in url
        if not is_picture or ".." in url:
            raise Rejected(f"This is not the address of a picture in {self.traits.product}.")
        return self._session.http.picture(url)

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        if not target.remote_id:
            return ""
        address = server_address(connection.base_url)
        item_id = quote(target.remote_id, safe="")
        link = f"{address}/{cls._page}?id={item_id}"
        if connection.server_id:
            link += f"&serverId={quote(connection.server_id, safe='')}"
        return link

    @property
    def _listing(self) -> Listing:
        return Listing(self._ask, self.traits.product, resumed=self._resumed)

    def _resumed(self) -> Sequence[object]:
        """Return the titles that the person has begun, as they came.

        Only needed where the server keeps a position for each file of a title.
        """
        return ()

    def _plain_id(self, text: str) -> str:
        """Return an id as listings write it."""
        return text

    def _public_info(self) -> PublicInfo:
        # Without the token: it may be anybody who answers here.
        no_token = self._session.headers("")
        answer = self._session.raw("GET", "System/Info/Public", headers=no_token)
        # A server of ours answers everybody.
        if answer.status != 200:
            raise self._session.another_server()
        content = answer.json()
        if not field_of(content, "Version"):
            raise self._session.another_server()
        info = self._session.read(PublicInfo, content)
        self._check_product(info)
        self._session.server_id = info.id
        self._session.is_checked = True
        return info

    def _other_product(self, product: str) -> ServerTrouble:
        place = self._session.http.address.place
        expected = _with_article(self.traits.product)
        return ServerTrouble(
            f"The server at {place} is not {expected}, but {_with_article(product)}. Add it as one."
        )

    def _valid_ids(self, targets: Sequence[Target]) -> Iterator[str]:
        for target in targets:
            try:
                yield self._item_id(target)
            except NotOnServer:
                continue

    def _reading(
        self, target: Target, entries: Mapping[str, object], asked_at: float
    ) -> Reading | BackendError | None:
        if target.version_id:
            return None
        try:
            return Reading(self._shown(self._listed(target, entries)), asked_at)
        except BackendError as error:
            return error

    def _listed(self, target: Target, entries: Mapping[str, object]) -> Item:
        item_id = self._item_id(target)
        if item_id not in entries:
            raise self._session.no_title()
        return self._checked_item(entries[item_id], target)

    def _checked_item(self, entry: object, target: Target) -> Item:
        item = self._session.read(Item, entry)
        item.check_is_meant(target, self.traits.product)
        return item

    def _shown(self, item: Item, version: Version | None = None) -> Shown:
        data = item.user_data
        if data is None:
            raise ServerTrouble(
                f"{self.traits.product} does not tell whether this title was watched."
            )
        if version is not None:
            data = data.with_version(version.data)
        return Shown(item, data, version)

    def _confirmed(self, item: Item, data: UserData, goal: Goal) -> RemoteState:
        if not goal.state_is_shown_by(data):
            title = (item.name or item.id)[:80]
            raise NotShown(
                f"{self.traits.product} took the change to “{title}”, but then did not show it."
            )
        return data.remote_state

    def _send(self, call: Call) -> Answer:
        return self._session.send(
            call.method,
            call.path,
            of_title=True,
            **call.request,
        )

    def _cannot_take(self, what: str) -> Rejected:
        place = self._session.http.address.place
        return Rejected(f"The {self.traits.product} at {place} cannot take {what}.")


def version_numbers(version: str) -> tuple[int, ...]:
    """Return the first two numbers of a version."""
    return tuple(map(int, re.findall(r"\d+", version)[:2]))


def query(params: Mapping[str, object]) -> dict[str, Any]:
    """Return parameters as these servers read them: booleans in lower case, and no empty ones."""
    texts: dict[str, Any] = {}
    for name, value in params.items():
        if isinstance(value, bool):
            texts[name] = str(value).lower()
        elif value is not None and value != "":
            texts[name] = value
    return texts


def _with_article(product: str) -> str:
    article = "an" if product[:1] in "AEIOU" else "a"
    return f"{article} {product}"
