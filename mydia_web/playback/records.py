"""Finding the progress record of a user and a content."""

from sqlalchemy import ColumnElement, select

from mydia_web.db import db, lock_titles
from mydia_web.library.models import Content, Episode
from mydia_web.playback.models import PlaybackProgress


def get_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    return db.session.scalar(select(PlaybackProgress).where(*_key(user_id, content)))


def locked_progress(user_id: int, content: Content) -> PlaybackProgress | None:
    """Lock the title and return the record: no two writers start from the same one, or from none."""
    title_id = content.media_item_id if isinstance(content, Episode) else content.id
    lock_titles([(user_id, title_id)])
    query = select(PlaybackProgress).where(*_key(user_id, content))
    return db.session.scalar(query.execution_options(populate_existing=True))


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
