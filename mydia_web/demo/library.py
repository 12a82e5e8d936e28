"""The films, shows and episodes of the sample library, with their pictures."""

import re
import shutil
import tomllib
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from mydia_web.db import db
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.sources.artwork import WIDTHS, cached_file, remember_artwork

_HERE = Path(__file__).parent
_PICTURES = _HERE / "pictures"


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film in library.toml."""

    title: str
    on: str
    original_title: str | None = None
    year: int | None = None
    minutes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """A show in library.toml, with the titles of its episodes."""

    title: str
    on: str
    minutes: int
    seasons: list[list[str]]
    specials: list[str] = field(default_factory=list)
    #: 0: the year in which its first episode airs.
    year: int = 0
    last_season_in_days: int | None = None


@dataclass(slots=True, kw_only=True)
class Library:
    """The rows of all titles, by title; of episodes by (title of the show, season, number)."""

    films: dict[str, MediaItem] = field(default_factory=dict)
    shows: dict[str, MediaItem] = field(default_factory=dict)
    episodes: dict[tuple[str, int, int], Episode] = field(default_factory=dict)
    #: Every film and episode with the initials of the sources that hold it.
    copies: list[tuple[Content, str]] = field(default_factory=list)

    @property
    def items(self) -> list[MediaItem]:
        return [*self.films.values(), *self.shows.values()]

    def add_film(self, film: Film) -> None:
        item = MediaItem(type="movie", title=film.title, sort_title=sort_title(film.title))
        item.original_title = film.original_title
        item.year = film.year
        if film.minutes:
            item.runtime_seconds = film.minutes * 60
        db.session.add(item)
        self.films[film.title] = item
        self.copies.append((item, film.on))

    def add_show(self, show: Show, today: date) -> None:
        item = MediaItem(type="show", title=show.title, sort_title=sort_title(show.title))
        item.year = show.year or _air_date(show, 1, 1, today).year
        db.session.add(item)
        db.session.flush()
        self.shows[show.title] = item
        for season, titles in enumerate([show.specials, *show.seasons]):
            for number, title in enumerate(titles, start=1):
                episode = Episode(show=item, title=title)
                episode.season_number = season
                episode.episode_number = number
                episode.air_date = _air_date(show, season, number, today)
                # Real episodes differ by a few minutes.
                episode.runtime_seconds = show.minutes * 60 + (number * 37 + season * 53) % 240
                db.session.add(episode)
                self.episodes[show.title, season, number] = episode
                self.copies.append((episode, show.on))


def add_library(at: datetime) -> Library:
    """Add all titles as if they had arrived one after the other, the first of them yesterday."""
    tables = tomllib.loads((_HERE / "library.toml").read_text(encoding="utf-8"))
    library = Library()
    for row in tables["films"]:
        library.add_film(Film(**row))
    for row in tables["shows"]:
        library.add_show(Show(**row), at.date())
    db.session.flush()
    _add_external_ids(library)
    for age, item in enumerate(library.items):
        item.inserted_at = at - timedelta(days=9 * age + 1)
    db.session.flush()
    return library


def add_pictures(library: Library, source_id: int) -> None:
    """Keep the pictures as if the source had sent them. A title without a file has none."""
    for item in library.items:
        poster = _PICTURES / "posters" / f"{_slug(item.title)}.webp"
        if poster.exists():
            item.artwork_key = _keep(source_id, f"image://demo/{item.id}/poster/", poster)
    for show in library.shows.values():
        stills = sorted((_PICTURES / "stills").glob(f"{_slug(show.title)}-*.webp"))
        if stills:
            _share_out(stills, show, library, source_id)


def _air_date(show: Show, season: int, number: int, today: date) -> date:
    if show.last_season_in_days is not None and season == len(show.seasons):
        first = today + timedelta(days=show.last_season_in_days)
    else:
        seasons_before = max(0, season - 1)
        first = date(show.year + seasons_before, 9, 4)
    return first + timedelta(weeks=number - 1)


def _add_external_ids(library: Library) -> None:
    """Add ids that look like what they are: invented."""
    providers = {"movie": ("imdb", "tmdb"), "show": ("tmdb", "tvdb")}
    for number, item in enumerate(library.items, start=1):
        value = f"demo-{item.type}-{number}"
        for provider in providers[item.type]:
            known_as = ExternalId(media_item_id=item.id, provider=provider, kind=item.type)
            known_as.value = value
            db.session.add(known_as)
    for number, episode in enumerate(library.episodes.values(), start=1):
        known_as = ExternalId(episode_id=episode.id, provider="tvdb", kind="episode")
        known_as.value = f"demo-episode-{number}"
        db.session.add(known_as)


def _share_out(stills: list[Path], show: MediaItem, library: Library, source_id: int) -> None:
    """Give each episode of a show one of its stills, in turn."""
    keys = [
        _keep(source_id, f"image://demo/{show.id}/still/{number}/", still)
        for number, still in enumerate(stills)
    ]
    episodes = [episode for episode in library.episodes.values() if episode.show is show]
    for index, episode in enumerate(episodes):
        # Seasons begin with different ones.
        turn = index + episode.season_number
        episode.artwork_key = keys[turn % len(keys)]


def _keep(source_id: int, url: str, file: Path) -> str:
    """Put a picture into the cache in its largest width, and return its key.

    The other widths are made from it when a page asks for them.
    """
    key = remember_artwork(source_id, url)
    shutil.copyfile(file, cached_file(key, WIDTHS[-1]))
    return key


def _slug(title: str) -> str:
    plain = title.lower().replace("’", "")
    return re.sub("[^a-z0-9]+", "-", plain)
