"""Files of several episodes: a copy stands for the first; the extra ones are kept beside it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, tuple_

from mydia_web.backends.values import RemoteItem
from mydia_web.db import db, lock_library
from mydia_web.library.models import Content, Episode
from mydia_web.sources.models import SourceItem, SourceItemEpisode

#: The id of the show, the season and the number.
_Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ExtraEpisode:
    """A further episode in the file of an item, and since when that is known."""

    episode: Episode
    since: datetime


def extra_episodes(item_ids: Collection[int]) -> Mapping[int, Sequence[ExtraEpisode]]:
    """Return the extra episodes by source item id, in their order; items without any are absent."""
    if not item_ids:
        return {}
    link = SourceItemEpisode
    rows = db.session.execute(
        select(link.source_item_id, link.since, Episode)
        .join(Episode, Episode.id == link.episode_id)
        .where(link.source_item_id.in_(item_ids))
        .order_by(Episode.episode_number)
    )
    extra: dict[int, list[ExtraEpisode]] = {}
    for item_id, since, episode in rows:
        extra.setdefault(item_id, []).append(ExtraEpisode(episode, since))
    return extra


def keep_extra_episodes(
    matched: Iterable[tuple[SourceItem, RemoteItem, Content]], asked_at: datetime
) -> set[int]:
    """Store which extra episodes the files of a page hold. Return the shows with new ones."""
    wanted: set[tuple[int, _Place]] = set()
    item_ids = []
    for copy, item, content in matched:
        if isinstance(content, Episode):
            item_ids.append(copy.id)
            wanted.update((copy.id, place) for place in _listed_places(item, content))
    stored = _stored(item_ids)
    _forget([(item_id, stored[item_id, place]) for item_id, place in stored.keys() - wanted])
    new = sorted(wanted - stored.keys())
    if new:
        _add(new, asked_at)
    return {show_id for _, (show_id, _, _) in new}


def _listed_places(item: RemoteItem, first: Episode) -> Sequence[_Place]:
    """Return the places of the extra episodes.

    Where the item's id and its number tell different first episodes, the numbers say nothing.
    """
    if (first.season_number, first.episode_number) != (item.season_number, item.episode_number):
        return ()
    return [(first.media_item_id, first.season_number, number) for number in item.further_episodes]


def _stored(item_ids: Collection[int]) -> Mapping[tuple[int, _Place], int]:
    """Return the episode ids by item id and place."""
    return {
        (item_id, _place(extra.episode)): extra.episode.id
        for item_id, episodes in extra_episodes(item_ids).items()
        for extra in episodes
    }


def _forget(links: Collection[tuple[int, int]]) -> None:
    if links:
        link = tuple_(SourceItemEpisode.source_item_id, SourceItemEpisode.episode_id)
        db.session.execute(delete(SourceItemEpisode).where(link.in_(links)))


def _add(new: Sequence[tuple[int, _Place]], asked_at: datetime) -> None:
    episodes = _find_or_add({place for _, place in new})
    rows = [
        {"source_item_id": item_id, "episode_id": episodes[place].id, "since": asked_at}
        for item_id, place in new
    ]
    db.session.execute(insert(SourceItemEpisode), rows)


def _find_or_add(places: set[_Place]) -> Mapping[_Place, Episode]:
    lock_library()
    nearby = select(Episode).where(
        Episode.media_item_id.in_({show_id for show_id, _, _ in places}),
        Episode.season_number.in_({season for _, season, _ in places}),
    )
    episodes = {_place(episode): episode for episode in db.session.scalars(nearby)}
    for show_id, season, number in sorted(places - episodes.keys()):
        episode = Episode(media_item_id=show_id, season_number=season, episode_number=number)
        db.session.add(episode)
        episodes[show_id, season, number] = episode
    db.session.flush()
    return episodes


def _place(episode: Episode) -> _Place:
    return (episode.media_item_id, episode.season_number, episode.episode_number)
