"""How far a user is in a film or episode: saving positions, marking watched and unwatched.

Every function may be called twice: the second call changes nothing and tells nobody. None commits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import isfinite
from typing import Any, Literal

from sqlalchemy import delete, select
from sqlalchemy.orm.attributes import flag_modified

from mydia_web import config
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import add_many, db, insert_many
from mydia_web.errors import InvalidValue
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import ORIGINS, Act, State, snapshot
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.records import locked_progress, locked_records
from mydia_web.playback.telling import enqueue_for_sources
from mydia_web.queue.models import ChangeType

#: The length taken for a title that is marked watched while nobody knows its runtime.
DEFAULT_MOVIE_SECONDS = 2 * 60 * 60
DEFAULT_EPISODE_SECONDS = 45 * 60
#: Less than both of these is a false start, not something to continue.
_BEGUN_SECONDS = 60
_BEGUN_PERCENT = 5
_MAX_SECONDS = 100 * 60 * 60
#: Lengths are rounded: a title plays on for so much of its own at most.
_RUNS_OVER = 1.1
#: A clock may be this far ahead of ours before a time counts as lying in the future.
_CLOCK_TOLERANCE = timedelta(minutes=5)


def list_user_progress(
    user_id: int,
    *,
    watched: bool | None = None,
    limit: int | None = None,
    order_by: Literal["last_watched_at", "updated_at", "completion_percentage"] = "last_watched_at",
) -> Sequence[PlaybackProgress]:
    """The user's progress records, highest first by `order_by`."""
    columns = {name: getattr(PlaybackProgress, name) for name in _ORDERS}
    if order_by not in columns:
        raise InvalidValue("order_by", f"Choose one of: {', '.join(_ORDERS)}.")
    query = select(PlaybackProgress).where(PlaybackProgress.user_id == user_id)
    if watched is not None:
        query = query.where(PlaybackProgress.watched == watched)
    query = query.order_by(columns[order_by].desc(), PlaybackProgress.id.desc())
    return db.session.scalars(query.limit(limit)).all()


_ORDERS = ("last_watched_at", "updated_at", "completion_percentage")


def save_progress(
    user_id: int,
    content: Content,
    *,
    position_seconds: float,
    duration_seconds: float,
    at: datetime | None = None,
    origin: str = "player",
    act: Act | None = None,
) -> PlaybackProgress:
    """Keep the position; at `WATCHED_AT` of the duration the title is watched, and stays so at
    smaller positions.

    `at` is when it was there, now by default; news older than what is known change nothing. Raises
    `InvalidValue` for `position_seconds`, `duration_seconds`, `at` or `origin`.
    """
    with _acting(user_id, origin, act) as own_act:
        return _save(own_act, content, position_seconds, duration_seconds, at)


def mark_watched(
    user_id: int,
    content: Content,
    *,
    at: datetime | None = None,
    origin: str = "web",
    date_unknown: bool = False,
    again: bool = False,
    is_known: bool = False,
    act: Act | None = None,
) -> PlaybackProgress:
    """Make it watched, with a play at `at` (now by default; or, with `date_unknown`, without a
    date).

    Needs no earlier progress. A rewatch that was under way is finished by it; `again` says that
    this is one more play of what is watched already; `is_known`, that the play stands in History.
    Raises `InvalidValue`.
    """
    mark = Mark(at=at, date_unknown=date_unknown, again=again, is_known=is_known)
    with _acting(user_id, origin, act) as own_act:
        return mark_many_watched(own_act, [content], mark)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a mark is meant: see `mark_watched`."""

    at: datetime | None = None
    date_unknown: bool = False
    again: bool = False
    is_known: bool = False


def mark_many_watched(
    act: Act, contents: Sequence[Content], mark: Mark | None = None
) -> list[PlaybackProgress]:
    """Make these watched, each as `mark_watched` says it, and return their records in the same
    order.

    The number of statements does not grow with that of the contents, none of which may be named
    twice. Of several that are new the session holds none.
    """
    mark = mark or Mark()
    played_at = None if mark.date_unknown else _checked_time(mark.at)
    known = locked_records(act.user_id, contents)
    records: list[PlaybackProgress] = []
    finished: list[_Finished] = []
    for content in contents:
        progress = known.get(content.key)
        if progress is None or not progress.watched or progress.in_progress or mark.again:
            finished.append(_marked(act, content, progress, played_at))
            progress = finished[-1].progress
        records.append(progress)
    add_records([one.progress for one in finished if one.before is None])
    _finish(act, finished, played_at=played_at, is_known=mark.is_known)
    return records


def mark_unwatched(
    user_id: int, content: Content, *, origin: str = "web", act: Act | None = None
) -> bool:
    """Take the record away; its plays stay. False where there was none."""
    with _acting(user_id, origin, act) as own_act:
        return mark_many_unwatched(own_act, [content]) == 1


delete_progress = mark_unwatched


def mark_many_unwatched(act: Act, contents: Sequence[Content]) -> int:
    """Take the records of these away, as `mark_unwatched`, and return how many there were."""
    known = locked_records(act.user_id, contents)
    unmarked = [content for content in contents if content.key in known]
    act.note_unmarked([content for content in contents if content.key not in known])
    if not unmarked:
        return 0
    act.record_many(
        ChangeType.MARK_UNWATCHED,
        [(content, snapshot(known[content.key]), None) for content in unmarked],
    )
    delete_records(list(known.values()))
    enqueue_for_sources(act, unmarked, ChangeType.MARK_UNWATCHED, at=act.at)
    for content in unmarked:
        act.touched(content)
    return len(unmarked)


def add_records(records: Sequence[PlaybackProgress]) -> None:
    """Keep new records. Of several, which one statement inserts, the session holds none."""
    if len(records) == 1:
        db.session.add(records[0])
    elif records:
        columns = PlaybackProgress.__table__.c.keys()
        rows = [
            {name: value for name, value in vars(one).items() if name in columns} for one in records
        ]
        insert_many(PlaybackProgress, rows)


def delete_records(records: Sequence[PlaybackProgress]) -> None:
    """Delete these, all by one statement."""
    if not records:
        return
    ids = [record.id for record in records]
    db.session.execute(
        delete(PlaybackProgress).where(PlaybackProgress.id.in_(ids)),
        execution_options={"synchronize_session": False},
    )
    for record in records:
        db.session.expunge(record)


def _save(
    act: Act, content: Content, position: float, duration: float, at: datetime | None
) -> PlaybackProgress:
    duration_seconds = _checked_seconds("duration_seconds", duration)
    if duration_seconds == 0:
        raise InvalidValue("duration_seconds", "The duration must be more than 0 seconds.")
    position_seconds = min(_checked_seconds("position_seconds", position), duration_seconds)
    is_now, at = at is None, _checked_time(at)
    progress = locked_progress(act.user_id, content)
    if progress and is_now:
        # It is news, even while the clock stands before what it showed earlier.
        at = max(at, progress.last_watched_at)
    same = progress and (progress.position_seconds, progress.duration_seconds) == (
        position_seconds,
        duration_seconds,
    )
    if progress and (same or progress.last_watched_at > at):
        return progress
    before = snapshot(progress)
    was_finished = progress is not None and progress.watched and not _is_left_off(progress)
    progress = progress or PlaybackProgress(user_id=act.user_id)
    put(progress, content, position_seconds, duration_seconds, at)
    db.session.add(progress)
    if _is_end(progress):
        progress.watched = True
        if not was_finished:
            _finish(act, [_Finished(content, progress, before)], played_at=at)
            return progress
    else:
        enqueue_for_sources(act, [content], ChangeType.PROGRESS_UPDATE, position=progress, at=at)
    act.touched(content)
    return progress


def _is_end(progress: PlaybackProgress) -> bool:
    """Is so much of it played that it is watched?"""
    share = config.settings().watched_share(of_episode=progress.episode_id is not None)
    return progress.completion_percentage >= share * 100


def is_position_begun(position_seconds: int, duration_seconds: int) -> bool:
    """Return whether this is more than a false start."""
    return (
        position_seconds >= _BEGUN_SECONDS
        or 100 * position_seconds >= _BEGUN_PERCENT * duration_seconds
    )


def is_begun(progress: PlaybackProgress) -> bool:
    """Is this position one to continue from: neither a false start nor the end?"""
    started = is_position_begun(progress.position_seconds, progress.duration_seconds)
    return started and not _is_end(progress)


def _is_left_off(progress: PlaybackProgress) -> bool:
    """Does it stand between its beginning and its end, be it only a false start?"""
    return progress.completion_percentage > 0 and not _is_end(progress)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A content that was just finished, and a snapshot of its record from before."""

    content: Content
    progress: PlaybackProgress
    before: State


def _marked(
    act: Act, content: Content, progress: PlaybackProgress | None, played_at: datetime | None
) -> _Finished:
    """Set the record to what a mark makes of it: watched, and at no position."""
    before = snapshot(progress)
    duration = progress.duration_seconds if progress else length_of(content)
    last = max(played_at or UNKNOWN_TIME, progress.last_watched_at if progress else UNKNOWN_TIME)
    progress = progress or PlaybackProgress(user_id=act.user_id)
    put(progress, content, 0, duration, last)
    progress.watched = True
    return _Finished(content, progress, before)


def _finish(
    act: Act, finished: Sequence[_Finished], *, played_at: datetime | None, is_known: bool = False
) -> None:
    """Write down that these were finished, each with a play unless that is known, and tell the
    servers.
    """
    if not finished:
        return
    act.record_many(
        ChangeType.MARK_WATCHED,
        [(one.content, one.before, snapshot(one.progress)) for one in finished],
    )
    if not is_known:
        add_many(Play, [_play(act, one.content, played_at) for one in finished])
    contents = [one.content for one in finished]
    at = played_at or now()
    enqueue_for_sources(
        act, contents, ChangeType.MARK_WATCHED, at=at, date_unknown=played_at is None
    )
    for content in contents:
        act.touched(content)


def _play(act: Act, content: Content, played_at: datetime | None) -> dict[str, Any]:
    return {
        "user_id": act.user_id,
        **content.key.columns,
        "watched_at": played_at,
        "origin": act.origin,
        "source_id": act.source_id,
        "change_set_id": act.change_set_id,
    }


def put(
    progress: PlaybackProgress,
    content: Content,
    position_seconds: int,
    duration_seconds: int,
    at: datetime,
) -> None:
    """Set the position and all that follows from it."""
    progress.set_content(content)
    progress.position_seconds = position_seconds
    progress.duration_seconds = duration_seconds
    progress.completion_percentage = round(100 * position_seconds / duration_seconds, 4)
    progress.in_progress = is_begun(progress)
    progress.last_watched_at = at
    progress.dismissed_at = None
    progress.watched = bool(progress.watched)
    if progress.id is not None:
        # Written whole: records of which the same columns change are written together.
        for column in _STATE:
            flag_modified(progress, column)


_STATE = (
    "position_seconds",
    "duration_seconds",
    "completion_percentage",
    "in_progress",
    "last_watched_at",
    "dismissed_at",
    "watched",
)


def watched_share(content: Content) -> float:
    """Return from which share of its length on the title counts as watched."""
    return config.settings().watched_share(of_episode=isinstance(content, Episode))


def length_of(content: Content) -> int:
    """Return its length in seconds, or the one that is taken where nobody knows it."""
    default = DEFAULT_EPISODE_SECONDS if isinstance(content, Episode) else DEFAULT_MOVIE_SECONDS
    return content.runtime_seconds or default


def length_for(content: Content, position_seconds: int, told_seconds: int | None = None) -> int:
    """Return the length in seconds by which a position is measured, where a source may have told
    one.

    A position finishes no title of which nobody knows the length, nor one that is said to end well
    before it.
    """
    known = told_seconds or content.runtime_seconds
    if known and position_seconds <= known * _RUNS_OVER:
        return max(known, position_seconds + 1)
    not_the_end = int(position_seconds / watched_share(content)) + 1
    return max(length_of(content), not_the_end)


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
        # As the database will give it back: undo compares what was with what is.
        return at.astimezone(UTC)
    except OverflowError as error:
        raise InvalidValue("at", "The time lies too far back.") from error


@contextmanager
def _acting(user_id: int, origin: str, act: Act | None) -> Iterator[Act]:
    """Yield the act that a change of this user belongs to: the one given, or one of its own that
    ends with it.
    """
    if act is not None:
        if act.user_id != user_id:
            raise ValueError("This act is another person's.")
        yield act
        return
    if origin not in ORIGINS:
        raise InvalidValue("origin", f"Choose one of: {', '.join(ORIGINS)}.")
    with Act(user_id, origin) as own_act:
        yield own_act
