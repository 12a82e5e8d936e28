"""What the library knows of the titles of a page, read in a few questions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from sqlalchemy import select, tuple_

from mydia_web.backends.values import RemoteItem
from mydia_web.db import db
from mydia_web.library.content import namesakes, title_key
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.sources.models import SourceItem
from mydia_web.sync.inbound.listing import IdKey

_Row = TypeVar("_Row", MediaItem, Episode)
_Any = TypeVar("_Any")
#: So many values in one question.
_AT_ONCE = 300


@dataclass(slots=True, kw_only=True)
class KnownTitles:
    """The films, shows and episodes that the ids and names of a page lead to."""

    #: By each id that stands on the page.
    _by_id: dict[IdKey, Content] = field(default_factory=dict)
    #: Those of the episodes, by their numbers.
    _shows: dict[int, MediaItem] = field(default_factory=dict)
    #: By kind and title key.
    _namesakes: dict[tuple[str, str], list[MediaItem]] = field(default_factory=dict)
    #: All (provider, value) of the films and shows.
    _ids: dict[MediaItem, set[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def load(cls, items: Sequence[RemoteItem]) -> Self:
        by_id = _known_contents({key for item in items for key in _keys_of(item)})
        found = cls(_by_id=by_id, _shows=_shows_of(by_id.values()))
        found._namesakes = namesakes(found._unknown_names(items))
        titles = {one for one in by_id.values() if isinstance(one, MediaItem)}
        titles.update(found._shows.values(), *found._namesakes.values())
        found._ids = _load_ids(titles)
        return found

    def get(self, key: IdKey) -> Content | None:
        return self._by_id.get(key)

    def of_ids(self, kind: str, ids: Mapping[str, str]) -> Sequence[MediaItem]:
        """The films or shows that these ids lead to."""
        found = [self._by_id.get((provider, kind, value)) for provider, value in ids.items()]
        return list(dict.fromkeys(one for one in found if isinstance(one, MediaItem)))

    def episodes_of_ids(self, ids: Mapping[str, str]) -> Sequence[Episode]:
        found = [self._by_id.get((provider, "episode", value)) for provider, value in ids.items()]
        return [one for one in found if isinstance(one, Episode)]

    def namesakes(self, kind: str, name: str) -> Sequence[MediaItem]:
        return self._namesakes.get((kind, title_key(name)), ())

    def show_of(self, episode: Episode) -> MediaItem:
        return self._shows.get(episode.media_item_id) or db.session.get_one(
            MediaItem, episode.media_item_id
        )

    def compare_ids(self, title: MediaItem, ids: Mapping[str, str]) -> tuple[int, int]:
        """Return how many ids agree, and how many catalogues know the two under different ids."""
        own = self._ids.get(title, set())
        providers = {provider for provider, _ in own}
        agreeing = sum(one in own for one in ids.items())
        return agreeing, sum(provider in providers for provider in ids) - agreeing

    def has_other_id(self, content: Content, provider: str) -> bool:
        """Return whether the catalogue knows the film or show under an id already."""
        if isinstance(content, Episode):
            return False
        return any(one == provider for one, _ in self._ids.get(content, ()))

    def add(self, title: MediaItem) -> None:
        """Take in a title that is new."""
        self._namesakes.setdefault((title.type, title_key(title.title)), []).append(title)
        self._ids[title] = set()

    def add_id(self, key: IdKey, content: Content) -> None:
        self._by_id[key] = content
        if isinstance(content, MediaItem):
            provider, _, value = key
            self._ids.setdefault(content, set()).add((provider, value))

    def _unknown_names(self, items: Sequence[RemoteItem]) -> set[tuple[str, str]]:
        """The kinds and title keys of films and shows that their ids do not tell, or not for sure."""
        names: set[tuple[str, str]] = set()
        for item in items:
            if item.kind == "movie" and not self._is_plain("movie", item.title, item.external_ids):
                names.add(("movie", title_key(item.title)))
            elif item.show and not self._is_plain("show", item.show.title, item.show.external_ids):
                names.add(("show", title_key(item.show.title)))
        return names

    def _is_plain(self, kind: str, name: str, ids: Mapping[str, str]) -> bool:
        """Return whether its ids lead to one title, of that name."""
        found = self.of_ids(kind, ids)
        return len(found) == 1 and title_key(found[0].title) == title_key(name)


class Copies:
    """The copies that a source holds, asked for where that has to be known."""

    def __init__(self, source_id: int) -> None:
        self._source_id = source_id

    def of(self, content: Content) -> set[str]:
        """Return the remote ids under which the source is known to hold the content."""
        if content.id is None:
            return set()
        here = (SourceItem.source_id == self._source_id, SourceItem.of(content))
        rows = db.session.scalars(select(SourceItem.remote_id).where(*here))
        return set(rows)


def _known_contents(keys: set[IdKey]) -> dict[IdKey, Content]:
    rows: list[ExternalId] = []
    for chunk in _chunks(sorted(keys)):
        place = tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value)
        rows += db.session.scalars(select(ExternalId).where(place.in_(chunk)))
    items = _by_number(
        MediaItem, {row.media_item_id for row in rows if row.media_item_id is not None}
    )
    episodes = _by_number(Episode, {row.episode_id for row in rows if row.episode_id is not None})
    return {
        (row.provider, row.kind, row.value): items[row.media_item_id]
        if row.media_item_id is not None
        else episodes[row.episode_id or 0]
        for row in rows
    }


def _shows_of(contents: Iterable[Content]) -> dict[int, MediaItem]:
    return _by_number(
        MediaItem, {one.media_item_id for one in contents if isinstance(one, Episode)}
    )


def _by_number(table: type[_Row], numbers: set[int]) -> dict[int, _Row]:
    found: dict[int, _Row] = {}
    for chunk in _chunks(sorted(numbers)):
        found |= {
            row.id: row for row in db.session.scalars(select(table).where(table.id.in_(chunk)))
        }
    return found


def _load_ids(titles: set[MediaItem]) -> dict[MediaItem, set[tuple[str, str]]]:
    by_number = {title.id: title for title in titles}
    found: dict[MediaItem, set[tuple[str, str]]] = {title: set() for title in titles}
    for chunk in _chunks(sorted(by_number)):
        for row in db.session.scalars(
            select(ExternalId).where(ExternalId.media_item_id.in_(chunk))
        ):
            if row.media_item_id is not None:
                found[by_number[row.media_item_id]].add((row.provider, row.value))
    return found


def _keys_of(item: RemoteItem) -> Iterable[IdKey]:
    yield from ((provider, item.kind, value) for provider, value in item.external_ids.items())
    if item.show:
        yield from ((provider, "show", value) for provider, value in item.show.external_ids.items())
        # Some servers give the id of the show to its episodes.
        yield from ((provider, "show", value) for provider, value in item.external_ids.items())


def _chunks(keys: Sequence[_Any]) -> Iterable[Sequence[_Any]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
