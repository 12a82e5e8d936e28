"""Who is told of a change to each of many contents, in a few questions for all of them."""

from collections.abc import Sequence

from sqlalchemy import select

from mydia_web.db import db
from mydia_web.library.content import is_one_of
from mydia_web.library.models import Content, Episode, ExternalId
from mydia_web.sources.accounts import Told
from mydia_web.sources.models import Source, SourceAccount, SourceItem
from mydia_web.sources.registry import backend_class, kinds_that_take_pushes

#: (media item id, None) of a film, (None, episode id) of an episode.
Key = tuple[int | None, int | None]


def sources_to_tell_each(user_id: int, contents: Sequence[Content]) -> dict[Key, list[Told]]:
    """As `accounts.sources_to_tell` says it of each."""
    keys = {_key(content): content for content in contents}
    found: dict[Key, list[Told]] = {key: [] for key in keys}
    for source in _sources_of(user_id):
        traits = backend_class(source.kind).traits
        told = Told(source.id, traits.counts_plays, source.tells_watched, source.tells_positions)
        held = _held_by(source.id, contents) | (_with_ids(contents) if traits.holds_everything else set())
        for key in keys.keys() & held:
            found[key].append(told)
    return found


def _sources_of(user_id: int) -> Sequence[Source]:
    own = (SourceAccount.source_id == Source.id, SourceAccount.user_id == user_id)
    query = select(Source).join(SourceAccount, own[0]).where(own[1], Source.enabled)
    return db.session.scalars(
        query.where(Source.kind.in_(kinds_that_take_pushes())).order_by(Source.id)
    ).all()


def _held_by(source_id: int, contents: Sequence[Content]) -> set[Key]:
    films, episodes = _numbers(contents)
    of = is_one_of(SourceItem, films, episodes)
    query = select(SourceItem.media_item_id, SourceItem.episode_id)
    return {
        (film, episode)
        for film, episode in db.session.execute(query.where(SourceItem.source_id == source_id, of))
    }


def _with_ids(contents: Sequence[Content]) -> set[Key]:
    """Those that a catalogue knows, be it an episode by its show."""
    films, episodes = _numbers(contents)
    titles = {*films, *(one.media_item_id for one in contents if isinstance(one, Episode))}
    of = is_one_of(ExternalId, titles, episodes)
    rows = db.session.execute(select(ExternalId.media_item_id, ExternalId.episode_id).where(of)).all()
    known_titles, known_episodes = {row[0] for row in rows}, {row[1] for row in rows}
    return {
        _key(one)
        for one in contents
        if (one.media_item_id if isinstance(one, Episode) else one.id) in known_titles
        or (isinstance(one, Episode) and one.id in known_episodes)
    }


def _key(content: Content) -> Key:
    return (None, content.id) if isinstance(content, Episode) else (content.id, None)


def _numbers(contents: Sequence[Content]) -> tuple[list[int], list[int]]:
    films = [one.id for one in contents if not isinstance(one, Episode)]
    return films, [one.id for one in contents if isinstance(one, Episode)]
