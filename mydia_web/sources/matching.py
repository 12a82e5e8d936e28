"""What a person says an unrecognised item is. No pull says otherwise afterwards."""

import re

from sqlalchemy import delete, select

from mydia_web.backends.folder.convention import season_of
from mydia_web.db import db
from mydia_web.errors import InvalidValue, NotFound
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.sources.models import SourceItem, UnmatchedItem


def folder_of(path: str) -> str:
    """Return the folder that is answered for at once: that of the file, or of the show whose season it lies in."""
    parts = re.split(r"([/\\\\]+)", path)[:-2]
    if len(parts) > 2 and season_of(parts[-1]) is not None:
        parts = parts[:-2]
    return "".join(parts)


def find_unmatched(source_id: int, item_id: int) -> UnmatchedItem:
    """Raises `NotFound`."""
    item = db.session.get(UnmatchedItem, item_id)
    if item is None or item.source_id != source_id:
        raise NotFound("This title is not among the unrecognised ones any more.")
    return item


def match_by_hand(item: UnmatchedItem, content: Content) -> SourceItem:
    """The remote item is a copy of that content from now on; its state comes with the next pull."""
    db.session.execute(
        delete(SourceItem).where(
            SourceItem.source_id == item.source_id, SourceItem.remote_id == item.remote_id
        )
    )
    copy = SourceItem(source_id=item.source_id, remote_id=item.remote_id, matched_by_hand=True)
    if isinstance(content, Episode):
        copy.episode_id = content.id
    else:
        copy.media_item_id = content.id
    db.session.add(copy)
    db.session.delete(item)
    db.session.flush()
    return copy


def episode_at(show: MediaItem, season: int | None, number: int | None) -> Episode:
    """The show's episode of these numbers, added where it is new. Raises `InvalidValue`."""
    if season is None or number is None or not (0 <= season <= 10_000 and 0 <= number <= 10_000):
        raise InvalidValue("episode", "Say the season and the number of the episode; specials are season 0.")
    found: Episode | None = db.session.scalar(
        select(Episode).where(
            Episode.media_item_id == show.id,
            Episode.season_number == season,
            Episode.episode_number == number,
        )
    )
    if found is None:
        found = Episode(media_item_id=show.id, season_number=season, episode_number=number)
        db.session.add(found)
        db.session.flush()
    return found
