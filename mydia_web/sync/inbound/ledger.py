"""Which plays are known already: servers tell of the same one, and date it by its beginning or by
its end.
"""

from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select

from mydia_web.library.models import Content
from mydia_web.playback.acts import Act
from mydia_web.playback.history import add_play, has_play, plays_of
from mydia_web.playback.models import Play
from mydia_web.playback.records import length_of
from mydia_web.sources.models import Source
from mydia_web.sources.registry import kinds_that_count_starts

#: Two tellings of a finished play that lie closer together are the same one.
SAME_PLAY = timedelta(minutes=10)
#: Dated and written down just then.
SAME_TIME = timedelta(seconds=5)


class Ledger:
    """The plays of one user, as one source tells of them."""

    def __init__(self, act: Act, source: Source) -> None:
        self._act = act
        self._source_id = source.id
        self._counts_starts = source.kind in kinds_that_count_starts()
        #: How far ahead its clock is; None: not so far that it matters.
        ahead = timedelta(milliseconds=source.clock_skew_ms or 0)
        self._ahead = ahead if ahead > SAME_PLAY else None

    def knows(self, content: Content, at: datetime, *, since: datetime | None = None) -> bool:
        """Was a play of that time told before, be it by another server, or by the same one without
        its date?

        Where one of two dates may be that of a beginning, plays within the length of the title are
        the same one. With `since` only what was told after it counts.
        """
        length = SAME_PLAY + timedelta(seconds=length_of(content))
        dates_starts = Play.source_id.in_(
            select(Source.id).where(Source.kind.in_(kinds_that_count_starts()))
        )
        within = Play.watched_at.between(at - length, at + length)
        near = within if self._counts_starts else and_(within, dates_starts)
        same = Play.watched_at.between(at - SAME_PLAY, at + SAME_PLAY)
        of_source = and_(Play.source_id == self._source_id, Play.inserted_at >= at)
        undated = and_(Play.watched_at.is_(None), of_source)
        told_since = (Play.inserted_at >= since,) if since else ()
        is_known = has_play(self._act.user_id, content, or_(same, near, undated), *told_since)
        return is_known or self._was_told_early(
            content, at, length if self._counts_starts else SAME_PLAY
        )

    def _was_told_early(self, content: Content, at: datetime, length: timedelta) -> bool:
        """Where its clock is ahead, a play may lie in the future when it is told: it was dated with
        the present.
        """
        if self._ahead is None:
            return False
        near = Play.watched_at.between(at - self._ahead - length, at)
        plays = plays_of(self._act.user_id, content, near, Play.source_id == self._source_id)
        return any(one.watched_at and one.inserted_at - one.watched_at < SAME_TIME for one in plays)

    def has_been_told(self, content: Content, *, since: datetime) -> bool:
        """Return whether this source has told of a play of it since then."""
        of_source = (Play.source_id == self._source_id, Play.inserted_at >= since)
        return has_play(self._act.user_id, content, *of_source)

    def note(self, content: Content, at: datetime) -> bool:
        """A play that changes nothing about how far the user is. False: it was known."""
        if self.knows(content, at):
            return False
        add_play(self._act, content, at)
        return True
