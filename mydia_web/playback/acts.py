"""An act: every way in which a person's watch state changes. None of them commits.

Doing the same thing twice changes nothing the second time and tells nobody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import add_many, db
from mydia_web.errors import InvalidValue
from mydia_web.library.content import list_episodes
from mydia_web.library.models import Content, MediaItem
from mydia_web.playback.airing import episodes_out
from mydia_web.playback.change_sets import ChangeRecorder, Recorded
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.outbox import enqueue_for_sources
from mydia_web.playback.records import (
    Snapshot,
    add_records,
    delete_records,
    is_at_end,
    length_of,
    locked_progress,
    locked_records,
    set_position,
    snapshot,
)
from mydia_web.queue.models import ChangeType

_MAX_SECONDS = 100 * 60 * 60
#: How far ahead of ours a clock may be before its time counts as lying in the future.
_CLOCK_TOLERANCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a title was watched."""

    #: When it was finished; None: now.
    at: datetime | None = None
    #: Nobody knows when it was finished.
    date_unknown: bool = False
    #: It is one more play of a title that is watched already.
    again: bool = False
    #: The play is in History already.
    is_known: bool = False


@dataclass(frozen=True, slots=True)
class _Finished:
    """A content that was just finished, and its record before that."""

    content: Content
    record: PlaybackProgress
    before: Snapshot


class Act(ChangeRecorder):
    """What one click, webhook, pull or import changes together."""

    def save_progress(
        self,
        content: Content,
        *,
        position_seconds: float,
        duration_seconds: float,
        at: datetime | None = None,
    ) -> PlaybackProgress:
        """Store the position reached at `at` (now by default); an older one changes nothing.

        Past the watched threshold the title becomes watched, and smaller positions leave it so.
        Raise `InvalidValue` for a position, duration or time that cannot be used.
        """
        duration = _checked_seconds("duration_seconds", duration_seconds)
        if duration == 0:
            raise InvalidValue("duration_seconds", "The duration must be more than 0 seconds.")
        position = min(_checked_seconds("position_seconds", position_seconds), duration)
        reached_at = _checked_time(at)
        record = locked_progress(self.user_id, content)
        if record is not None:
            if at is None:
                # What is told now is the latest, even if our clock was set back since.
                reached_at = max(reached_at, record.last_watched_at)
            is_same = _is_at(record, position, duration)
            if is_same or record.last_watched_at > reached_at:
                return record
        return self._store_position(content, record, position, duration, reached_at)

    def _store_position(
        self,
        content: Content,
        record: PlaybackProgress | None,
        position: int,
        duration: int,
        at: datetime,
    ) -> PlaybackProgress:
        before = snapshot(record)
        was_finished = record is not None and record.watched and not _is_left_off(record)
        record = record or PlaybackProgress(user_id=self.user_id)
        set_position(record, content, position, duration, at)
        db.session.add(record)
        if not is_at_end(record):
            enqueue_for_sources(self, [content], ChangeType.PROGRESS_UPDATE, position=record, at=at)
        else:
            record.watched = True
            if not was_finished:
                self._finish([_Finished(content, record, before)], played_at=at)
                return record
        self.mark_changed(content)
        return record

    def mark_watched(self, content: Content, mark: Mark | None = None) -> PlaybackProgress:
        """Make the title watched, with a play; finish a rewatch that was under way.

        Raise `InvalidValue` for a time that cannot be used.
        """
        return self.mark_many_watched([content], mark)[0]

    def mark_many_watched(
        self, contents: Sequence[Content], mark: Mark | None = None
    ) -> list[PlaybackProgress]:
        """Make these titles watched, each named once, and return their records in the same order.

        The number of statements does not grow with the number of titles; where several records
        are new, the session holds none of them.
        """
        mark = mark or Mark()
        played_at = None if mark.date_unknown else _checked_time(mark.at)
        known = locked_records(self.user_id, contents)
        records: list[PlaybackProgress] = []
        finished: list[_Finished] = []
        for content in contents:
            record = known.get(content.key)
            if record is None or not record.watched or record.in_progress or mark.again:
                finished.append(self._mark(content, record, played_at))
                record = finished[-1].record
            records.append(record)
        add_records([title.record for title in finished if title.before is None])
        self._finish(finished, played_at=played_at, is_known=mark.is_known)
        return records

    def mark_unwatched(self, content: Content) -> bool:
        """Delete the record and keep the plays; return whether there was a record."""
        return self.mark_many_unwatched([content]) == 1

    def mark_many_unwatched(self, contents: Sequence[Content]) -> int:
        """Delete the records of these and keep the plays; return the number of records."""
        known = locked_records(self.user_id, contents)
        watched = [content for content in contents if content.key in known]
        self.note_unmarked([content for content in contents if content.key not in known])
        if not watched:
            return 0
        self.record(
            ChangeType.MARK_UNWATCHED,
            [Recorded(content, snapshot(known[content.key]), None) for content in watched],
        )
        delete_records(list(known.values()))
        enqueue_for_sources(self, watched, ChangeType.MARK_UNWATCHED, at=self.at)
        for content in watched:
            self.mark_changed(content)
        return len(watched)

    def mark_show_watched(self, show: MediaItem, *, season: int | None = None) -> int:
        """Mark the episodes that are out, of one season or of all but the specials.

        Return the number of episodes that changed.
        """
        self.mark_many_watched(episodes_out(self.user_id, show.id, season=season))
        return self.changed

    def mark_show_unwatched(self, show: MediaItem, *, season: int | None = None) -> int:
        """Delete the records of one season or of all episodes; return how many there were."""
        return self.mark_many_unwatched(list_episodes(show.id, season=season))

    def _mark(
        self, content: Content, record: PlaybackProgress | None, played_at: datetime | None
    ) -> _Finished:
        """Make the record watched, at no position."""
        before = snapshot(record)
        last_watched_at = played_at or UNKNOWN_TIME
        duration = length_of(content)
        if record is None:
            record = PlaybackProgress(user_id=self.user_id)
        else:
            last_watched_at = max(last_watched_at, record.last_watched_at)
            duration = record.duration_seconds
        set_position(record, content, 0, duration, last_watched_at)
        record.watched = True
        return _Finished(content, record, before)

    def _finish(
        self, finished: Sequence[_Finished], *, played_at: datetime | None, is_known: bool = False
    ) -> None:
        """Record that these were finished, add their plays unless known, and tell the sources."""
        if not finished:
            return
        self.record(
            ChangeType.MARK_WATCHED,
            [Recorded(title.content, title.before, snapshot(title.record)) for title in finished],
        )
        contents = [title.content for title in finished]
        if not is_known:
            add_many(Play, [self._play_row(content, played_at) for content in contents])
        enqueue_for_sources(
            self,
            contents,
            ChangeType.MARK_WATCHED,
            at=played_at or now(),
            date_unknown=played_at is None,
        )
        for content in contents:
            self.mark_changed(content)

    def _play_row(self, content: Content, played_at: datetime | None) -> dict[str, Any]:
        return {
            "user_id": self.user_id,
            **content.key.columns,
            "watched_at": played_at,
            "origin": self.origin,
            "source_id": self.source_id,
            "change_set_id": self.change_set_id,
        }


def _is_at(record: PlaybackProgress, position: int, duration: int) -> bool:
    return record.position_seconds == position and record.duration_seconds == duration


def _is_left_off(record: PlaybackProgress) -> bool:
    """Return whether the position is between beginning and end, false starts included."""
    return record.completion_percentage > 0 and not is_at_end(record)


def _checked_seconds(field: str, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidValue(field, "Give a number of seconds.")
    if isinstance(value, float) and not isfinite(value):
        raise InvalidValue(field, "Give a number of seconds.")
    if value < 0:
        raise InvalidValue(field, "Seconds cannot be negative.")
    if value > _MAX_SECONDS:
        raise InvalidValue(field, f"Seconds cannot be more than {_MAX_SECONDS}.")
    return int(value)


def _checked_time(at: datetime | None) -> datetime:
    if at is None:
        return now()
    if at.tzinfo is None:
        raise InvalidValue("at", "Give the time with its zone.")
    if at > now() + _CLOCK_TOLERANCE:
        raise InvalidValue("at", "The time lies in the future.")
    try:
        # In UTC, as the database returns it: undo compares the two.
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidValue("at", "The time lies too far back.") from error
