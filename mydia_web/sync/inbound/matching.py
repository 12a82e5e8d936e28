"""Which of our films and episodes a server's item is: by ids first, by title only where that is unambiguous."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import TypeVar

from sqlalchemy import select, tuple_

from mydia_web.backends.base import RemoteItem, RemoteShow
from mydia_web.db import db, insert_for
from mydia_web.errors import MydiaError
from mydia_web.library.content import sort_title
from mydia_web.library.models import Content, Episode, ExternalId, MediaItem
from mydia_web.library.names import namesakes, title_key

_Key = tuple[str, str, str]
_Row = TypeVar("_Row", MediaItem, Episode)
_Any = TypeVar("_Any")
#: So many values in one question.
_AT_ONCE = 300


class Unmatched(MydiaError):
    """Nobody can tell what this is."""


class Matcher:
    """Finds or adds the contents of one library page, with what we know of them read in a few questions.

    What is new has an id only after `keep`.
    """

    def __init__(self, items: Sequence[RemoteItem]) -> None:
        #: What we know by each id that stands on the page.
        self._known = _known_contents({key for item in items for key in _keys_of(item)})
        #: Held, so that asking for the show of an episode asks nobody.
        self._shows_of_known = _shows_of(self._known.values())
        self._namesakes = _namesakes(self._unknown_titles(items))
        #: Shows found for this page, by what the server says of them.
        self._shows: dict[tuple[str, int | None, str], MediaItem] = {}
        #: By the number of their show: the episodes of the seasons of this page.
        self._episodes: dict[int, dict[tuple[int, int], Episode]] = {}
        self._seasons = {item.season_number for item in items if item.season_number is not None}
        self._new_ids: dict[_Key, Content] = {}

    def content(self, item: RemoteItem) -> Content:
        """The content the item is, added to the library where it is new. Raises `Unmatched` with the reason."""
        if item.not_recognised:
            raise Unmatched(item.not_recognised)
        content = self._movie(item) if item.kind == "movie" else self._episode(item)
        self._add_ids(content, item.kind, item.external_ids)
        _fill_blanks(content, item)
        return content

    def keep(self) -> None:
        """Write down what was added."""
        db.session.flush()
        if not self._new_ids:
            return
        rows = [
            {
                "media_item_id": None if isinstance(content, Episode) else content.id,
                "episode_id": content.id if isinstance(content, Episode) else None,
                "provider": provider,
                "kind": kind,
                "value": value,
            }
            for (provider, kind, value), content in self._new_ids.items()
        ]
        row = insert_for(ExternalId.__table__).on_conflict_do_nothing()
        db.session.connection().execute(row, rows)
        self._new_ids.clear()

    def _movie(self, item: RemoteItem) -> MediaItem:
        found = self._by_ids("movie", item.external_ids)
        if found is None and not item.title.strip():
            raise Unmatched("The server gives no title for it.")
        return found or self._by_title("movie", item.title, item.year, item.external_ids)

    def _by_ids(self, kind: str, ids: Mapping[str, str]) -> MediaItem | None:
        for provider, value in ids.items():
            found = self._known.get((provider, kind, value))
            if isinstance(found, MediaItem):
                return found
        return None

    def _unknown_titles(self, items: Sequence[RemoteItem]) -> set[tuple[str, str]]:
        """The kinds and titles of films and shows that no id tells."""
        titles: set[tuple[str, str]] = set()
        for item in items:
            if item.kind == "movie" and self._by_ids("movie", item.external_ids) is None:
                titles.add(("movie", title_key(item.title)))
            elif item.show and self._by_ids("show", item.show.external_ids) is None:
                titles.add(("show", title_key(item.show.title)))
        return titles

    def _by_title(self, kind: str, title: str, year: int | None, ids: Mapping[str, str]) -> MediaItem:
        namesakes = self._namesakes.setdefault((kind, title_key(title)), [])
        # A show's year is often left out; two films of one title without their years are anybody's guess.
        same = [one for one in namesakes if one.year == year or (kind == "show" and None in (one.year, year))]
        fitting = [one for one in same if not self._contradicts(one, ids)]
        if len(fitting) > 1:
            raise Unmatched(
                f"There are {len(fitting)} titles like it, and it has no id that tells which it is."
            )
        if fitting:
            return fitting[0]
        if kind == "movie" and year is None and not ids and namesakes:
            raise Unmatched("There is a film of this title, but this one has neither a year nor an id.")
        namesakes.append(_add_item(kind, title, year))
        return namesakes[-1]

    def _contradicts(self, item: MediaItem, ids: Mapping[str, str]) -> bool:
        """Does a catalogue know the two under different ids?"""
        if not ids:
            return False
        own = [(provider, value) for (provider, _, value), one in self._new_ids.items() if one is item]
        if item.id is not None:
            query = select(ExternalId.provider, ExternalId.value)
            rows = query.where(ExternalId.media_item_id == item.id, ExternalId.provider.in_(ids))
            own += [(provider, value) for provider, value in db.session.execute(rows)]
        return any(provider in ids and (provider, ids[provider]) not in own for provider, _ in own)

    def _episode(self, item: RemoteItem) -> Episode:
        for provider, value in item.external_ids.items():
            found = self._known.get((provider, "episode", value))
            if isinstance(found, Episode):
                return found
        if item.show is None or not item.show.title.strip():
            raise Unmatched("The server does not say which show it belongs to.")
        if item.episode_number is None and item.air_date is not None:
            return self._episode_of_day(item.show, item.air_date)
        if item.season_number is None or item.episode_number is None:
            raise Unmatched("The server does not say which season and episode it is.")
        show, place = self._show(item.show), (item.season_number, item.episode_number)
        episodes = self._episodes_of(show)
        if place not in episodes:
            episodes[place] = _add_episode(show.id, *place, item.title)
        return episodes[place]

    def _episode_of_day(self, show: RemoteShow, day: date) -> Episode:
        """The one known episode of a known show that aired that day. Raises `Unmatched`."""
        known = self._known_show(show)
        aired = (Episode.media_item_id == known.id, Episode.air_date == day) if known else ()
        found = db.session.scalars(select(Episode).where(*aired)).all() if aired else []
        if len(found) != 1:
            how_many = f"{len(found)} episodes" if found else "no episode"
            raise Unmatched(
                f"It is named by its day, and {how_many} of “{show.title}” is known to have aired on {day}."
            )
        return found[0]

    def _known_show(self, show: RemoteShow) -> MediaItem | None:
        """The show by its ids, or by name and year where only one is called so; None where it is not known."""
        if found := self._by_ids("show", show.external_ids):
            return found
        namesakes = self._namesakes.get(("show", title_key(show.title)), [])
        fitting = [one for one in namesakes if None in (one.year, show.year) or one.year == show.year]
        return fitting[0] if len(fitting) == 1 else None

    def _episodes_of(self, show: MediaItem) -> dict[tuple[int, int], Episode]:
        if show.id not in self._episodes:
            of_page = (Episode.media_item_id == show.id, Episode.season_number.in_(self._seasons))
            rows = db.session.scalars(select(Episode).where(*of_page))
            self._episodes[show.id] = {(row.season_number, row.episode_number): row for row in rows}
        return self._episodes[show.id]

    def _show(self, show: RemoteShow) -> MediaItem:
        key = (show.title, show.year, repr(sorted(show.external_ids.items())))
        if key not in self._shows:
            found = self._by_ids("show", show.external_ids) or self._by_title(
                "show", show.title, show.year, show.external_ids
            )
            # Its episodes are found and added by its number.
            db.session.flush()
            self._add_ids(found, "show", show.external_ids)
            found.year = found.year or show.year
            self._shows[key] = found
        return self._shows[key]

    def _add_ids(self, content: Content, kind: str, ids: Mapping[str, str]) -> None:
        for provider, value in ids.items():
            key = (provider, kind, value)
            if key not in self._known:
                self._known[key] = self._new_ids[key] = content


def _known_contents(keys: set[_Key]) -> dict[_Key, Content]:
    rows: list[ExternalId] = []
    for chunk in _chunks(sorted(keys)):
        place = tuple_(ExternalId.provider, ExternalId.kind, ExternalId.value)
        rows += db.session.scalars(select(ExternalId).where(place.in_(chunk)))
    items = _by_number(MediaItem, {row.media_item_id for row in rows if row.media_item_id is not None})
    episodes = _by_number(Episode, {row.episode_id for row in rows if row.episode_id is not None})
    return {
        (row.provider, row.kind, row.value): items[row.media_item_id]
        if row.media_item_id is not None
        else episodes[row.episode_id or 0]
        for row in rows
    }


def _shows_of(contents: Iterable[Content]) -> dict[int, MediaItem]:
    return _by_number(MediaItem, {one.media_item_id for one in contents if isinstance(one, Episode)})


def _by_number(table: type[_Row], numbers: set[int]) -> dict[int, _Row]:
    found: dict[int, _Row] = {}
    for chunk in _chunks(sorted(numbers)):
        found |= {row.id: row for row in db.session.scalars(select(table).where(table.id.in_(chunk)))}
    return found


def _namesakes(titles: set[tuple[str, str]]) -> dict[tuple[str, str], list[MediaItem]]:
    found: dict[tuple[str, str], list[MediaItem]] = {}
    for chunk in _chunks(sorted(titles)):
        found |= namesakes(chunk)
    return found


def _keys_of(item: RemoteItem) -> Iterable[_Key]:
    yield from ((provider, item.kind, value) for provider, value in item.external_ids.items())
    if item.show:
        yield from ((provider, "show", value) for provider, value in item.show.external_ids.items())


def _add_item(kind: str, title: str, year: int | None) -> MediaItem:
    item = MediaItem(type=kind, title=title, sort_title=sort_title(title), year=year)
    db.session.add(item)
    return item


def _add_episode(show_id: int, season: int, number: int, title: str) -> Episode:
    if season < 0 or number < 0:
        raise Unmatched("The server gives it a season or episode number below 0.")
    episode = Episode(media_item_id=show_id, season_number=season, episode_number=number, title=title)
    db.session.add(episode)
    return episode


def _fill_blanks(content: Content, item: RemoteItem) -> None:
    content.runtime_seconds = content.runtime_seconds or item.runtime_seconds or None
    if isinstance(content, Episode):
        content.title = content.title or item.title
        content.air_date = content.air_date or item.air_date
    else:
        content.year = content.year or item.year


def _chunks(keys: Sequence[_Any]) -> Iterable[Sequence[_Any]]:
    return (keys[start : start + _AT_ONCE] for start in range(0, len(keys), _AT_ONCE))
