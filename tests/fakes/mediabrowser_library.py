"""What the fakes of Jellyfin and Emby hold: libraries, titles, people, and each person's state of
each title.
"""

import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from typing import Any

from tests.fakes.kodi_library import picture

TICKS = 10_000_000


@dataclass
class State:
    """One person's state of one title, as the server's database keeps it."""

    played: bool = False
    #: Ticks of 100 ns.
    position: int = 0
    play_count: int = 0
    last_played: datetime | None = None
    favorite: bool = False
    rating: float | None = None
    #: When the row was last written.
    saved_at: datetime | None = None


@dataclass
class Person:
    id: str
    name: str
    password: str
    is_admin: bool = False
    is_disabled: bool = False
    #: Whether the person may write their own preferences.
    may_write: bool = True


@dataclass
class Place:
    """A library."""

    id: str
    name: str
    collection_type: str = ""


@dataclass
class Title:
    """A film, a show or an episode."""

    id: str
    type: str
    name: str
    created: datetime
    path: str = ""
    ticks: int = 0
    year: int = 0
    ids: Mapping[str, str] = field(default_factory=dict)
    place: Place | None = None
    series: "Title | None" = None
    season: int | None = None
    number: int | None = None
    number_end: int | None = None
    picture_tag: str = ""
    #: The further versions of this film, each with a state of its own.
    versions: "list[Title]" = field(default_factory=list)
    #: The ids of the people who may not see it.
    hidden_from: set[str] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)
    #: Members that a broken server would answer instead.
    broken: dict[str, Any] = field(default_factory=dict)

    def state(self, person: str) -> State:
        return self.states.setdefault(person, State())


class Library(ABC):
    """Titles by id, and how to add some."""

    def __init__(self) -> None:
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self.titles: dict[str, Title] = {}
        self.people: dict[str, Person] = {}
        self.films = Place(self._id("films"), "Films", "movies")
        self.shows = Place(self._id("shows"), "Shows", "tvshows")
        self.places = [self.films, self.shows]
        self._created = datetime(2020, 1, 1, tzinfo=UTC)

    @abstractmethod
    def _id(self, what: str) -> str:
        """The id that the server gives to a new thing of that name."""

    def add_person(self, name: str, password: str = "secret", **more: Any) -> Person:  # noqa: S107
        person = Person(
            md5(name.encode(), usedforsecurity=False).hexdigest(), name, password, **more
        )
        self.people[person.id] = person
        return person

    def add_place(self, name: str, collection_type: str = "") -> Place:
        place = Place(self._id(name), name, collection_type)
        self.places.append(place)
        return place

    def add_movie(
        self,
        name: str,
        *,
        year: int = 0,
        minutes: float = 90,
        place: Place | None = None,
        versions: int = 1,
        broken: Mapping[str, Any] | None = None,
        **ids: str,
    ) -> Title:
        named = f"{name} ({year})" if year else name
        place = place or self.films
        movie = self._new("Movie", name, f"/{place.name}/{named}/{named}.mkv", minutes, place, ids)
        movie.year, movie.broken = year, dict(broken or {})
        for version in range(2, versions + 1):
            path = f"/{place.name}/{named}/{named} - version {version}.mkv"
            movie.versions.append(self._new("Movie", name, path, minutes, place, ids))
        return movie

    def add_show(
        self, name: str, *, year: int = 0, place: Place | None = None, **ids: str
    ) -> Title:
        place = place or self.shows
        show = self._new("Series", name, f"/{place.name}/{name}", 0, place, ids)
        show.year = year
        return show

    def add_episode(
        self,
        series: Title,
        season: int | None,
        number: int | None,
        name: str = "",
        *,
        minutes: float = 45,
        through: int | None = None,
        broken: Mapping[str, Any] | None = None,
        **ids: str,
    ) -> Title:
        place = series.place or self.shows
        file = f"{series.name} S{season or 0:02d}E{number or 0:02d}.mkv"
        episode = self._new(
            "Episode",
            name or f"Part {number} of season {season}",
            f"/{place.name}/{series.name}/Season {season or 0:02d}/{file}",
            minutes,
            place,
            ids,
        )
        episode.series, episode.season, episode.number, episode.number_end = (
            series,
            season,
            number,
            through,
        )
        episode.broken = dict(broken or {})
        return episode

    def watch(self, person: Person, title: Title, at: datetime) -> None:
        """The person plays it on the server, to its end."""
        state = title.state(person.id)
        state.played, state.position, state.last_played, state.saved_at = True, 0, at, self.now()
        state.play_count += 1

    def stop(self, person: Person, title: Title, position_ms: int, at: datetime) -> None:
        """The person plays it on the server, but not to its end. The start has counted as a
        play.
        """
        state = title.state(person.id)
        state.position, state.last_played, state.saved_at = position_ms * 10_000, at, self.now()
        state.play_count += 1

    def unwatch(self, person: Person, title: Title) -> None:
        state = title.state(person.id)
        favorite, rating = state.favorite, state.rating
        title.states[person.id] = State(favorite=favorite, rating=rating, saved_at=self.now())

    def remove(self, title: Title) -> None:
        del self.titles[title.id]

    def episodes_of(self, series: Title) -> list[Title]:
        return [one for one in self.titles.values() if one.series is series]

    def seasons_of(self, series_id: str) -> list[dict[str, Any]]:
        """The seasons of a show as they are listed; one that has no number tells none."""
        show = self.titles.get(series_id)
        numbers = {one.season for one in self.episodes_of(show)} if show else set()
        return [
            {
                "Id": self._id(f"{series_id} {number}"),
                "Type": "Season",
                "Name": "Season Unknown" if number is None else f"Season {number}",
                **({} if number is None else {"IndexNumber": number}),
            }
            for number in sorted(numbers, key=lambda one: -1 if one is None else one)
        ]

    def is_version(self, title: Title) -> bool:
        return any(title in one.versions for one in self.titles.values() if one.versions)

    def _new(
        self, kind: str, name: str, path: str, minutes: float, place: Place, ids: Mapping[str, str]
    ) -> Title:
        self._created += timedelta(seconds=1)
        tag = md5(path.encode(), usedforsecurity=False).hexdigest()
        title = Title(
            self._id(path), kind, name, self._created, path, int(minutes * 60 * TICKS), place=place
        )
        title.ids = {provider.capitalize(): value for provider, value in ids.items() if value}
        title.picture_tag = tag
        self.titles[title.id] = title
        return title

    def picture_of(self, title: Title) -> bytes:
        return picture(zlib.crc32(title.path.encode()))


def instant(at: datetime) -> str:
    """Write an instant as .NET does: with seven decimals and a Z."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}0Z"


def parsed(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
