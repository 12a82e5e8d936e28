"""Finding the progress records of a user and of contents."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, select

from mydia_web.db import db, lock_titles
from mydia_web.library.content import is_one_of
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import Key, content_key
from mydia_web.playback.models import PlaybackProgress


def get_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    return db.session.scalar(select(PlaybackProgress).where(*_key(user_id, content)))


def locked_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    """Lock the title and return the record: no two writers start from the same one, or from none."""
    return locked_records(user_id, [content]).get(content_key(content))


def locked_records(user_id: int, contents: Sequence[Content]) -> dict[Key, PlaybackProgress]:
    """Lock the titles of these contents, all at once, and return the user's records of them."""
    lock_titles((user_id, title_id(content)) for content in contents)
    films = [one.id for one in contents if not isinstance(one, Episode)]
    episodes = [one.id for one in contents if isinstance(one, Episode)]
    own = PlaybackProgress.user_id == user_id
    query = select(PlaybackProgress).where(own, is_one_of(PlaybackProgress, films, episodes))
    records = db.session.scalars(query.execution_options(populate_existing=True))
    return {(record.media_item_id, record.episode_id): record for record in records}


def title_id(content: Content) -> int:
    """Return the id of the film, or of the episode's show."""
    return content.media_item_id if isinstance(content, Episode) else content.id


def show_progress(user_id: int, show_id: int) -> dict[int, PlaybackProgress]:
    """The user's records of a show's episodes, by episode id."""
    records = db.session.scalars(
        select(PlaybackProgress)
        .join(Episode, Episode.id == PlaybackProgress.episode_id)
        .where(Episode.media_item_id == show_id, PlaybackProgress.user_id == user_id)
    )
    return {record.episode_id: record for record in records if record.episode_id is not None}


def _key(user_id: int, content: Content) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    own = PlaybackProgress.user_id == user_id
    if isinstance(content, Episode):
        return own, PlaybackProgress.episode_id == content.id
    return own, PlaybackProgress.media_item_id == content.id
