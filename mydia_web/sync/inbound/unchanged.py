"""Leaving out the unchanged items of a page, so that an uneventful full scan costs next to nothing.

Items are compared as plain values, a page in a few queries and without locks. Nothing is done about
unchanged ones, so whatever changes meanwhile is told by whoever changes it. An item of which
anything is new, open or in doubt is matched, locked, read again and merged.
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

#: How many items are compared at a time.
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Reader:
    """Whom a source is read for; a source without people, such as a folder, has no states."""

    source_id: int
    account_id: int | None
    user_id: int | None


def changed_items(reader: Reader, items: Sequence[RemoteItem]) -> Sequence[RemoteItem]:
    """Return the changed items of a page, and the other items of their titles.

    What is taken over of one episode, or of one copy, may concern the others.
    """
    changed_ids: set[str] = set()
    title_ids: dict[str, int] = {}
    for start in range(0, len(items), _BATCH):
        batch = items[start : start + _BATCH]
        copies = _stored_copies(reader.source_id, batch)
        stored = _Stored.load(reader, copies.values(), batch)
        title_ids |= {remote_id: copy.title_id for remote_id, copy in copies.items()}
        changed_ids.update(stored.changed_ids(batch, copies))
    changed_titles = {title_ids[id_] for id_ in changed_ids if id_ in title_ids}
    return [
        item
        for item in items
        if item.remote_id in changed_ids or title_ids.get(item.remote_id) in changed_titles
    ]


class _Copy(NamedTuple):
    """A stored copy, with what we know of its film or episode."""

    id: int
    remote_id: str
    path: str
    matched_by_hand: bool
    film_id: int | None
    episode_id: int | None
    #: Of the film or the show, as is the year.
    title_id: int
    year: int | None
    runtime_seconds: int | None
    artwork_key: str | None
    title: str | None
    # The rest is None for films.
    air_date: date | None
    season_number: int | None
    episode_number: int | None
    show_artwork_key: str | None

    @property
    def content_id(self) -> int:
        return self.episode_id or self.title_id

    def has_number_of(self, item: RemoteItem) -> bool:
        number = (item.season_number, item.episode_number)
        return number == (self.season_number, self.episode_number)


class _Settled(NamedTuple):
    """What the source last showed of an item to which nothing is owed, and what we hold of it."""

    shown: RemoteState
    ours: Side
    seen_at: datetime
    is_listed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """What is stored of the items of a page."""

    #: The id of the film, show or episode, by provider, kind and value.
    owners: Mapping[tuple[str, str, str], int]
    #: By the id of the copy, as are the extra episodes.
    settled: Mapping[int, _Settled]
    extra: Mapping[int, Sequence[ExtraEpisode]]
    #: The id of the copy, by the id of a further file.
    versions: Mapping[str, int]

    @classmethod
    def load(cls, reader: Reader, copies: Collection[_Copy], items: Iterable[RemoteItem]) -> Self:
        versions = {version for item in items for version in item.versions}
        episode_copies = [copy.id for copy in copies if copy.episode_id is not None]
        return cls(
            owners=_owners_of_ids(copies),
            settled=_settled_states(reader, copies),
            extra=extra_episodes(episode_copies),
            versions=_copies_of_versions(reader.source_id, versions),
        )

    def changed_ids(
        self, items: Iterable[RemoteItem], copies: Mapping[str, _Copy]
    ) -> Iterable[str]:
        for item in items:
            copy = copies.get(item.remote_id)
            if copy is None or not self._is_unchanged(item, copy):
                yield item.remote_id

    def _is_unchanged(self, item: RemoteItem, copy: _Copy) -> bool:
        if item.path != copy.path or _brings_picture(item, copy):
            return False
        if not copy.matched_by_hand and not self._is_recognised(item, copy):
            return False
        if any(self.versions.get(version) != copy.id for version in item.versions):
            return False
        return self._has_same_extra(item, copy) and self._shows_the_same(item, copy)

    def _is_recognised(self, item: RemoteItem, copy: _Copy) -> bool:
        """Return whether ids, all known to us, tell that it is the same and tell nothing more.

        What only a title tells depends on which others have it, so it is matched each time. So is
        an item whose number, or title and year, may contradict its ids.
        """
        if item.not_recognised or not _is_named_alike(item, copy) or _tells_more(item, copy):
            return False
        show_ids = item.show.external_ids if item.show else {}
        own_ids = {
            provider: value
            for provider, value in item.external_ids.items()
            if show_ids.get(provider) != value
        }
        if own_ids:
            return self._belong_to(copy.content_id, item.kind, own_ids)
        return self._is_same_show(item, copy)

    def _is_same_show(self, item: RemoteItem, copy: _Copy) -> bool:
        show = item.show
        if show is None or not show.title.strip() or not show.external_ids:
            return False
        if show.year and not copy.year:
            return False
        return self._belong_to(copy.title_id, "show", show.external_ids)

    def _belong_to(self, owner_id: int, kind: str, ids: Mapping[str, str]) -> bool:
        return all(
            self.owners.get((provider, kind, value)) == owner_id for provider, value in ids.items()
        )

    def _has_same_extra(self, item: RemoteItem, copy: _Copy) -> bool:
        """Return whether the file holds the extra episodes that `multi_episode` has stored."""
        listed: set[tuple[int, int | None, int]] = set()
        if copy.episode_id is not None and copy.has_number_of(item):
            listed = {
                (copy.title_id, copy.season_number, number) for number in item.further_episodes
            }
        return listed == {_place(extra.episode) for extra in self.extra.get(copy.id, ())}

    def _shows_the_same(self, item: RemoteItem, copy: _Copy) -> bool:
        """Return whether the state is what was last shown, and what we hold."""
        if item.state is None:
            return True
        settled = self.settled.get(copy.id)
        if settled is None or not settled.is_listed or settled.shown != item.state:
            return False
        if any(extra.since > settled.seen_at for extra in self.extra.get(copy.id, ())):
            return False
        theirs = Side(watched=item.state.watched, position_ms=item.state.position_ms)
        return agree(settled.ours, theirs)


def _is_named_alike(item: RemoteItem, copy: _Copy) -> bool:
    """Return whether it has the number of the episode, or the name or the year of the film."""
    if copy.episode_id is not None:
        return copy.has_number_of(item)
    return item.year == copy.year or is_same_name(item.title, copy.title or "")


def _tells_more(item: RemoteItem, copy: _Copy) -> bool:
    """Return whether it tells what we did not know of its film or episode."""
    if item.runtime_seconds and not copy.runtime_seconds:
        return True
    if copy.episode_id is None:
        return bool(item.year) and not copy.year
    has_title = bool(item.title) and not copy.title
    return has_title or (item.air_date is not None and copy.air_date is None)


def _brings_picture(item: RemoteItem, copy: _Copy) -> bool:
    if item.artwork_url and not copy.artwork_key:
        return True
    if item.show is None or copy.episode_id is None:
        return False
    return bool(item.show.artwork_url) and not copy.show_artwork_key


def _place(episode: Episode) -> tuple[int, int | None, int]:
    return (episode.media_item_id, episode.season_number, episode.episode_number)


_COPY_COLUMNS = (
    SourceItem.id,
    SourceItem.remote_id,
    SourceItem.path,
    SourceItem.matched_by_hand,
    SourceItem.media_item_id,
    SourceItem.episode_id,
    MediaItem.id,
    MediaItem.year,
)
_FILM_COPIES = select(
    *_COPY_COLUMNS,
    MediaItem.runtime_seconds,
    MediaItem.artwork_key,
    MediaItem.title,
    null().label("air_date"),
    null().label("season_number"),
    null().label("episode_number"),
    null().label("show_artwork_key"),
).join(MediaItem, MediaItem.id == SourceItem.media_item_id)
_EPISODE_COPIES = (
    select(
        *_COPY_COLUMNS,
        Episode.runtime_seconds,
        Episode.artwork_key,
        Episode.title,
        Episode.air_date,
        Episode.season_number,
        Episode.episode_number,
        MediaItem.artwork_key.label("show_artwork_key"),
    )
    .join(Episode, Episode.id == SourceItem.episode_id)
    .join(MediaItem, MediaItem.id == Episode.media_item_id)
)


def _stored_copies(source_id: int, items: Sequence[RemoteItem]) -> dict[str, _Copy]:
    """Return the stored copies of the items, by remote id."""
    remote_ids = [item.remote_id for item in items]
    copies = {}
    for query in (_FILM_COPIES, _EPISODE_COPIES):
        rows = db.session.execute(
            query.where(SourceItem.source_id == source_id, SourceItem.remote_id.in_(remote_ids))
        )
        for row in rows:
            copies[row.remote_id] = _Copy._make(row)
    return copies


def _owners_of_ids(copies: Collection[_Copy]) -> dict[tuple[str, str, str], int]:
    keys = {ContentKey("movie", copy.title_id) for copy in copies}
    keys |= {ContentKey("episode", copy.episode_id) for copy in copies if copy.episode_id}
    row = ExternalId
    owner_id = func.coalesce(row.episode_id, row.media_item_id)
    query = select(row.provider, row.kind, row.value, owner_id).where(row.of_any(keys))
    rows = db.session.execute(query)
    return {(provider, kind, value): owner for provider, kind, value, owner in rows}


def _copies_of_versions(source_id: int, versions: Collection[str]) -> dict[str, int]:
    if not versions:
        return {}
    version = SourceItemVersion
    query = select(version.remote_id, version.source_item_id).where(
        version.source_id == source_id, version.remote_id.in_(versions)
    )
    return {row.remote_id: row.source_item_id for row in db.session.execute(query)}


def _settled_states(reader: Reader, copies: Collection[_Copy]) -> dict[int, _Settled]:
    """Return the states of copies to which nothing is owed and for which nothing waits.

    What the source showed, what we hold and what is owed are read in one query: a delivery might
    end between two.
    """
    if reader.account_id is None or reader.user_id is None:
        return {}
    films = [copy.id for copy in copies if copy.episode_id is None]
    episodes = [copy.id for copy in copies if copy.episode_id is not None]
    settled: dict[int, _Settled] = {}
    for copy_ids, is_same in ((films, _is_same_film), (episodes, _is_same_episode)):
        if copy_ids:
            settled |= _read_settled(_settled_query(reader, is_same), copy_ids)
    return settled


def _read_settled(query: Select[Any], copy_ids: Sequence[int]) -> dict[int, _Settled]:
    settled = {}
    for row in db.session.execute(query.where(SourceItem.id.in_(copy_ids))):
        shown = RemoteState(
            watched=row.watched,
            position_ms=row.position_ms,
            play_count=row.play_count,
            last_played_at=row.last_played_at,
        )
        ours = Side(
            watched=bool(row.our_watched),
            position_ms=1000 * row.position_seconds if row.in_progress else 0,
        )
        settled[row.id] = _Settled(shown, ours, row.seen_at, row.is_listed)
    return settled


def _settled_query(reader: Reader, is_same: Any) -> Select[Any]:
    """Return the query; `is_same` restricts a table to the content of the copy."""
    state = SourceItemState
    ours = PlaybackProgress
    queued = QueuedChange
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
    of_user = and_(ours.user_id == reader.user_id, *is_same(ours))
    columns: tuple[Any, ...] = (
        SourceItem.id,
        ours.watched.label("our_watched"),
        ours.position_seconds,
        ours.in_progress.label("in_progress"),
        state.seen_at,
        state.is_listed,
        state.watched,
        state.position_ms,
        state.play_count,
        state.last_played_at,
    )
    return select(*columns).join(state, of_account).outerjoin(ours, of_user).where(~waits)


def _is_same_film(table: Any) -> tuple[Any, ...]:
    return (table.media_item_id == SourceItem.media_item_id, table.episode_id.is_(None))


def _is_same_episode(table: Any) -> tuple[Any, ...]:
    return (table.episode_id == SourceItem.episode_id,)
