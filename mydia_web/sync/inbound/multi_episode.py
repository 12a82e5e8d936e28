"""Files of several episodes: the item stands for the first, and here is kept which further ones it
holds.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, tuple_

from mydia_web.backends.values import RemoteItem
from mydia_web.db import db, lock_library
from mydia_web.library.models import Content, Episode
from mydia_web.sources.models import SourceItem, SourceItemEpisode

_Matched = tuple[SourceItem, RemoteItem, Content]
#: The id of its show, its season and its number.
_Place = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class ExtraEpisode:
    """An episode in the file of an item, and since when that is known."""

    episode: Episode
    since: datetime


def extra_episodes(item_ids: Collection[int]) -> Mapping[int, Sequence[ExtraEpisode]]:
    """By source item id, in their order; an item that holds no further episode is missing."""
    if not item_ids:
        return {}
    found: dict[int, list[ExtraEpisode]] = {}
    link = SourceItemEpisode
    query = select(link.source_item_id, link.since, Episode).join(
        Episode, Episode.id == link.episode_id
    )
    rows = db.session.execute(
        query.where(link.source_item_id.in_(item_ids)).order_by(Episode.episode_number)
    )
    for item_id, since, episode in rows:
        found.setdefault(item_id, []).append(ExtraEpisode(episode, since))
    return found


def keep_extra_episodes(kept: Iterable[_Matched], asked_at: datetime) -> set[int]:
    """Keep what the files of a page hold, as it was asked for at that time. The shows to which that
    is news.
    """
    listed = {
        row.id: _places(item, content)
        for row, item, content in kept
        if isinstance(content, Episode)
    }
    held = {
        (item_id, _place(one.episode)): one.episode.id
        for item_id, some in extra_episodes(listed).items()
        for one in some
    }
    wanted = {(item_id, place) for item_id, places in listed.items() for place in places}
    if gone := [(item_id, held[item_id, place]) for item_id, place in held.keys() - wanted]:
        link = tuple_(SourceItemEpisode.source_item_id, SourceItemEpisode.episode_id)
        db.session.execute(delete(SourceItemEpisode).where(link.in_(gone)))
    if new := sorted(wanted - held.keys()):
        episodes = _found_or_added({place for _, place in new})
        rows = [
            {"source_item_id": item_id, "episode_id": episodes[place].id, "since": asked_at}
            for item_id, place in new
        ]
        db.session.execute(insert(SourceItemEpisode), rows)
    return {show_id for _, (show_id, _, _) in new}


def _places(item: RemoteItem, first: Episode) -> Sequence[_Place]:
    """None where the first is another by its id than by its number: then the numbers tell of none."""
    if (first.season_number, first.episode_number) != (item.season_number, item.episode_number):
        return ()
    return [(first.media_item_id, first.season_number, number) for number in item.further_episodes]


def _found_or_added(places: set[_Place]) -> Mapping[_Place, Episode]:
    lock_library()
    of_shows = Episode.media_item_id.in_({show_id for show_id, _, _ in places})
    of_seasons = Episode.season_number.in_({season for _, season, _ in places})
    found = {
        _place(one): one for one in db.session.scalars(select(Episode).where(of_shows, of_seasons))
    }
    for show_id, season, number in sorted(places - found.keys()):
        episode = Episode(media_item_id=show_id, season_number=season, episode_number=number)
        found[show_id, season, number] = episode
        db.session.add(episode)
    db.session.flush()
    return found


def _place(episode: Episode) -> _Place:
    return (episode.media_item_id, episode.season_number, episode.episode_number)
