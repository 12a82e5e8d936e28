"""Plex for the suite that every kind of server must pass."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from mydia_web.backends.backend import Backend
from mydia_web.backends.values import Connection, Target
from tests.backends.bench import Held
from tests.backends.plex import contract
from tests.backends.plex.conftest import kind_at, signed_in
from tests.fakes.plex import ALICE, FakePlex, Title
from tests.fakes.plex_library import Section


class PlexBench:
    grain_ms = 1
    #: A second before the share from which Plex takes a title for watched.
    kept_share = 0.9

    def __init__(self) -> None:
        self._plex = FakePlex()
        self.backend: type[Backend] = kind_at(self._plex)
        self._shows: dict[str, Title] = {}
        self._told = dict.fromkeys((self._plex, self._plex.tv), 0)

    def connection(self) -> Connection:
        credentials = {**signed_in(self._plex), "account_token": "account-of-alice"}
        return Connection(self._plex.url, credentials=credentials, remote_user_id=str(ALICE))

    def wrong_connection(self) -> Connection:
        credentials = {
            "token": "no-such-token",
            "account_token": "no-such-account",
            "user_id": str(ALICE),
        }
        return Connection(self._plex.url, credentials=credentials, remote_user_id=str(ALICE))

    def unlinked(self) -> Connection:
        return Connection(self._plex.url)

    def confirm(self, code: str) -> None:
        self._plex.tv.confirm(code)

    def add_movie(
        self, title: str, *, year: int = 2010, minutes: int = 90, imdb: str = "", copies: int = 1
    ) -> Sequence[Target]:
        """Add each copy to its own library: in one library they would share a number."""
        guids = [f"imdb://{imdb}"] if imdb else []
        added = [
            self._plex.add_movie(
                title,
                year=year,
                minutes=minutes,
                guids=guids,
                section=self._movie_section(number),
                files=[f"/films {number}/{title}.mkv"],
            )
            for number in range(copies)
        ]
        return [_target(one) for one in added]

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
            self._shows[show] = self._plex.add_show(show)
        guids, files = [f"tvdb://{tvdb}"] if tvdb else [], [f"/shows/{show}/{season}x{episode}.mkv"]
        first, *_ = [
            self._plex.add_episode(
                self._shows[show],
                season,
                number,
                minutes=minutes,
                guids=guids if number == episode else [],
                files=files,
            )
            for number in range(episode, (through or episode) + 1)
        ]
        return _target(first)

    def held(self, target: Target) -> Held:
        played = self._title(target).of(ALICE)
        at = datetime.fromtimestamp(played.last_viewed_at, UTC) if played.last_viewed_at else None
        return Held(played.view_count > 0, played.view_offset or 0, played.view_count, at)

    def person_watches(self, target: Target, at: datetime) -> None:
        with self._at(at):
            self._plex.watch(self._title(target))

    def person_stops_at(self, target: Target, position_ms: int, at: datetime) -> None:
        with self._at(at):
            self._plex.stop_at(self._title(target), position_ms)

    def person_unwatches(self, target: Target) -> None:
        self._plex.unscrobble(self._title(target), ALICE)

    def remove(self, target: Target) -> None:
        self._plex.remove(self._title(target))

    def requests(self) -> list[tuple[str, str]]:
        new = []
        for server, many in self._told.items():
            new += [(one.request.method, one.request.target) for one in server.exchanges[many:]]
            self._told[server] = len(server.exchanges)
        return new

    def writes(self) -> list[str]:
        requests = [one.request for server in self._told for one in server.exchanges]
        return [f"{one.method} {one.target}" for one in requests if one.method != "GET"]

    def violations(self) -> list[str]:
        with_tv = contract.faults_of_tv(self._plex.tv.exchanges)
        return contract.faults_of_server(self._plex.exchanges) + with_tv

    @contextmanager
    def answering(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> Iterator[None]:
        with (
            self._plex.answering(status, headers=headers, body=body, content_type=content_type),
            self._plex.tv.answering(status, headers=headers, body=body, content_type=content_type),
        ):
            yield

    @contextmanager
    def losing_answers(self) -> Iterator[None]:
        with self._plex.losing_answers(), self._plex.tv.losing_answers():
            yield

    def close(self) -> None:
        self._plex.close()

    def _title(self, target: Target) -> Title:
        return self._plex.titles[int(target.remote_id)]

    def _movie_section(self, number: int) -> int:
        if not number:
            return 1
        key = 10 + number
        if key not in {section.key for section in self._plex.sections}:
            self._plex.sections.append(Section(key, "movie", f"Films {number}"))
        return key

    @contextmanager
    def _at(self, at: datetime) -> Iterator[None]:
        now, self._plex.now = self._plex.now, lambda: at
        try:
            yield
        finally:
            self._plex.now = now


def _target(title: Title) -> Target:
    kind = "movie" if title.kind == "movie" else "episode"
    ids = {guid.partition("://")[0]: guid.partition("://")[2] for guid in title.guids}
    return Target(
        remote_id=str(title.key),
        kind=kind,
        path=title.files[0],
        external_ids=ids,
        season_number=title.season,
        episode_number=title.number,
    )
