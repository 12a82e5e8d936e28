"""Telling what is on a page as it was, so that a complete reading in which nothing changed costs
next to nothing.

Entries that are as they were are looked at as plain values, a page in a few questions, with nothing
locked: nothing is done about them, so whatever changes meanwhile is for whoever changes it to tell.
An entry of which anything is new, or open, goes the long way: it is matched, locked, looked at
again and merged. In doubt it goes the long way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Self

from sqlalchemy import Select, and_, exists, func, null, or_, select

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.db import db
from mydia_web.library.identity import is_same_name
from mydia_web.library.models import ContentKey, Episode, ExternalId, MediaItem
from mydia_web.playback.models import PlaybackProgress
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import SourceItem, SourceItemState, SourceItemVersion
from mydia_web.sync.inbound.merge import Side, agree
from mydia_web.sync.inbound.multi_episode import ExtraEpisode, extra_episodes

#: So many entries are looked at in one question.
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom a source is read; without a person, as a folder is, there is no state."""

    source_id: int
    account_id: int | None
    user_id: int | None


def changed_items(reader: Reader, items: Sequence[RemoteItem]) -> Sequence[RemoteItem]:
    """Return the items of a page that are not as they were, and what else is of a title with such
    an item.

    What is taken over of one episode, or of one copy, may concern the others.
    """
    changed_ids: set[str] = set()
    titles: dict[str, int] = {}
    for start in range(0, len(items), _AT_ONCE):
        part = items[start : start + _AT_ONCE]
        known = _known_items(reader.source_id, part)
        here = _Here.load(reader, known.values(), part)
        titles |= {remote_id: one.title_id for remote_id, one in known.items()}
        changed_ids |= {
            item.remote_id
            for item in part
            if not here.is_unchanged(item, known.get(item.remote_id))
        }
    changed_titles = {titles[remote_id] for remote_id in changed_ids if remote_id in titles}
    return [
        item
        for item in items
        if item.remote_id in changed_ids or titles.get(item.remote_id) in changed_titles
    ]


class _Known(NamedTuple):
    """An item of the source, and what we know of its film or episode."""

    id: int
    remote_id: str
    path: str
    matched_by_hand: bool
    film_id: int | None
    episode_id: int | None
    #: Of the film, or the show.
    title_id: int
    #: Of the film, or the show.
    year: int | None
    runtime_seconds: int | None
    artwork_key: str | None
    title: str | None
    #: The rest is of episodes only.
    air_date: date | None
    season_number: int | None
    episode_number: int | None
    show_artwork_key: str | None

    @property
    def content_id(self) -> int:
        return self.episode_id or self.title_id

    @property
    def place(self) -> tuple[int | None, int | None]:
        return (self.season_number, self.episode_number)


class _Settled(NamedTuple):
    """What the source last showed of an item to which nothing is owed, and what we hold of it."""

    shown: RemoteState
    ours: Side
    seen_at: datetime
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Here:
    """What we hold of a page."""

    #: Which film, show or episode each id of a catalogue is of.
    owners: Mapping[tuple[str, str, str], int]
    #: By the number of the item.
    settled: Mapping[int, _Settled]
    extra: Mapping[int, Sequence[ExtraEpisode]]
    #: By the id of a further file: the number of its item.
    versions: Mapping[str, int]

    @classmethod
    def load(cls, reader: Reader, known: Collection[_Known], items: Iterable[RemoteItem]) -> Self:
        return cls(
            owners=_owners_of_ids(known),
            settled=_settled_states(reader, known),
            extra=extra_episodes([one.id for one in known if one.episode_id is not None]),
            versions=_items_of_versions(
                reader.source_id, {id_ for item in items for id_ in item.versions}
            ),
        )

    def is_unchanged(self, item: RemoteItem, known: _Known | None) -> bool:
        return (
            known is not None
            and item.path == known.path
            and (
                known.matched_by_hand
                or (self._is_recognised(item, known) and not _tells_more(item, known))
            )
            and not _brings_picture(item, known)
            and all(self.versions.get(version) == known.id for version in item.versions)
            and self._shows_the_same(item, known)
        )

    def _is_recognised(self, item: RemoteItem, known: _Known) -> bool:
        """Return whether its ids, all of which we know, tell that it is still the same.

        What only its title tells depends on what else has that title: that is looked at each time.
        So is what its title and year, or its number, may speak against.
        """
        if item.not_recognised or not _is_called_so(item, known):
            return False
        show = item.show
        of_show = show.external_ids if show else {}
        own = {
            name: value for name, value in item.external_ids.items() if of_show.get(name) != value
        }
        if own:
            return self._are_of(own, item.kind, known.content_id)
        return (
            show is not None
            and bool(show.title.strip())
            and bool(show.external_ids)
            and self._are_of(show.external_ids, "show", known.title_id)
            and not (show.year and not known.year)
        )

    def _are_of(self, ids: Mapping[str, str], kind: str, owner_id: int) -> bool:
        return all(
            self.owners.get((provider, kind, value)) == owner_id for provider, value in ids.items()
        )

    def _shows_the_same(self, item: RemoteItem, known: _Known) -> bool:
        """Return whether it shows what it last showed, we hold that too, and its file holds what it
        held then.
        """
        extra = self.extra.get(known.id, ())
        if {_place(one.episode) for one in extra} != _listed_places(item, known):
            return False
        if item.state is None:
            return True
        settled = self.settled.get(known.id)
        return (
            settled is not None
            and settled.is_listed
            and settled.shown == item.state
            and agree(settled.ours, Side(item.state.watched, item.state.position_ms))
            and all(one.since <= settled.seen_at for one in extra)
        )


def _is_called_so(item: RemoteItem, known: _Known) -> bool:
    """Return whether it has the number of the episode, or the name or the year of the film."""
    if known.episode_id is not None:
        return (item.season_number, item.episode_number) == known.place
    return item.year == known.year or is_same_name(item.title, known.title or "")


def _tells_more(item: RemoteItem, known: _Known) -> bool:
    """Return whether it tells what we did not know of its film or episode."""
    if item.runtime_seconds and not known.runtime_seconds:
        return True
    if known.episode_id is None:
        return bool(item.year and not known.year)
    return bool((item.title and not known.title) or (item.air_date and not known.air_date))


def _brings_picture(item: RemoteItem, known: _Known) -> bool:
    of_show = item.show.artwork_url if item.show and known.episode_id is not None else ""
    return bool(
        (item.artwork_url and not known.artwork_key) or (of_show and not known.show_artwork_key)
    )


def _listed_places(item: RemoteItem, known: _Known) -> set[tuple[int, int | None, int]]:
    """Return what else the file holds, as `multi_episode` keeps it."""
    if known.episode_id is None or (item.season_number, item.episode_number) != known.place:
        return set()
    return {(known.title_id, known.season_number, number) for number in item.further_episodes}


def _place(episode: Episode) -> tuple[int, int | None, int]:
    return (episode.media_item_id, episode.season_number, episode.episode_number)


def _known_items(source_id: int, items: Sequence[RemoteItem]) -> dict[str, _Known]:
    asked = (
        SourceItem.source_id == source_id,
        SourceItem.remote_id.in_([item.remote_id for item in items]),
    )
    rows = [row for query in (_FILMS, _EPISODES) for row in db.session.execute(query.where(*asked))]
    return {row.remote_id: _Known._make(row) for row in rows}


_OF_ITEM = (
    *(SourceItem.id, SourceItem.remote_id, SourceItem.path, SourceItem.matched_by_hand),
    *(SourceItem.media_item_id, SourceItem.episode_id, MediaItem.id, MediaItem.year),
)
_FILMS = select(
    *(*_OF_ITEM, MediaItem.runtime_seconds, MediaItem.artwork_key, MediaItem.title),
    *(null().label(name) for name in ("air_date", "season", "number", "show_artwork_key")),
).join(MediaItem, MediaItem.id == SourceItem.media_item_id)
_EPISODES = (
    select(
        *(*_OF_ITEM, Episode.runtime_seconds, Episode.artwork_key),
        *(Episode.title, Episode.air_date, Episode.season_number, Episode.episode_number),
        MediaItem.artwork_key.label("show_artwork_key"),
    )
    .join(Episode, Episode.id == SourceItem.episode_id)
    .join(MediaItem, MediaItem.id == Episode.media_item_id)
)


def _owners_of_ids(known: Collection[_Known]) -> dict[tuple[str, str, str], int]:
    keys = {ContentKey("movie", item.title_id) for item in known}
    keys |= {ContentKey("episode", item.episode_id) for item in known if item.episode_id}
    row = ExternalId
    owner_id = func.coalesce(row.episode_id, row.media_item_id)
    query = select(row.provider, row.kind, row.value, owner_id).where(row.of_any(keys))
    rows = db.session.execute(query)
    return {(provider, kind, value): owner for provider, kind, value, owner in rows}


def _items_of_versions(source_id: int, versions: Collection[str]) -> dict[str, int]:
    if not versions:
        return {}
    version = SourceItemVersion
    query = select(version.remote_id, version.source_item_id).where(
        version.source_id == source_id, version.remote_id.in_(versions)
    )
    return {row.remote_id: row.source_item_id for row in db.session.execute(query)}


def _settled_states(reader: Reader, known: Collection[_Known]) -> dict[int, _Settled]:
    """Return, by the number of the item, those to which nothing is owed and of which nothing waits.

    What the source showed, what we hold and what is owed are asked for at once: between two
    questions a delivery might end.
    """
    if reader.account_id is None or reader.user_id is None:
        return {}
    films = [one.id for one in known if one.episode_id is None]
    episodes = [one.id for one in known if one.episode_id is not None]
    found: dict[int, _Settled] = {}
    for item_ids, of_same in ((films, _is_same_film), (episodes, _is_same_episode)):
        if item_ids:
            found |= _settled(_states(reader, of_same), item_ids)
    return found


def _settled(query: Select[Any], item_ids: Sequence[int]) -> dict[int, _Settled]:
    rows = db.session.execute(query.where(SourceItem.id.in_(item_ids)))
    return {
        item_id: _Settled(
            RemoteState(*shown),
            Side(bool(watched), 1000 * seconds if in_progress else 0),
            seen_at,
            is_listed,
        )
        for item_id, watched, seconds, in_progress, seen_at, is_listed, *shown in rows
    }


def _states(reader: Reader, is_same: Any) -> Select[Any]:
    state, own, queued = SourceItemState, PlaybackProgress, QueuedChange
    waits = exists().where(
        *is_same(queued),
        queued.user_id == reader.user_id,
        queued.source_id == reader.source_id,
        queued.play_key == "",
        or_(queued.status != Status.SYNCED, queued.error_class == "unmatched"),
    )
    of_account = and_(
        state.source_item_id == SourceItem.id, state.source_account_id == reader.account_id
    )
    of_user = and_(own.user_id == reader.user_id, *is_same(own))
    columns: tuple[Any, ...] = (
        *(
            SourceItem.id,
            own.watched,
            own.position_seconds,
            own.in_progress,
            state.seen_at,
            state.is_listed,
        ),
        *(state.watched, state.position_ms, state.play_count, state.last_played_at),
    )
    return select(*columns).join(state, of_account).outerjoin(own, of_user).where(~waits)


def _is_same_film(table: Any) -> tuple[Any, ...]:
    return (table.media_item_id == SourceItem.media_item_id, table.episode_id.is_(None))


def _is_same_episode(table: Any) -> tuple[Any, ...]:
    return (table.episode_id == SourceItem.episode_id,)
