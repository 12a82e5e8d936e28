"""A Trakt for the contract suite."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

import httpx2

from mydia_web.backends.trakt import Trakt
from mydia_web.backends.trakt.api import Pace
from mydia_web.backends.values import Connection, Target
from tests.backends.bench import Held
from tests.backends.trakt import published
from tests.fakes.trakt import FakeTrakt, Ticks
from tests.fakes.trakt_account import UNKNOWN
from tests.fakes.trakt_api import Reply
from tests.fakes.trakt_catalogue import Title


class TraktBench:
    """One account. Trakt holds each title once, and no files."""

    #: A hundredth of a per cent of three hours, and the second that a pause is dated to.
    grain_ms = 1100
    kept_share = 0.799

    def __init__(self) -> None:
        ticks = Ticks()
        pace = Pace(monotonic=ticks.monotonic, sleep=ticks.sleep)

        class InNoTime(Trakt):
            """A client that waits on the fake's clock; all clients of the account take turns."""

            def __init__(
                self, connection: Connection, *, transport: httpx2.BaseTransport | None = None
            ) -> None:
                super().__init__(connection, transport=transport, pace=pace)

        self.backend: type[Trakt] = InNoTime
        self.trakt = FakeTrakt(monotonic=ticks.monotonic)
        self._token = self.trakt.oauth.grant(self.trakt.alice)
        self._told, self._checked = 0, 0

    def connection(self) -> Connection:
        token = self._token
        credentials = {
            **self.trakt.app,
            "access_token": token.access,
            "refresh_token": token.refresh,
            "issued_at": str(int(self.trakt.now().timestamp())),
            "expires_at": str(int(token.expires_at.timestamp())),
        }
        return Connection(
            self.trakt.url, credentials=credentials, remote_user_id=self.trakt.alice.uuid
        )

    def wrong_connection(self) -> Connection:
        credentials = {**self.trakt.app, "access_token": "taken-back", "refresh_token": "used-up"}
        return Connection(
            self.trakt.url, credentials=credentials, remote_user_id=self.trakt.alice.uuid
        )

    def unlinked(self) -> Connection:
        return Connection(self.trakt.url, credentials=self.trakt.app)

    def confirm(self, code: str) -> None:
        self.trakt.oauth.confirm(code, self.trakt.alice)

    def add_movie(
        self, title: str, *, year: int = 2010, minutes: int = 90, imdb: str = "", copies: int = 1
    ) -> Sequence[Target]:
        movie = self.trakt.add_movie(title, year=year, minutes=minutes, imdb=imdb)
        return [
            Target(
                remote_id=movie.remote_id, kind="movie", external_ids={"imdb": imdb} if imdb else {}
            )
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
        known = next((one for one in self.trakt.shows.values() if one.title == show), None)
        of_show = known or self.trakt.add_show(show, imdb=f"tt{9_000_000 + len(self.trakt.shows)}")
        added = self.trakt.add_episode(
            of_show, season, episode, minutes=minutes, tvdb=int(tvdb) if tvdb else None
        )
        return Target(
            remote_id=added.remote_id,
            kind="episode",
            external_ids={"tvdb": tvdb} if tvdb else {},
            show_external_ids={"imdb": of_show.imdb},
            season_number=season,
            episode_number=episode,
        )

    def held(self, target: Target) -> Held:
        title, account = self._title(target), self.trakt.alice
        plays, pause = account.plays_of(title), account.pause_of(title)
        dates = [play.watched_at for play in plays if play.watched_at != UNKNOWN]
        length_ms = (title.minutes or 0) * 60_000
        return Held(
            watched=bool(plays),
            position_ms=round(pause.progress / 100 * length_ms) if pause else 0,
            play_count=len(plays),
            last_played_at=max(dates, default=None),
        )

    def person_watches(self, target: Target, at: datetime) -> None:
        title = self._title(target)
        self.trakt.alice.watch(title, at, "scrobble")
        self.trakt.alice.unpause(title)

    def person_stops_at(self, target: Target, position_ms: int, at: datetime) -> None:
        title = self._title(target)
        percent = position_ms / ((title.minutes or 0) * 600)
        self.trakt.alice.pause(title, round(percent, self.trakt.routes.habits.decimals), at)

    def person_unwatches(self, target: Target) -> None:
        title = self._title(target)
        self.trakt.alice.unwatch(title)
        self.trakt.alice.unpause(title)

    def remove(self, target: Target) -> None:
        title = self._title(target)
        self.person_unwatches(target)
        self.trakt.remove(title)

    def requests(self) -> list[tuple[str, str]]:
        told, self._told = self._told, len(self.trakt.exchanges)
        return [(one.method, one.path) for one in self.trakt.exchanges[told:]]

    def writes(self) -> list[str]:
        return [f"{one.method} {one.path}" for one in self.trakt.writes()]

    def violations(self) -> list[str]:
        checked, self._checked = self._checked, len(self.trakt.exchanges)
        return published.faults(self.trakt.exchanges[checked:])

    def answering(
        self,
        status: int,
        *,
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        content_type: str = "text/plain",
    ) -> AbstractContextManager[None]:
        return self.trakt.answering(
            Reply(status, body, {"Content-Type": content_type, **(headers or {})})
        )

    def losing_answers(self) -> AbstractContextManager[None]:
        return self.trakt.losing_answers(to="POST DELETE")

    def close(self) -> None:
        self.trakt.close()

    def _title(self, target: Target) -> Title:
        kind, _, number = target.remote_id.partition(":")
        title = self.trakt.title(kind, int(number))
        assert title is not None
        return title
