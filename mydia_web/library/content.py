"""Finding and listing films, shows and episodes."""

import unicodedata
from collections.abc import Sequence
from typing import Literal

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import joinedload

from mydia_web.db import db
from mydia_web.errors import NotFound
from mydia_web.library.models import (
    Content,
    ContentKey,
    ContentKind,
    Episode,
    ExternalId,
    MediaItem,
)

_ARTICLES = (
    "the ",
    "a ",
    "an ",
    "der ",
    "die ",
    "das ",
    "le ",
    "la ",
    "les ",
    "el ",
    "los ",
    "las ",
)


def find_movie(movie_id: int) -> MediaItem:
    """Raises `NotFound`."""
    return _find_item(movie_id, "movie")


def find_show(show_id: int) -> MediaItem:
    """Raises `NotFound`."""
    return _find_item(show_id, "show")


def find_episode(episode_id: int) -> Episode:
    """The episode with its show. Raises `NotFound`."""
    episode = db.session.get(Episode, episode_id, options=[joinedload(Episode.show)])
    if episode is None:
        raise NotFound("There is no such episode. It may have been removed from your servers.")
    return episode


def find_content(kind: ContentKind, content_id: int) -> Content:
    """Return the film or the episode. Raises `NotFound`."""
    return find_movie(content_id) if kind == "movie" else find_episode(content_id)


def load(key: ContentKey) -> Content:
    """Return the film or the episode of a row that refers to it."""
    if key.kind == "movie":
        return db.session.get_one(MediaItem, key.id)
    return db.session.get_one(Episode, key.id)


def list_episodes(show_id: int, *, season: int | None = None) -> Sequence[Episode]:
    """The episodes of a show in their order, specials first."""
    query = select(Episode).where(Episode.media_item_id == show_id)
    if season is not None:
        query = query.where(Episode.season_number == season)
    return db.session.scalars(query.order_by(Episode.season_number, Episode.episode_number)).all()


def list_external_ids(content: Content) -> Sequence[ExternalId]:
    query = select(ExternalId).where(ExternalId.of(content)).order_by(ExternalId.provider)
    return db.session.scalars(query).all()


def find_by_external_id(provider: str, value: str) -> Sequence[MediaItem | Episode]:
    """The film, show or episode that a catalogue knows by this id; it may number all three alike."""
    known = (ExternalId.provider == provider, ExternalId.value == value)
    items = (
        select(MediaItem).join(ExternalId, ExternalId.media_item_id == MediaItem.id).where(*known)
    )
    episodes = (
        select(Episode)
        .join(ExternalId, ExternalId.episode_id == Episode.id)
        .where(*known)
        .options(joinedload(Episode.show))
    )
    return [*db.session.scalars(items), *db.session.scalars(episodes)]


def search_library(
    kind: Literal["movie", "show"],
    *,
    text: str = "",
    after: tuple[str, int] | None = None,
    limit: int = 60,
) -> Sequence[MediaItem]:
    """Films or shows by title, those after the (sort title, id) `after`, at most `limit`."""
    query = select(MediaItem).where(MediaItem.type == kind)
    if wanted := sort_title(text):
        query = query.where(MediaItem.sort_title.contains(wanted, autoescape=True))
    if after:
        key, last_id = after
        query = query.where(tuple_(MediaItem.sort_title, MediaItem.id) > tuple_(key, last_id))
    return db.session.scalars(query.order_by(MediaItem.sort_title, MediaItem.id).limit(limit)).all()


def count_library() -> dict[str, int]:
    """How many films and shows there are."""
    counts = db.session.execute(select(MediaItem.type, func.count()).group_by(MediaItem.type))
    return {"movie": 0, "show": 0} | {row.type: row[1] for row in counts}


def sort_title(title: str) -> str:
    """The title as it is sorted and searched: no case, no accents, no leading article."""
    plain = unicodedata.normalize("NFKD", title.casefold())
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter)).strip()
    for article in _ARTICLES:
        if plain.startswith(article) and len(plain) > len(article):
            return plain[len(article) :]
    return plain


def _find_item(item_id: int, kind: str) -> MediaItem:
    item = db.session.get(MediaItem, item_id)
    if item is None or item.type != kind:
        word = "film" if kind == "movie" else "show"
        raise NotFound(f"There is no such {word}. It may have been removed from your servers.")
    return item
