"""Which sources are told of a change to a film or an episode."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Integer, Select, cast, exists, null, or_, select, true, union

from mydia_web.db import db
from mydia_web.library.models import (
    Content,
    ContentKey,
    Episode,
    ExternalId,
    MediaItem,
    split_keys,
)
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.registry import (
    backend_class,
    kinds_that_accept_unlisted,
    kinds_that_take_pushes,
)

_NONE = cast(null(), Integer)
_SOURCE = (Source.id, Source.kind, Source.tells_watched, Source.tells_positions)


class PushTarget(NamedTuple):
    """A source that is told of changes."""

    source_id: int
    #: It stores every play, so that none may be lost to the next one.
    counts_plays: bool
    #: The switches that its admin has set.
    watched: bool = True
    positions: bool = True

    def accepts(self, change_type: str) -> bool:
        return self.positions if change_type == "progress_update" else self.watched


def sources_to_tell(user_id: int, content: Content) -> list[PushTarget]:
    """Return the enabled sources with an account of the user that hold the content.

    Account services hold whatever has an id in a catalogue.
    """
    return sources_to_tell_each(user_id, [content])[content.key]


def sources_to_tell_each(
    user_id: int, contents: Sequence[Content]
) -> dict[ContentKey, list[PushTarget]]:
    """Answer `sources_to_tell` for many contents by one query."""
    targets: dict[ContentKey, list[PushTarget]] = {content.key: [] for content in contents}
    if not targets:
        return targets
    rows = db.session.execute(union(*_holders(user_id, contents)))
    for source_id, kind, watched, positions, film_id, episode_id in rows:
        counts_plays = backend_class(kind).traits.counts_plays
        target = PushTarget(source_id, counts_plays, watched, positions)
        targets[ContentKey.from_columns(film_id, episode_id)].append(target)
    for sources in targets.values():
        sources.sort()
    return targets


def _holders(user_id: int, contents: Sequence[Content]) -> Iterator[Select[Any]]:
    """Yield queries for the user's sources, each with a content that it holds or can look up."""
    films, episodes = split_keys(content.key for content in contents)
    if films:
        is_known = exists().where(ExternalId.media_item_id == MediaItem.id)
        is_listed = SourceItem.media_item_id.in_(films)
        yield _listed(user_id, _film_key(SourceItem.media_item_id), is_listed)
        yield _known(user_id, MediaItem, _film_key(MediaItem.id), MediaItem.id.in_(films), is_known)
    if episodes:
        of_show = ExternalId.media_item_id == Episode.media_item_id
        is_known = exists().where(or_(of_show, ExternalId.episode_id == Episode.id))
        is_listed = SourceItem.episode_id.in_(episodes)
        yield _listed(user_id, _episode_key(SourceItem.episode_id), is_listed)
        yield _known(user_id, Episode, _episode_key(Episode.id), Episode.id.in_(episodes), is_known)


def _listed(user_id: int, key: Any, is_listed: Any) -> Select[Any]:
    # Written as a sum, the source is no way into the table: SQLite would read all its items.
    of_source = SourceItem.source_id + 0 == Source.id
    query = select(*_SOURCE, *key).select_from(SourceItem).join(Source, of_source)
    return _of_user(query, user_id).where(is_listed)


def _known(user_id: int, table: Any, key: Any, *conditions: Any) -> Select[Any]:
    query = select(*_SOURCE, *key).select_from(table).join(Source, true())
    accepts_unlisted = Source.kind.in_(kinds_that_accept_unlisted())
    return _of_user(query, user_id).where(accepts_unlisted, *conditions)


def _of_user(query: Select[Any], user_id: int) -> Select[Any]:
    has_account = exists().where(
        SourceAccount.source_id == Source.id, SourceAccount.user_id == user_id
    )
    takes_pushes = Source.kind.in_(kinds_that_take_pushes())
    return query.where(has_account, Source.enabled, takes_pushes)


def _film_key(column: Any) -> tuple[Any, Any]:
    return column.label("film_id"), _NONE.label("episode_id")


def _episode_key(column: Any) -> tuple[Any, Any]:
    return _NONE.label("film_id"), column.label("episode_id")
