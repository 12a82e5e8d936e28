"""The Trakt backend. One sign-in is one person; nobody there owns files.

`watched_at` is when a play ended, as its sender dated it; `paused_at` is when Trakt heard of a
pause.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import ClassVar
from urllib.parse import SplitResult, quote, urlsplit

import httpx2

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError, LinkEnded, Rejected, SignInRefused
from mydia_web.backends.http import Http
from mydia_web.backends.traits import Field, Traits
from mydia_web.backends.trakt import listing, mapping, plan, tokens
from mydia_web.backends.trakt.api import Api, Pace
from mydia_web.backends.trakt.mapping import User
from mydia_web.backends.trakt.push import Batch, Writer
from mydia_web.backends.trakt.titles import Finder
from mydia_web.backends.values import (
    Artwork,
    Connection,
    LibraryPage,
    LinkCode,
    Linked,
    Playing,
    RemoteState,
    RemoteUser,
    ServerInfo,
    Target,
    Wanted,
)
from mydia_web.backends.wire import UnreadableEntry
from mydia_web.names import name_key

_PICTURE_HOST = "trakt.tv"


class Trakt(Backend):
    """An account at Trakt.

    Its library is what the person has watched or paused. Positions are shares of a length in whole
    minutes, from 1 to 79.9 per cent: Trakt keeps none below and counts more as watched.
    """

    traits: ClassVar[Traits] = Traits(
        kind="trakt",
        product="Trakt",
        summary="The service that keeps what you watch, wherever you watch it. "
        "Needs an app of your own, which Trakt lets only paying VIP members make; "
        "the app of a free account is refused.",
        summary_link="https://app.trakt.tv/settings/apps",
        address_hint="https://api.trakt.tv",
        fields=(
            Field(
                name="client_id",
                label="Client ID",
                hint="From your app at app.trakt.tv/settings/apps.",
                required=True,
            ),
            Field(
                name="client_secret",
                label="Client secret",
                hint="From the same page.",
                secret=True,
                required=True,
            ),
        ),
        address="fixed",
        fixed_address="https://api.trakt.tv",
        linking="Activate a device",
        batch_size=100,
        accepts_unlisted=True,
        counts_plays=True,
        least_percent=plan.LEAST_PERCENT,
        most_percent=plan.MOST_PERCENT,
        keeps_people=True,
    )

    def __init__(
        self,
        connection: Connection,
        *,
        transport: httpx2.BaseTransport | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._connection = connection
        self._transport = transport
        self._api = Api(connection, transport=transport, pace=pace)
        self._finder = Finder(self._api)

    def close(self) -> None:
        self._api.close()

    @property
    def clock_skew(self) -> timedelta | None:
        return self._api.clock_skew

    def check(self) -> ServerInfo:
        self._user()
        return ServerInfo(product="Trakt", name="Trakt", version="API 2", server_id="trakt")

    def sign_in(self) -> Linked:
        user = self._user()
        wanted_user = self._connection.remote_user_id
        if wanted_user and name_key(wanted_user) not in user.names:
            raise SignInRefused(
                f"This sign-in belongs to {user.username} at Trakt, and not to {wanted_user}."
            )
        return Linked(self._api.credentials, user.remote_id, user.username)

    def users(self) -> Sequence[RemoteUser]:
        """Return the one person whose account it is."""
        user = self._user()
        return (RemoteUser(user.remote_id, user.username),)

    def _user(self) -> User:
        settings = self._api.get("users/settings").json()
        user = settings.get("user") if isinstance(settings, dict) else None
        try:
            return mapping.parse(User, user)
        except UnreadableEntry as error:
            raise self._api.not_trakt() from error

    def library(self) -> Iterator[LibraryPage]:
        yield from listing.read_library(self._api)

    def changes(self, since: datetime) -> Iterator[LibraryPage] | None:
        """Yield what was played or paused since then; one request where nothing was.

        Trakt lists no removals: a play or a position that was taken away shows only in the whole
        library, and so does a play with an earlier date that was added beside a recent one.
        """
        return listing.read_changes(self._api, since)

    def state(self, target: Target) -> RemoteState:
        return Writer(self._api, self._finder).state(target)

    def find(self, target: Target) -> str:
        return mapping.remote_id(target.kind, self._finder.number(target))

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        return Writer(self._api, self._finder).push(target, wanted)

    def push_many(
        self, pushes: Sequence[tuple[Target, Wanted]]
    ) -> Sequence[RemoteState | BackendError]:
        """Send marks together and positions one by one."""
        return Batch(self._api, self._finder).push(pushes)

    def explain(self, target: Target, wanted: Wanted) -> Sequence[str]:
        return [str(call) for call in plan.explain(target, wanted)]

    def playing(self) -> Sequence[Playing]:
        answer = self._api.get("users/me/watching", extended="full")
        if answer.status == 204 or not answer.content:
            return ()
        return mapping.playing(answer.json(), self._connection.remote_user_id)

    @classmethod
    def web_link(cls, connection: Connection, target: Target) -> str:
        return mapping.web_page(target)

    def artwork(self, url: str) -> Artwork:
        parts = urlsplit(url)
        if not self._is_picture_host(parts):
            raise Rejected("This is not the address of a picture at Trakt.")
        # A client of its own: the pictures' host has no business with the sign-in.
        http = Http(
            f"{parts.scheme}://{parts.netloc}",
            product="Trakt",
            verify=self._connection.verify_tls,
            transport=self._transport,
        )
        try:
            return http.picture(quote(parts.path.lstrip("/"), safe="/%"))
        finally:
            http.close()

    def _is_picture_host(self, url: SplitResult) -> bool:
        own = urlsplit(self._connection.base_url)
        if (url.scheme, url.netloc) == (own.scheme, own.netloc):
            return True
        host = f".{url.hostname or ''}"
        return url.scheme == "https" and host.endswith(f".{_PICTURE_HOST}")

    @classmethod
    def begin_link(
        cls, connection: Connection, *, transport: httpx2.BaseTransport | None = None
    ) -> LinkCode:
        return tokens.OAuth(connection, transport=transport).ask_for_code()

    @classmethod
    def poll_link(
        cls,
        connection: Connection,
        secret: Mapping[str, str],
        *,
        transport: httpx2.BaseTransport | None = None,
    ) -> Linked | None:
        device_code = secret.get("device_code")
        if not device_code:
            raise LinkEnded
        known = replace(
            connection, credentials={**secret, **connection.credentials}, remote_user_id=""
        )
        credentials = tokens.OAuth(known, transport=transport).ask_for_token(device_code)
        if credentials is None:
            return None
        backend = cls(replace(known, credentials=credentials), transport=transport)
        try:
            return backend.sign_in()
        except BackendError:
            # The code is used up: its credentials must not be lost for want of a name.
            return Linked(credentials)
        finally:
            backend.close()
