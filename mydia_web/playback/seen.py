"""How much of many films and shows a user has seen, for a page full of them."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, func, select

from mydia_web.db import db
from mydia_web.library.models import Episode
from mydia_web.playback.airing import is_out, today_of
from mydia_web.playback.models import PlaybackProgress


@dataclass(frozen=True, slots=True)
class Seen:
    """One film or show as a user stands to it. A film is one of one."""

    watched: int = 0
    #: Films: 1. Shows: the episodes that are out, without specials.
    of: int = 1
    #: How far a film has been played, in percent.
    percent: float = 0

    @property
    def is_watched(self) -> bool:
        return self.watched >= self.of > 0

    @property
    def share(self) -> float:
        """In percent, of a film or of a show's episodes."""
        return self.percent or (100 * self.watched / self.of if self.of else 0)


def seen_of_films(user_id: int, film_ids: Sequence[int]) -> dict[int, Seen]:
    """By film id; a film never touched is missing."""
    rows = db.session.scalars(
        select(PlaybackProgress).where(
            PlaybackProgress.user_id == user_id, PlaybackProgress.media_item_id.in_(film_ids)
        )
    )
    return {
        row.media_item_id: Seen(
            int(row.watched), 1, row.completion_percentage if row.in_progress else 0
        )
        for row in rows
        if row.media_item_id is not None
    }


def seen_of_shows(user_id: int, show_ids: Sequence[int]) -> dict[int, Seen]:
    """By show id; a show of which no episode is out is missing."""
    own = and_(
        PlaybackProgress.episode_id == Episode.id,
        PlaybackProgress.user_id == user_id,
        PlaybackProgress.watched,
    )
    rows = db.session.execute(
        select(Episode.media_item_id, func.count(PlaybackProgress.id), func.count())
        .outerjoin(PlaybackProgress, own)
        .where(
            Episode.media_item_id.in_(show_ids),
            Episode.season_number > 0,
            is_out(today_of(user_id)),
        )
        .group_by(Episode.media_item_id)
    )
    return {show_id: Seen(watched, aired) for show_id, watched, aired in rows}
