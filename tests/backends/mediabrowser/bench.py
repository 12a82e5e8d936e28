"""The stand-in servers of Jellyfin and Emby, behind the words of the contract suite."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

from mydia_web.backends.backend import Backend
from mydia_web.backends.values import Connection, Target
from tests.backends.bench import Held
from tests.backends.openapi import Description
from tests.fakes.mediabrowser import FakeServer, Reply, Request
from tests.fakes.mediabrowser_library import Library, Person, Title

HOST = "http://server.test"
REFUSAL_FAULTS = ("ResponseNotFound", "Missing response data")


class MediaBrowserBench:
    """alice lives there. Copies of a film stand in libraries of their own, so that each is listed
    by itself.
    """

    backend: type[Backend]
    grain_ms = 1
    kept_share = 1.0

    def __init__(self, fake: Any) -> None:
        self.fake = fake
        self._library: Library = fake
        self._server: FakeServer = fake
        self._shows: dict[str, Title] = {}
        self.alice: Person = fake.add_person("alice")
        self._token = fake.new_token(self.alice.id, "mydia-web")

    @abstractmethod
    def description(self) -> Description | None: ...

    def connection(self) -> Connection:
        return Connection(
            self._server.url, credentials={"token": self._token}, remote_user_id=self.alice.id
        )

    def wrong_connection(self) -> Connection:
        return Connection(
            self._server.url, credentials={"token": "f" * 32}, remote_user_id=self.alice.id
        )

    def unlinked(self) -> Connection:
        return Connection(self._server.url)

    def confirm(self, code: str) -> None:
        self.fake.confirm(code, self.alice)

    def add_movie(
        self, title: str, *, year: int = 2010, minutes: int = 90, imdb: str = "", copies: int = 1
    ) -> Sequence[Target]:
        places = [self._library.films]
        places += [
            self._library.add_place(f"Films {number}", "movies") for number in range(2, copies + 1)
        ]
        return [
            target(
                self._library.add_movie(title, year=year, minutes=minutes, place=place, imdb=imdb)
            )
            for place in places
        ]

    def add_episode(
        self,
        show: str,
        season: int,
        episode: int,
        *,
        minutes: int = 45,
        tvdb: str = "",
        through: int | None = None,
    ) -> Target:
        if show not in self._shows:
            self._shows[show] = self._library.add_show(show)
        added = self._library.add_episode(
            self._shows[show], season, episode, minutes=minutes, through=through, tvdb=tvdb
        )
        return target(added)

    def held(self, target: Target) -> Held:
        state = self._title(target).state(self.alice.id)
        return Held(state.played, state.position // 10_000, state.play_count, state.last_played)

    def person_watches(self, target: Target, at: datetime) -> None:
        self._library.watch(self.alice, self._title(target), at)

    def person_stops_at(self, target: Target, position_ms: int, at: datetime) -> None:
        self._library.stop(self.alice, self._title(target), position_ms, at)

    def person_unwatches(self, target: Target) -> None:
        self._library.unwatch(self.alice, self._title(target))

    def remove(self, target: Target) -> None:
        self._library.remove(self._title(target))

    def requests(self) -> list[tuple[str, str]]:
        return [(request.method, request.target) for request in self._server.news()]

    def writes(self) -> list[str]:
        reads = ("GET", "HEAD")
        return [
            f"{one.method} {one.target}" for one in self._server.requests if one.method not in reads
        ]

    def violations(self) -> list[str]:
        description = self.description()
        if description is None:
            return []
        own = [(request, reply) for request, reply, is_own in self._server.exchanges if is_own]
        return list(faults(own, description, self.described_path))

    def described_path(self, target: str) -> str:
        return target

    def answering(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> AbstractContextManager[None]:
        return self._server.answering(Reply(status, body, content_type, headers or {}))

    def losing_answers(self) -> AbstractContextManager[None]:
        return self._server.losing_answers(to="POST DELETE")

    def close(self) -> None:
        self._server.close()

    def _title(self, target: Target) -> Title:
        return self._library.titles[target.remote_id]


def target(title: Title, **other: Any) -> Target:
    named = {provider.lower(): value for provider, value in title.ids.items()}
    kind = "movie" if title.type == "Movie" else "episode"
    return Target(
        **{"remote_id": title.id, "kind": kind, "path": title.path, "external_ids": named, **other}
    )


def faults(
    exchanges: Iterable[tuple[Request, Reply]], description: Description, path: Callable[[str], str]
) -> Iterable[str]:
    """Yield what is wrong with each request and answer.

    Descriptions leave out most statuses of refusals, and a server that lacks a route refuses
    without a body.
    """
    for request, reply in exchanges:
        found = description.wrong(
            request.method,
            path(request.target),
            headers=dict(request.headers),
            body=request.body,
            status=reply.status,
            answer_headers=reply.all_headers,
            answer=reply.body,
        )
        undescribed = REFUSAL_FAULTS if reply.status >= 400 else ()
        yield from (fault for fault in found if not any(known in fault for known in undescribed))


def without_uuids(document: dict[str, Any]) -> None:
    """Both servers write ids without dashes, which the format `uuid` does not allow; `guid` is no
    format at all.
    """
    for node in list(_nodes(document)):
        if node.get("format") in ("uuid", "guid"):
            del node["format"]


def _nodes(node: Any) -> Iterable[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
    for child in (
        node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    ):
        yield from _nodes(child)
