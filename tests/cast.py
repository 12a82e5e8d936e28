"""The people, titles and servers that tests speak of."""

from dataclasses import dataclass
from datetime import date

from mydia_web.accounts.models import User
from mydia_web.db import db
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.sources.accounts import link_account
from mydia_web.sources.models import Source, SourceItem


@dataclass
class Cast:
    alice: User
    bob: User
    film: MediaItem
    show: MediaItem

    def episode(self, season: int, number: int) -> Episode:
        return episode_of(self.show, season, number)


def add_film(
    title: str, year: int | None = None, *, minutes: float | None = None, **ids: str
) -> MediaItem:
    film = MediaItem(type="movie", title=title, sort_title=sort_title(title), year=year)
    film.runtime_seconds = int(minutes * 60) if minutes else None
    db.session.add(film)
    db.session.flush()
    for provider, value in ids.items():
        db.session.add(
            ExternalId(media_item_id=film.id, provider=provider, kind="movie", value=value)
        )
    return film


def add_show(
    title: str,
    year: int | None = None,
    *,
    seasons: int = 1,
    episodes: int = 3,
    specials: int = 0,
    minutes: int | None = None,
) -> MediaItem:
    show = MediaItem(type="show", title=title, sort_title=sort_title(title), year=year)
    db.session.add(show)
    db.session.flush()
    numbers = [(0, number) for number in range(1, specials + 1)]
    numbers += [
        (season, number) for season in range(1, seasons + 1) for number in range(1, episodes + 1)
    ]
    for season, number in numbers:
        episode = Episode(media_item_id=show.id, season_number=season, episode_number=number)
        episode.title = f"Special {number}" if season == 0 else f"Chapter {season}.{number}"
        episode.air_date = date(2019 + season, 3, number)
        episode.runtime_seconds = minutes * 60 if minutes else None
        db.session.add(episode)
    db.session.flush()
    return show


def episode_of(show: MediaItem, season: int, number: int) -> Episode:
    return (
        db.session.query(Episode)
        .filter_by(media_item_id=show.id, season_number=season, episode_number=number)
        .one()
    )


def add_server(
    name: str, *users: User, kind: str = "kodi", url: str = "http://127.0.0.1:9"
) -> Source:
    """A source on which these users have an account. Nothing listens at the default address."""
    source = Source(kind=kind, name=name, base_url=url)
    db.session.add(source)
    db.session.flush()
    for user in users:
        link_account(source, user.id, {"username": "kodi", "password": "secret"})
    return source


def add_copy(source: Source, content: Content, remote_id: str = "", path: str = "") -> SourceItem:
    """A copy of the content on the source."""
    item = SourceItem(
        source_id=source.id,
        remote_id=remote_id or f"{content.content_kind}:{content.id}",
        path=path,
    )
    if isinstance(content, Episode):
        item.episode_id = content.id
    else:
        item.media_item_id = content.id
    db.session.add(item)
    db.session.flush()
    return item
