"""Who is told of a change to each of many contents, in one question for all of them."""

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Integer, Select, cast, exists, null, or_, select, true, union

from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode, ExternalId, MediaItem
from mydia_web.sources.accounts import PushTarget
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.registry import (
    backend_class,
    kinds_that_accept_unlisted,
    kinds_that_take_pushes,
)

_NONE = cast(null(), Integer)
_TOLD = (Source.id, Source.kind, Source.tells_watched, Source.tells_positions)


def sources_to_tell_each(
    user_id: int, contents: Sequence[Content]
) -> dict[ContentKey, list[PushTarget]]:
    """As `accounts.sources_to_tell` says it of each."""
    found: dict[ContentKey, list[PushTarget]] = {content.key: [] for content in contents}
    if not found:
        return found
    holders = union(*_holders(user_id, contents))
    for source_id, kind, watched, positions, film_id, episode_id in db.session.execute(holders):
        counts_plays = backend_class(kind).traits.counts_plays
        found[ContentKey.from_columns(film_id, episode_id)].append(
            PushTarget(source_id, counts_plays, watched, positions)
        )
    for sources in found.values():
        sources.sort()
    return found


def _holders(user_id: int, contents: Sequence[Content]) -> Iterator[Select[Any]]:
    """Select sources of the user, each with a content that it holds, or that a catalogue knows."""
    films = [one.id for one in contents if not isinstance(one, Episode)]
    episodes = [one.id for one in contents if isinstance(one, Episode)]
    if films:
        is_known = exists().where(ExternalId.media_item_id == MediaItem.id)
        yield _copies(
            user_id, _film_key(SourceItem.media_item_id), SourceItem.media_item_id.in_(films)
        )
        yield _known(user_id, MediaItem, _film_key(MediaItem.id), MediaItem.id.in_(films), is_known)
    if episodes:
        of_show = ExternalId.media_item_id == Episode.media_item_id
        is_known = exists().where(or_(of_show, ExternalId.episode_id == Episode.id))
        yield _copies(
            user_id, _episode_key(SourceItem.episode_id), SourceItem.episode_id.in_(episodes)
        )
        yield _known(user_id, Episode, _episode_key(Episode.id), Episode.id.in_(episodes), is_known)


def _copies(user_id: int, key: Any, is_asked_for: Any) -> Select[Any]:
    # Written as a sum, the source is no way into the table: SQLite would read all that the source
    # holds.
    of_source = SourceItem.source_id + 0 == Source.id
    query = select(*_TOLD, *key).select_from(SourceItem).join(Source, of_source)
    return _of_user(query, user_id).where(is_asked_for)


def _known(user_id: int, table: Any, key: Any, *is_asked_for: Any) -> Select[Any]:
    query = select(*_TOLD, *key).select_from(table).join(Source, true())
    return _of_user(query, user_id).where(
        Source.kind.in_(kinds_that_accept_unlisted()), *is_asked_for
    )


def _of_user(query: Select[Any], user_id: int) -> Select[Any]:
    account = (SourceAccount.source_id == Source.id, SourceAccount.user_id == user_id)
    is_told = (Source.enabled, Source.kind.in_(kinds_that_take_pushes()))
    return query.where(exists().where(*account), *is_told)


def _film_key(column: Any) -> tuple[Any, Any]:
    return column.label("film_id"), _NONE.label("episode_id")


def _episode_key(column: Any) -> tuple[Any, Any]:
    return _NONE.label("film_id"), column.label("episode_id")
