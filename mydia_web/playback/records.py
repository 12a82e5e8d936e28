"""Finding the progress records of a user and of contents."""

from collections.abc import Sequence

from sqlalchemy import select

from mydia_web.db import db, lock_titles
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.models import PlaybackProgress


def get_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    own = PlaybackProgress.user_id == user_id
    return db.session.scalar(select(PlaybackProgress).where(own, PlaybackProgress.of(content)))


def locked_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    """Lock the title and return the record: no two writers start from the same one, or from none."""
    return locked_records(user_id, [content]).get(content.key)


def locked_records(user_id: int, contents: Sequence[Content]) -> dict[ContentKey, PlaybackProgress]:
    """Lock the titles of these contents, all at once, and return the user's records of them."""
    lock_titles((user_id, content.title_id) for content in contents)
    own = PlaybackProgress.user_id == user_id
    keys = [content.key for content in contents]
    query = select(PlaybackProgress).where(own, PlaybackProgress.of_any(keys))
    records = db.session.scalars(query.execution_options(populate_existing=True))
    return {record.content_key: record for record in records}


def show_progress(user_id: int, show_id: int) -> dict[int, PlaybackProgress]:
    """The user's records of a show's episodes, by episode id."""
    records = db.session.scalars(
        select(PlaybackProgress)
        .join(Episode, Episode.id == PlaybackProgress.episode_id)
        .where(Episode.media_item_id == show_id, PlaybackProgress.user_id == user_id)
    )
    return {record.episode_id: record for record in records if record.episode_id is not None}
