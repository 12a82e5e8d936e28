"""The routes of a fake Trakt, with the traps of the real one."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.fakes.trakt_account import UNKNOWN, Account, Pause, Play, Watching
from tests.fakes.trakt_catalogue import Catalogue, Episode, Movie, Title, write_instant

SINGULAR = {"movies": "movie", "episodes": "episode"}
SEARCHED = ("movie", "show", "episode")
#: Sections of /sync/last_activities that nothing here moves.
_STILL = {
    "shows": (
        "rated_at",
        "watchlisted_at",
        "favorited_at",
        "commented_at",
        "hidden_at",
        "dropped_at",
    ),
    "seasons": ("rated_at", "watchlisted_at", "commented_at", "hidden_at"),
    "comments": ("liked_at", "reacted_at", "blocked_at"),
    "lists": ("liked_at", "reacted_at", "updated_at", "commented_at"),
    "watchlist": ("updated_at",),
    "favorites": ("updated_at",),
    "collaborations": ("updated_at",),
    "account": ("settings_at", "followed_at", "following_at", "pending_at", "requested_at"),
    "saved_filters": ("updated_at",),
    "notes": ("updated_at",),
}
_MOVED = (
    *("watched_at", "collected_at", "rated_at", "watchlisted_at"),
    *("favorited_at", "commented_at", "paused_at", "hidden_at"),
)


@dataclass
class Reply:
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Call:
    """A request of a signed-in person."""

    account: Account
    query: Mapping[str, str]
    body: Any

    @property
    def extended(self) -> str:
        return self.query.get("extended", "")


@dataclass
class Habits:
    """Behaviour that is unknown of the real Trakt, or was seen to change."""

    #: The most rows on a page, whatever is asked for.
    page: int = 250
    #: Digits of a percentage after the point.
    decimals: int = 2
    #: A pause from 80 per cent on: "refused", or taken for the end, which adds a play.
    late_pause: str = "refused"
    #: The plays of a title that does not exist: 404, or none.
    knows_unknown: bool = True
    #: The date of a play without one; None: null.
    no_date: datetime | None = UNKNOWN
    #: Whether the time of day counts in start_at.
    reads_time: bool = True
    #: Whether the listing of pauses tells its size.
    counts_pauses: bool = True
    #: Adding answers 201, or 200 as its description says.
    added: int = 201
    #: Plays that are counted and no longer listed.
    ghosts: int = 0


class Routes:
    """The answers, apart from HTTP."""

    def __init__(self, catalogue: Catalogue, now: Callable[[], datetime]) -> None:
        self.catalogue, self.now = catalogue, now
        self.habits = Habits()
        #: Titles that somebody scrobbled to their end of late, with the end of the pause until the
        #: next.
        self.scrobbled: dict[Title, datetime] = {}

    def reply(self, method: str, path: str, call: Call) -> Reply:
        for of_method, pattern, route in self._table():
            found = re.fullmatch(pattern, path)
            if found and method == of_method:
                return route(call, *found.groups())
        return Reply(404)

    def _table(self) -> list[tuple[str, str, Callable[..., Reply]]]:
        return [
            ("GET", "/users/settings", self._settings),
            ("GET", "/users/me/watching", self._watching),
            ("GET", "/sync/last_activities", self._activities),
            ("GET", "/sync/history/(movies|episodes)", self._history),
            ("GET", r"/sync/history/(movies|episodes)/(\d+)", self._history_of),
            ("POST", "/sync/history", self._add),
            ("POST", "/sync/history/remove", self._remove),
            ("GET", "/sync/playback/(movies|episodes)", self._playback),
            ("DELETE", r"/sync/playback/(\d+)", self._unpause),
            ("POST", "/scrobble/(start|pause|stop)", self._scrobble),
            ("GET", r"/users/[\w-]+/watched/(movies|shows)", self._watched),
            ("GET", "/search/(imdb|tmdb|tvdb|trakt)/([^/]+)", self._search),
            ("GET", r"/shows/(\d+)/seasons/(\d+)/episodes/(\d+)", self._episode),
        ]

    def _settings(self, call: Call) -> Reply:
        account = call.account
        user = {
            "username": account.username,
            "private": False,
            "vip": False,
            "vip_ep": False,
            "director": False,
            "ids": {"slug": account.slug, "uuid": account.uuid},
            "joined_at": "2020-01-01T00:00:00.000Z",
            "images": {"avatar": {"full": "https://walter.trakt.tv/avatar.jpg"}},
            "vip_og": False,
            "vip_years": 0,
        }
        permissions = {"commenting": True, "liking": True, "following": True}
        told = {"timezone": "Europe/Berlin", "date_format": "dmy", "time_24hr": True}
        return Reply(200, {"user": user, "permissions": permissions, "account": told})

    def _watching(self, call: Call) -> Reply:
        watching = call.account.watching
        if watching is None:
            return Reply(204)
        told = {
            "expires_at": write_instant(watching.expires_at),
            "started_at": write_instant(watching.started_at),
            "action": "scrobble",
            "type": watching.title.kind,
        }
        return Reply(200, {**told, **named(watching.title, call.extended)})

    def _activities(self, call: Call) -> Reply:
        def stamps(section: str, names: tuple[str, ...]) -> dict[str, str]:
            return {
                name: write_instant(call.account.stamps.get((section, name), UNKNOWN))
                for name in names
            }

        told: dict[str, Any] = {
            section: stamps(section, names) for section, names in _STILL.items()
        }
        told |= {section: stamps(section, _MOVED) for section in SINGULAR}
        told["all"] = write_instant(max(call.account.stamps.values(), default=UNKNOWN))
        return Reply(200, told)

    def _history(self, call: Call, plural: str) -> Reply:
        plays = [play for play in call.account.plays if f"{play.title.kind}s" == plural]
        return self._listed_plays(call, plays)

    def _history_of(self, call: Call, plural: str, number: str) -> Reply:
        title = self.catalogue.title(SINGULAR[plural], int(number))
        if title is None and self.habits.knows_unknown:
            return Reply(404)
        return self._listed_plays(call, call.account.plays_of(title) if title else [])

    def _listed_plays(self, call: Call, plays: list[Play]) -> Reply:
        start, end = (self._time(call.query.get(name, "")) for name in ("start_at", "end_at"))
        kept = [
            play
            for play in plays
            if (not start or play.watched_at >= start) and (not end or play.watched_at <= end)
        ]
        kept.sort(key=lambda play: (play.watched_at, play.id), reverse=True)
        return self._paged(
            call, kept, lambda play: self._play(play, call.extended), ghosts=self.habits.ghosts
        )

    def _time(self, text: str) -> datetime | None:
        if not text:
            return None
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=at.tzinfo or UTC)
        return at if self.habits.reads_time else at.replace(hour=0, minute=0, second=0)

    def _play(self, play: Play, extended: str) -> dict[str, Any]:
        at = self.habits.no_date if play.watched_at == UNKNOWN else play.watched_at
        told = {
            "id": play.id,
            "watched_at": write_instant(at) if at else None,
            "action": play.action,
        }
        return {**told, "type": play.title.kind, **named(play.title, extended)}

    def _playback(self, call: Call, plural: str) -> Reply:
        pauses = [pause for pause in call.account.pauses if f"{pause.title.kind}s" == plural]
        pauses.sort(key=lambda pause: pause.paused_at, reverse=True)

        def write(pause: Pause) -> dict[str, Any]:
            told = {
                "progress": pause.progress,
                "paused_at": write_instant(pause.paused_at),
                "id": pause.id,
            }
            return {**told, "type": pause.title.kind, **named(pause.title, call.extended)}

        if not self.habits.counts_pauses or "page" not in call.query:
            return Reply(200, [write(pause) for pause in pauses])
        return self._paged(call, pauses, write)

    def _paged(
        self, call: Call, rows: list[Any], write: Callable[[Any], Any], *, ghosts: int = 0
    ) -> Reply:
        limit = min(int(call.query.get("limit", 10)), self.habits.page)
        page, total = int(call.query.get("page", 1)), len(rows) + ghosts
        headers = {
            "X-Pagination-Page": str(page),
            "X-Pagination-Limit": str(limit),
            "X-Pagination-Page-Count": str(-(-total // limit)),
            "X-Pagination-Item-Count": str(total),
        }
        return Reply(200, [write(row) for row in rows[(page - 1) * limit : page * limit]], headers)

    def _add(self, call: Call) -> Reply:
        added, missing = {"movie": 0, "episode": 0}, _nothing()
        for plural, entries in call.body.items():
            for entry in entries:
                titles = self._meant(plural, entry)
                if not titles:
                    missing[plural].append(entry)
                for title in titles:
                    at = self._watched_at(entry.get("watched_at"))
                    added[title.kind] += call.account.watch(title, at)
        counts = {"movies": added["movie"], "episodes": added["episode"]}
        told = {"added": counts, "updated": {"movies": 0, "episodes": 0}, "not_found": missing}
        return Reply(self.habits.added, told)

    def _meant(self, plural: str, entry: Mapping[str, Any]) -> list[Title]:
        """Return the titles of an entry; a show stands for all of its episodes."""
        found = self.catalogue.by_ids(plural.removesuffix("s"), entry.get("ids", {}))
        if plural == "shows" and found:
            return [
                episode for episode in self.catalogue.episodes.values() if episode.show is found
            ]
        return [found] if found else []

    def _watched_at(self, text: str | None) -> datetime:
        if text == "unknown":
            return UNKNOWN
        return datetime.fromisoformat(text) if text else self.now()

    def _remove(self, call: Call) -> Reply:
        deleted, missing = {"movie": 0, "episode": 0}, _nothing()
        for plural, entries in call.body.items():
            for entry in entries:
                titles = self._meant(plural, entry)
                if not titles:
                    missing[plural].append(entry)
                for title in titles:
                    deleted[title.kind] += call.account.unwatch(title)
        counts = {"movies": deleted["movie"], "episodes": deleted["episode"]}
        return Reply(200, {"deleted": counts, "not_found": missing})

    def _unpause(self, call: Call, number: str) -> Reply:
        pause = next((pause for pause in call.account.pauses if pause.id == int(number)), None)
        if pause is None:
            return Reply(404)
        call.account.unpause(pause.title)
        return Reply(204)

    def _scrobble(self, call: Call, action: str) -> Reply:
        kind = "movie" if "movie" in call.body else "episode"
        title, progress = self.catalogue.by_ids(kind, call.body[kind]["ids"]), call.body["progress"]
        if title is None:
            return Reply(404)
        if action == "start":
            return self._started(call, title, progress)
        if progress < 1 or (
            progress >= 80 and action == "pause" and self.habits.late_pause == "refused"
        ):
            return Reply(422, {"message": "Progress should be at least 1 and below 80 to pause."})
        until = self.scrobbled.get(title)
        if until and self.now() < until:
            at = write_instant(until - timedelta(hours=1))
            return Reply(409, {"watched_at": at, "expires_at": write_instant(until)})
        return self._paused(call, title, progress)

    def _started(self, call: Call, title: Title, progress: float) -> Reply:
        """Start watching: the title is no longer paused."""
        call.account.unpause(title)
        length = timedelta(minutes=title.minutes or 60)
        start = self.now() - length * progress / 100
        call.account.watching = Watching(title, start, start + length)
        return Reply(201, {"id": 0, "action": "start", "progress": progress, **named(title, "")})

    def _watched(self, call: Call, plural: str) -> Reply:
        """List titles with the number of their plays, as other clients ask."""
        found: dict[Any, dict[str, Any]] = {}
        for play in call.account.plays:
            title = play.title.show if isinstance(play.title, Episode) else play.title
            if f"{title.kind}s" == plural:
                row = found.setdefault(title, {"plays": 0, title.kind: title.write(call.extended)})
                row["plays"] += 1
                row["last_watched_at"] = row["last_updated_at"] = write_instant(play.watched_at)
        return self._paged(call, list(found.values()), lambda row: row)

    def _paused(self, call: Call, title: Title, progress: float) -> Reply:
        if progress >= 80:
            call.account.unpause(title)
            call.account.watch(title, self.now(), "scrobble")
            self.scrobbled[title] = self.now() + timedelta(hours=1)
            told = {"id": call.account.plays[-1].id, "action": "scrobble", "progress": progress}
        else:
            pause = call.account.pause(title, round(progress, self.habits.decimals), self.now())
            told = {"id": pause.id, "action": "pause", "progress": pause.progress}
        return Reply(201, {**told, **named(title, "")})

    def _search(self, call: Call, provider: str, value: str) -> Reply:
        kinds = [call.query["type"]] if "type" in call.query else list(SEARCHED)
        found = []
        for title in self.catalogue.with_id(provider, value, kinds):
            own = (
                {title.kind: title.write(call.extended)}
                if title.kind == "show"
                else named(title, call.extended)
            )
            found.append({"type": title.kind, "score": 1000, **own})
        return self._paged(call, found, lambda row: row)

    def _episode(self, call: Call, show: str, season: str, number: str) -> Reply:
        for episode in self.catalogue.episodes.values():
            if (episode.show.number, episode.season, episode.episode) == (
                int(show),
                int(season),
                int(number),
            ):
                return Reply(200, episode.write(call.extended))
        return Reply(404)


def named(title: Title | Any, extended: str) -> dict[str, Any]:
    if isinstance(title, Episode):
        return {"episode": title.write(extended), "show": title.show.write(extended)}
    assert isinstance(title, Movie)
    return {"movie": title.write(extended)}


def _nothing() -> dict[str, list[Any]]:
    return {"movies": [], "shows": [], "seasons": [], "episodes": []}
