"""Which of our films and episodes a server's item is: by ids first, by title only where that is unambiguous."""

from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import select, tuple_

from mydia_web.backends.base import RemoteItem, RemoteShow
from mydia_web.db import db, insert_for
from mydia_web.errors import MydiaError
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem

_Key = tuple[str, str, str]


class Unmatched(MydiaError):
    """Nobody can tell what this is."""


class Matcher:
    """Finds or adds the contents of one library page, with the page's ids read in one query."""

    def __init__(self, items: Sequence[RemoteItem]) -> None:
        keys = {key for item in items for key in _keys_of(item)}
        #: (provider, kind, value) → (media item id, episode id)
        self._known: dict[_Key, tuple[int | None, int | None]] = {}
        for chunk in _chunks(sorted(keys), 300):
            rows = db.session.scalars(
                select(ExternalId).where(
                    tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value).in_(chunk)
                )
            )
            self._known |= {
                (row.provider, row.kind, row.value): (row.media_item_id, row.episode_id) for row in rows
            }
        #: Shows found for this page, by what the server says of them.
        self._shows: dict[tuple[str, int | None, str], MediaItem] = {}

    def content(self, item: RemoteItem) -> Content:
        """The content the item is, added to the library where it is new. Raises `Unmatched` with the reason."""
        content = self._movie(item) if item.kind == "movie" else self._episode(item)
        self._add_ids(content, item.kind, item.external_ids)
        _fill_blanks(content, item)
        return content

    def _movie(self, item: RemoteItem) -> MediaItem:
        found = self._by_ids("movie", item.external_ids)
        if found is None and not item.title.strip():
            raise Unmatched("The server gives no title for it.")
        return found or self._by_title("movie", item.title, item.year, item.external_ids)

    def _by_ids(self, kind: str, ids: Mapping[str, str]) -> MediaItem | None:
        for provider, value in ids.items():
            item_id, _ = self._known.get((provider, kind, value), (None, None))
            if item_id is not None:
                return db.session.get(MediaItem, item_id)
        return None

    def _by_title(self, kind: str, title: str, year: int | None, ids: Mapping[str, str]) -> MediaItem:
        namesakes = db.session.scalars(
            select(MediaItem).where(MediaItem.type == kind, MediaItem.sort_title == sort_title(title))
        ).all()
        # A show's year is often left out; two films of one title without their years are anybody's guess.
        same = [one for one in namesakes if one.year == year or (kind == "show" and None in (one.year, year))]
        fitting = [one for one in same if not _contradicts(one, ids)]
        if len(fitting) > 1:
            raise Unmatched(
                f"There are {len(fitting)} titles like it, and it has no id that tells which it is."
            )
        if fitting:
            return fitting[0]
        if kind == "movie" and year is None and not ids and namesakes:
            raise Unmatched("There is a film of this title, but this one has neither a year nor an id.")
        return _add_item(kind, title, year)

    def _episode(self, item: RemoteItem) -> Episode:
        for provider, value in item.external_ids.items():
            _, episode_id = self._known.get((provider, "episode", value), (None, None))
            if episode_id is not None and (found := db.session.get(Episode, episode_id)):
                return found
        known = item.show and self._by_ids("show", item.show.external_ids)
        if item.show is None or not (known or item.show.title.strip()):
            raise Unmatched("The server does not say which show it belongs to.")
        if item.season_number is None or item.episode_number is None:
            raise Unmatched("The server does not say which season and episode it is.")
        show = self._show(item.show)
        place = (show.id, item.season_number, item.episode_number)
        return _find_episode(*place) or _add_episode(*place, item.title)

    def _show(self, show: RemoteShow) -> MediaItem:
        key = (show.title, show.year, repr(sorted(show.external_ids.items())))
        if key not in self._shows:
            found = self._by_ids("show", show.external_ids) or self._by_title(
                "show", show.title, show.year, show.external_ids
            )
            self._add_ids(found, "show", show.external_ids)
            found.year = found.year or show.year
            self._shows[key] = found
        return self._shows[key]

    def _add_ids(self, content: Content, kind: str, ids: Mapping[str, str]) -> None:
        of = (None, content.id) if isinstance(content, Episode) else (content.id, None)
        for provider, value in ids.items():
            key = (provider, kind, value)
            if key not in self._known:
                row = insert_for(ExternalId).values(
                    media_item_id=of[0], episode_id=of[1], provider=provider, kind=kind, value=value
                )
                db.session.execute(row.on_conflict_do_nothing())
                self._known[key] = of


def _keys_of(item: RemoteItem) -> Iterable[_Key]:
    yield from ((provider, item.kind, value) for provider, value in item.external_ids.items())
    if item.show:
        yield from ((provider, "show", value) for provider, value in item.show.external_ids.items())


def _contradicts(item: MediaItem, ids: Mapping[str, str]) -> bool:
    """Does a catalogue know the two under different ids?"""
    if not ids:
        return False
    query = select(ExternalId.provider, ExternalId.value).where(
        ExternalId.media_item_id == item.id, ExternalId.provider.in_(ids)
    )
    own: dict[str, set[str]] = {}
    for provider, value in db.session.execute(query):
        own.setdefault(provider, set()).add(value)
    return any(ids[provider] not in values for provider, values in own.items())


def _find_episode(show_id: int, season: int, number: int) -> Episode | None:
    return db.session.scalar(
        select(Episode).where(
            Episode.media_item_id == show_id,
            Episode.season_number == season,
            Episode.episode_number == number,
        )
    )


def _add_item(kind: str, title: str, year: int | None) -> MediaItem:
    item = MediaItem(type=kind, title=title, sort_title=sort_title(title), year=year)
    db.session.add(item)
    db.session.flush()
    return item


def _add_episode(show_id: int, season: int, number: int, title: str) -> Episode:
    if season < 0 or number < 0:
        raise Unmatched("The server gives it a season or episode number below 0.")
    episode = Episode(media_item_id=show_id, season_number=season, episode_number=number, title=title)
    db.session.add(episode)
    db.session.flush()
    return episode


def _fill_blanks(content: Content, item: RemoteItem) -> None:
    content.runtime_seconds = content.runtime_seconds or item.runtime_seconds or None
    if isinstance(content, Episode):
        content.title = content.title or item.title
        content.air_date = content.air_date or item.air_date
    else:
        content.year = content.year or item.year


def _chunks(keys: Sequence[_Key], size: int) -> Iterable[Sequence[_Key]]:
    return (keys[start : start + size] for start in range(0, len(keys), size))
