"""The catalogue of a fake Trakt: films, shows and episodes, and their payloads."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal

Kind = Literal["movie", "episode"]


@dataclass(eq=False)
class Movie:
    number: int
    title: str
    year: int | None = 2010
    minutes: int | None = 90
    imdb: str = ""
    tmdb: int | None = None
    poster: str = ""
    #: Overrides for its payload.
    broken: dict[str, Any] = field(default_factory=dict)
    kind: Kind = "movie"

    @property
    def remote_id(self) -> str:
        return f"movie:{self.number}"

    @property
    def ids(self) -> dict[str, Any]:
        return {
            "trakt": self.number,
            "slug": f"film-{self.number}",
            "imdb": self.imdb or None,
            "tmdb": self.tmdb,
        }

    def write(self, extended: str) -> dict[str, Any]:
        told: dict[str, Any] = {"title": self.title, "year": self.year, "ids": self.ids}
        if "full" in extended:
            told["runtime"] = self.minutes
        if "images" in extended:
            told["images"] = _images(self.poster)
        return {**told, **self.broken}


@dataclass(eq=False)
class Show:
    number: int
    title: str
    year: int | None = 2019
    minutes: int | None = None
    imdb: str = ""
    tmdb: int | None = None
    tvdb: int | None = None
    poster: str = ""
    kind: Literal["show"] = "show"

    @property
    def ids(self) -> dict[str, Any]:
        return {
            "trakt": self.number,
            "slug": f"show-{self.number}",
            "imdb": self.imdb or None,
            "tmdb": self.tmdb,
            "tvdb": self.tvdb,
        }

    def write(self, extended: str) -> dict[str, Any]:
        told: dict[str, Any] = {"title": self.title, "year": self.year, "ids": self.ids}
        if "full" in extended:
            told["runtime"] = self.minutes
        if "images" in extended:
            told["images"] = _images(self.poster)
        return told


@dataclass(eq=False)
class Episode:
    number: int
    show: Show
    season: int
    episode: int
    title: str | None = None
    minutes: int | None = 45
    imdb: str = ""
    tmdb: int | None = None
    tvdb: int | None = None
    broken: dict[str, Any] = field(default_factory=dict)
    kind: Kind = "episode"

    @property
    def remote_id(self) -> str:
        return f"episode:{self.number}"

    @property
    def ids(self) -> dict[str, Any]:
        return {
            "trakt": self.number,
            "imdb": self.imdb or None,
            "tmdb": self.tmdb,
            "tvdb": self.tvdb,
        }

    def write(self, extended: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "season": self.season,
            "number": self.episode,
            "title": self.title,
            "ids": self.ids,
        }
        if "full" in extended:
            told |= {"runtime": self.minutes, "first_aired": "2019-03-01T20:00:00.000Z"}
        if "images" in extended:
            told["images"] = {
                "screenshot": [f"media.trakt.tv/images/episodes/{self.number}.jpg.webp"]
            }
        return {**told, **self.broken}


Title = Movie | Episode


class Catalogue:
    """All titles. Films, shows and episodes are numbered apart: a 7 can be one of each."""

    def __init__(self) -> None:
        self.movies: dict[int, Movie] = {}
        self.shows: dict[int, Show] = {}
        self.episodes: dict[int, Episode] = {}
        self._numbers = {"movie": count(1), "show": count(1), "episode": count(1)}

    def add_movie(self, title: str, **other: Any) -> Movie:
        movie = Movie(next(self._numbers["movie"]), title, **other)
        self.movies[movie.number] = movie
        return movie

    def add_show(self, title: str, **other: Any) -> Show:
        show = Show(next(self._numbers["show"]), title, **other)
        self.shows[show.number] = show
        return show

    def add_episode(
        self, show: Show, season: int, episode: int, title: str | None = None, **other: Any
    ) -> Episode:
        added = Episode(next(self._numbers["episode"]), show, season, episode, title, **other)
        self.episodes[added.number] = added
        return added

    def remove(self, title: Title) -> None:
        (self.movies if title.kind == "movie" else self.episodes).pop(title.number, None)

    def title(self, kind: str, number: object) -> Title | None:
        known: dict[int, Any] = self.movies if kind == "movie" else self.episodes
        return known.get(number) if isinstance(number, int) else None

    def of_kind(self, kind: str) -> list[Movie | Show | Episode]:
        known: dict[str, dict[int, Any]] = {
            "movie": self.movies,
            "show": self.shows,
            "episode": self.episodes,
        }
        return list(known.get(kind, {}).values())

    def by_ids(self, kind: str, ids: dict[str, Any]) -> Any:
        """Find a title as Trakt does: the first id that it knows decides."""
        for provider, value in ids.items():
            for title in self.of_kind(kind) if value else ():
                if title.ids.get(provider) == value:
                    return title
        return None

    def with_id(
        self, provider: str, value: str, kinds: list[str]
    ) -> Iterator[Movie | Show | Episode]:
        for kind in kinds:
            for title in self.of_kind(kind):
                known = title.ids.get(provider)
                if known is not None and str(known) == value:
                    yield title


def _images(poster: str) -> dict[str, list[str]]:
    names = ("fanart", "poster", "logo", "clearart", "banner", "thumb")
    return {name: [poster] if name == "poster" and poster else [] for name in names}


def write_instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
