"""Evidence for matching: the ids and names that a source lists, and the titles we know by them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Self, TypeVar

from sqlalchemy import select, tuple_

from mydia_web.backends.values import RemoteItem
from mydia_web.db import db
from mydia_web.library.content import namesakes, title_key
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.sources.models import SourceItem

#: Provider, kind and value of an id.
IdKey = tuple[str, str, str]
#: Season and number of an episode; name and year of a film or a show.
_Place = tuple[object, object]
_Row = TypeVar("_Row", MediaItem, Episode)
_Value = TypeVar("_Value")
#: The most values in one query.
_BATCH = 300

_name = lru_cache(maxsize=4096)(title_key)


@dataclass(slots=True, kw_only=True)
class Listing:
    """What one source lists, as far as it was read; ids that several titles share tell nothing."""

    source_id: int
    remote_ids: set[str] = field(default_factory=set)
    #: Nothing more will be listed.
    is_at_end: bool = False
    #: Everything that the source has was listed.
    is_whole: bool = False
    #: Where each id of a catalogue was first met.
    _places: dict[IdKey, _Place] = field(default_factory=dict)
    _shared: set[IdKey] = field(default_factory=set)

    def note(self, items: Iterable[RemoteItem]) -> None:
        for item in items:
            self.remote_ids.add(item.remote_id)
            if item.kind == "movie":
                self._note_ids("movie", item.external_ids, (_name(item.title), item.year))
            else:
                self._note_episode(item)

    def is_shared(self, key: IdKey) -> bool:
        """Return whether several titles here carry the id."""
        return key in self._shared

    def _note_episode(self, item: RemoteItem) -> None:
        if item.season_number is not None and item.episode_number is not None:
            place = (item.season_number, item.episode_number)
            self._note_ids("episode", item.external_ids, place)
        if item.show is not None:
            name_and_year = (_name(item.show.title), item.show.year)
            self._note_ids("show", item.show.external_ids, name_and_year)

    def _note_ids(self, kind: str, ids: Mapping[str, str], place: _Place) -> None:
        for provider, value in ids.items():
            key = (provider, kind, value)
            first = self._places.setdefault(key, place)
            if first == place:
                continue
            if kind == "episode" or _are_different_titles(first, place):
                self._shared.add(key)


def _are_different_titles(first: _Place, second: _Place) -> bool:
    """Two files of a film may have different names, or one without a year; not both."""
    first_name, first_year = first
    second_name, second_year = second
    has_same_year = first_year is not None and first_year == second_year
    return first_name != second_name and not has_same_year


@dataclass(slots=True, kw_only=True)
class KnownTitles:
    """The films, shows and episodes that the ids and names of a page lead to."""

    _by_id: dict[IdKey, Content] = field(default_factory=dict)
    #: The shows of those episodes, by id.
    _shows: dict[int, MediaItem] = field(default_factory=dict)
    #: By kind and title key.
    _namesakes: dict[tuple[str, str], list[MediaItem]] = field(default_factory=dict)
    #: All (provider, value) of the films and shows.
    _ids: dict[MediaItem, set[tuple[str, str]]] = field(default_factory=dict)

    @classmethod
    def load(cls, items: Sequence[RemoteItem]) -> Self:
        """Read all of a page in a few queries."""
        by_id = _contents_by_id({key for item in items for key in _keys_of(item)})
        known = cls(_by_id=by_id, _shows=_shows_of(by_id.values()))
        known._namesakes = namesakes(known._uncertain_names(items))
        titles = {content for content in by_id.values() if isinstance(content, MediaItem)}
        titles.update(known._shows.values(), *known._namesakes.values())
        known._ids = _load_ids(titles)
        return known

    def get(self, key: IdKey) -> Content | None:
        return self._by_id.get(key)

    def of_ids(self, kind: str, ids: Mapping[str, str]) -> Sequence[MediaItem]:
        """Return the films or shows that these ids lead to."""
        contents = [self._by_id.get((provider, kind, value)) for provider, value in ids.items()]
        titles = [content for content in contents if isinstance(content, MediaItem)]
        return list(dict.fromkeys(titles))

    def episodes_of_ids(self, ids: Mapping[str, str]) -> Sequence[Episode]:
        contents = [
            self._by_id.get((provider, "episode", value)) for provider, value in ids.items()
        ]
        return [content for content in contents if isinstance(content, Episode)]

    def namesakes(self, kind: str, name: str) -> Sequence[MediaItem]:
        return self._namesakes.get((kind, title_key(name)), ())

    def show_of(self, episode: Episode) -> MediaItem:
        show = self._shows.get(episode.media_item_id)
        return show or db.session.get_one(MediaItem, episode.media_item_id)

    def compare_ids(self, title: MediaItem, ids: Mapping[str, str]) -> tuple[int, int]:
        """Return how many ids agree, and how many catalogues have the two under different ids."""
        own = self._ids.get(title, set())
        providers = {provider for provider, _ in own}
        agreeing = sum(pair in own for pair in ids.items())
        comparable = sum(provider in providers for provider in ids)
        return agreeing, comparable - agreeing

    def has_other_id(self, content: Content, provider: str) -> bool:
        """Return whether the catalogue has the film or show under an id already."""
        if isinstance(content, Episode):
            return False
        return any(known == provider for known, _ in self._ids.get(content, ()))

    def add(self, title: MediaItem) -> None:
        """Add a new film or show."""
        self._namesakes.setdefault((title.type, title_key(title.title)), []).append(title)
        self._ids[title] = set()

    def add_id(self, key: IdKey, content: Content) -> None:
        self._by_id[key] = content
        if isinstance(content, MediaItem):
            provider, _, value = key
            self._ids.setdefault(content, set()).add((provider, value))

    def _uncertain_names(self, items: Sequence[RemoteItem]) -> set[tuple[str, str]]:
        """Return kind and title key of films and shows that their ids do not tell for sure."""
        names: set[tuple[str, str]] = set()
        for item in items:
            show = item.show
            if item.kind == "movie":
                if not self._is_certain("movie", item.title, item.external_ids):
                    names.add(("movie", title_key(item.title)))
            elif show and not self._is_certain("show", show.title, show.external_ids):
                names.add(("show", title_key(show.title)))
        return names

    def _is_certain(self, kind: str, name: str, ids: Mapping[str, str]) -> bool:
        """Return whether the ids lead to one title of that name."""
        titles = self.of_ids(kind, ids)
        return len(titles) == 1 and title_key(titles[0].title) == title_key(name)


def remote_ids_of(source_id: int, content: Content) -> set[str]:
    """Return the remote ids of the copies that the source is known to hold."""
    if content.id is None:
        return set()
    query = select(SourceItem.remote_id).where(
        SourceItem.source_id == source_id, SourceItem.of(content)
    )
    return set(db.session.scalars(query))


def _contents_by_id(keys: set[IdKey]) -> dict[IdKey, Content]:
    rows: list[ExternalId] = []
    id_key = tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value)
    for batch in _batches(sorted(keys)):
        rows += db.session.scalars(select(ExternalId).where(id_key.in_(batch)))
    titles = _load(MediaItem, {row.media_item_id for row in rows if row.media_item_id is not None})
    episodes = _load(Episode, {row.episode_id for row in rows if row.episode_id is not None})
    contents: dict[IdKey, Content] = {}
    for row in rows:
        key = (row.provider, row.kind, row.value)
        if row.media_item_id is not None:
            contents[key] = titles[row.media_item_id]
        elif row.episode_id is not None:
            contents[key] = episodes[row.episode_id]
    return contents


def _shows_of(contents: Iterable[Content]) -> dict[int, MediaItem]:
    episodes = [content for content in contents if isinstance(content, Episode)]
    return _load(MediaItem, {episode.media_item_id for episode in episodes})


def _load(table: type[_Row], ids: set[int]) -> dict[int, _Row]:
    rows: dict[int, _Row] = {}
    for batch in _batches(sorted(ids)):
        query = select(table).where(table.id.in_(batch))
        rows |= {row.id: row for row in db.session.scalars(query)}
    return rows


def _load_ids(titles: set[MediaItem]) -> dict[MediaItem, set[tuple[str, str]]]:
    by_id = {title.id: title for title in titles}
    ids: dict[MediaItem, set[tuple[str, str]]] = {title: set() for title in titles}
    for batch in _batches(sorted(by_id)):
        query = select(ExternalId).where(ExternalId.media_item_id.in_(batch))
        for row in db.session.scalars(query):
            if row.media_item_id is not None:
                ids[by_id[row.media_item_id]].add((row.provider, row.value))
    return ids


def _keys_of(item: RemoteItem) -> Iterable[IdKey]:
    for provider, value in item.external_ids.items():
        yield (provider, item.kind, value)
        if item.show:
            # Some servers give the id of the show to its episodes.
            yield (provider, "show", value)
    if item.show:
        for provider, value in item.show.external_ids.items():
            yield (provider, "show", value)


def _batches(values: Sequence[_Value]) -> Iterable[Sequence[_Value]]:
    return (values[start : start + _BATCH] for start in range(0, len(values), _BATCH))
