"""Finding and listing films, shows and episodes."""

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Literal

from sqlalchemy import ColumnElement, and_, func, or_, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, joinedload

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

#: Signs left out of a title's key, in Python and in SQL alike. SQLite nests about 30 calls at most.
_SIGNS = " -–:;,.!?'’\"()[]/*+_·#"


def find_movie(movie_id: int) -> MediaItem:
    """Return the film. Raise `NotFound`."""
    return _find_item(movie_id, "movie")


def find_show(show_id: int) -> MediaItem:
    """Return the show. Raise `NotFound`."""
    return _find_item(show_id, "show")


def find_episode(episode_id: int) -> Episode:
    """Return the episode with its show. Raise `NotFound`."""
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
    """Return the episodes of a show in their order, specials first."""
    query = select(Episode).where(Episode.media_item_id == show_id)
    if season is not None:
        query = query.where(Episode.season_number == season)
    return db.session.scalars(query.order_by(Episode.season_number, Episode.episode_number)).all()


def list_external_ids(content: Content) -> Sequence[ExternalId]:
    query = select(ExternalId).where(ExternalId.of(content)).order_by(ExternalId.provider)
    return db.session.scalars(query).all()


def find_by_external_id(provider: str, value: str) -> Sequence[MediaItem | Episode]:
    """Return what a catalogue knows by this id: it may number films, shows and episodes alike."""
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
    """Return films or shows by title, at most `limit`, from behind (sort title, id) `after` on."""
    query = select(MediaItem).where(MediaItem.type == kind)
    if wanted := sort_title(text):
        query = query.where(MediaItem.sort_title.contains(wanted, autoescape=True))
    if after:
        key, last_id = after
        query = query.where(tuple_(MediaItem.sort_title, MediaItem.id) > tuple_(key, last_id))
    return db.session.scalars(query.order_by(MediaItem.sort_title, MediaItem.id).limit(limit)).all()


def count_library() -> dict[str, int]:
    """Count the films and the shows."""
    counts = db.session.execute(select(MediaItem.type, func.count()).group_by(MediaItem.type))
    return {"movie": 0, "show": 0} | {row.type: row[1] for row in counts}


def sort_title(title: str) -> str:
    """Return the title for sorting and searching: no case, no accents, no leading article."""
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


def title_key(title: str) -> str:
    """Return a title by its letters alone: `Angels & Ferries` → `angelsandferries`.

    The name of a file cannot hold `:` or `?`, so no sign tells two titles apart.
    """
    sorted_by = sort_title(title)
    key = sorted_by.replace("&", "and")
    for sign in _SIGNS:
        key = key.replace(sign, "")
    return key or sorted_by


def namesakes(titles: Iterable[tuple[str, str]]) -> dict[tuple[str, str], list[MediaItem]]:
    """Return the films and shows with these (kind, title key) pairs, by pair, in one query."""
    by_kind: dict[str, set[str]] = {}
    for kind, key in titles:
        by_kind.setdefault(kind, set()).add(key)
    if not by_kind:
        return {}
    conditions = [
        and_(
            MediaItem.type == kind,
            or_(_key_of(MediaItem.sort_title).in_(keys), MediaItem.sort_title.in_(keys)),
        )
        for kind, keys in by_kind.items()
    ]
    found: dict[tuple[str, str], list[MediaItem]] = {}
    for row in db.session.scalars(select(MediaItem).where(or_(*conditions)).order_by(MediaItem.id)):
        found.setdefault((row.type, title_key(row.title)), []).append(row)
    return found


def _key_of(column: InstrumentedAttribute[str]) -> ColumnElement[str]:
    key: ColumnElement[str] = func.replace(column, "&", "and")
    for sign in _SIGNS:
        key = func.replace(key, sign, "")
    return key
