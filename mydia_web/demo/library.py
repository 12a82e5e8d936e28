"""The sample library: films, shows and episodes become rows."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta

from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.demo.films import FILMS, Film
from mydia_web.demo.shows import SHOWS, Show
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem


@dataclass(slots=True)
class Library:
    """What was made, by title; episodes by (title of the show, season, number)."""

    films: dict[str, MediaItem] = field(default_factory=dict)
    shows: dict[str, MediaItem] = field(default_factory=dict)
    episodes: dict[tuple[str, int, int], Episode] = field(default_factory=dict)

    def episodes_of(self, title: str) -> list[Episode]:
        return [episode for (show, _, _), episode in self.episodes.items() if show == title]

    def contents(self) -> Iterator[tuple[str, Content]]:
        """Every film and episode with the letters of the sources that hold it."""
        for film in FILMS:
            yield film.on, self.films[film.title]
        for show in SHOWS:
            yield from ((show.on, episode) for episode in self.episodes_of(show.title))


def add_library(today: date) -> Library:
    library = Library()
    for film in FILMS:
        library.films[film.title] = _add_film(film)
    for show in SHOWS:
        library.shows[show.title] = item = _add_show(show, today)
        library.episodes |= {
            (show.title, episode.season_number, episode.episode_number): episode
            for episode in _add_episodes(item, show, today)
        }
    db.session.flush()
    _add_ids(library)
    return library


def _add_film(film: Film) -> MediaItem:
    item = MediaItem(
        type="movie", title=film.title, sort_title=sort_title(film.title), year=film.year
    )
    item.original_title = film.original_title
    item.runtime_seconds = film.minutes * 60 if film.minutes else None
    db.session.add(item)
    return item


def _add_show(show: Show, today: date) -> MediaItem:
    year = show.year or _begin(show, 1, today).year
    item = MediaItem(type="show", title=show.title, sort_title=sort_title(show.title), year=year)
    db.session.add(item)
    db.session.flush()
    return item


def _add_episodes(item: MediaItem, show: Show, today: date) -> list[Episode]:
    episodes = []
    for season, titles in enumerate((show.specials, *show.seasons)):
        for number, title in enumerate(filter(None, map(str.strip, titles.split("|"))), start=1):
            episode = Episode(
                media_item_id=item.id, season_number=season, episode_number=number, title=title
            )
            episode.air_date = _begin(show, season, today) + timedelta(weeks=number - 1)
            # Real episodes differ by a few minutes.
            episode.runtime_seconds = show.minutes * 60 + (number * 37 + season * 53) % 240
            episodes.append(episode)
    db.session.add_all(episodes)
    return episodes


def _begin(show: Show, season: int, today: date) -> date:
    """The day on which the season begins."""
    if show.begins_in_days is not None and season == len(show.seasons):
        return today + timedelta(days=show.begins_in_days)
    return date(show.year + max(0, season - 1), 9, 4)


def _add_ids(library: Library) -> None:
    """Ids that look like what they are: invented."""
    for number, item in enumerate((*library.films.values(), *library.shows.values()), start=1):
        kind, providers = item.type, ("imdb", "tmdb") if item.type == "movie" else ("tmdb", "tvdb")
        for provider in providers:
            value = f"demo-{kind}-{number}"
            db.session.add(
                ExternalId(media_item_id=item.id, provider=provider, kind=kind, value=value)
            )
    for number, episode in enumerate(library.episodes.values(), start=1):
        value = f"demo-episode-{number}"
        db.session.add(
            ExternalId(episode_id=episode.id, provider="tvdb", kind="episode", value=value)
        )
    arrived = now()
    for age, item in enumerate((*library.films.values(), *library.shows.values())):
        item.inserted_at = arrived - timedelta(days=9 * age + 1)
    db.session.flush()
