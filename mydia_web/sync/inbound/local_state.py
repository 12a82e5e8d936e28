"""What we hold of the titles that a source shows: progress, known plays, and what it was told."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, false, func, or_, select

from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db, lock_titles
from mydia_web.library.models import Content, ContentKey
from mydia_web.playback.acts import Act
from mydia_web.playback.history import add_play, has_play, plays_of
from mydia_web.playback.models import Play, PlaybackProgress
from mydia_web.playback.records import length_of
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.sources.models import Source, SourceItem, SourceItemState
from mydia_web.sources.registry import kinds_that_count_starts
from mydia_web.sync.inbound.merge import Side, agree

#: Two reports of a finished play closer together than this are the same play.
SAME_PLAY = timedelta(minutes=10)
#: A play dated this shortly before it was stored was dated with the present.
_SAME_TIME = timedelta(seconds=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxState:
    """The latest change that a source was told, or is yet to be told, of a title."""

    #: When the person did it.
    at: datetime
    is_owed: bool
    #: It sets or removes a mark; an earlier mark may have arrived without our knowing.
    of_mark: bool = False
    #: When a worker began to push it; None: no push is under way.
    taken_up_at: datetime | None = None
    #: The id of the queued change, where the source did not have the title.
    missing_id: int | None = None

    @property
    def is_under_way(self) -> bool:
        return self.taken_up_at is not None

    def is_older_than(self, asked_at: datetime) -> bool:
        """Return whether a page asked for then may show this change, or a newer one."""
        if self.at <= asked_at:
            return True
        return self.taken_up_at is not None and self.taken_up_at <= asked_at


def lock_contents(user_id: int, contents: Iterable[Content]) -> None:
    """Lock the titles of these contents; call it before reading the user's state of them."""
    lock_titles((user_id, content.title_id) for content in contents)


def progress_of(user_id: int, contents: Sequence[Content]) -> dict[ContentKey, PlaybackProgress]:
    keys = [content.key for content in contents]
    query = select(PlaybackProgress).where(
        PlaybackProgress.user_id == user_id, PlaybackProgress.of_any(keys)
    )
    return {progress.content_key: progress for progress in db.session.scalars(query)}


def outbox_state(
    user_id: int, source_id: int, contents: Sequence[Content]
) -> dict[ContentKey, OutboxState]:
    """Return the outbox state of those contents that the source was ever told of."""
    row = QueuedChange
    is_under_way = func.coalesce(row.lease_until > now(), false())
    query = select(
        row.id,
        row.media_item_id,
        row.episode_id,
        row.status,
        row.error_class,
        row.intent_at,
        row.completed,
        row.last_attempt_at,
        is_under_way.label("is_under_way"),
    ).where(
        row.user_id == user_id,
        row.source_id == source_id,
        row.play_key == "",
        row.of_any([content.key for content in contents]),
    )
    return {
        ContentKey.from_columns(queued.media_item_id, queued.episode_id): OutboxState(
            at=queued.intent_at,
            is_owed=queued.status != Status.SYNCED,
            of_mark=queued.completed is not None,
            taken_up_at=queued.last_attempt_at if queued.is_under_way else None,
            missing_id=queued.id if queued.error_class == "unmatched" else None,
        )
        for queued in db.session.execute(query)
    }


def our_side(progress: PlaybackProgress | None, outbox: OutboxState | None = None) -> Side | None:
    """Return our side of the merge; None: we hold nothing.

    A missing record that is owed to the source was removed when that change was made.
    """
    if progress is None:
        if outbox is None or not outbox.is_owed:
            return None
        return Side(changed_at=outbox.at)
    watched_at = progress.last_watched_at
    return Side(
        watched=progress.watched,
        position_ms=progress.position_seconds * 1000 if progress.in_progress else 0,
        changed_at=watched_at if watched_at > UNKNOWN_TIME else None,
    )


def differing_copies(
    user_id: int, account_id: int, source_id: int, contents: Sequence[Content]
) -> Sequence[Content]:
    """Return the contents with several copies on the source, one of which differs from our state.

    Contents that are owed to the source anyway are left out: a push goes to every copy.
    """
    if not contents:
        return ()
    shown = _shown_by_copies(account_id, source_id, contents)
    several = [content for content in contents if len(shown.get(content.key, ())) > 1]
    if not several:
        return ()
    db.session.flush()
    progress = progress_of(user_id, several)
    outbox = outbox_state(user_id, source_id, several)
    differing = []
    for content in several:
        state = outbox.get(content.key)
        is_owed = state is not None and state.is_owed
        ours = our_side(progress.get(content.key)) or Side()
        if not is_owed and not _all_agree(shown[content.key], ours):
            differing.append(content)
    return differing


def _shown_by_copies(
    account_id: int, source_id: int, contents: Sequence[Content]
) -> Mapping[ContentKey, Sequence[Side]]:
    """Return, by content, what each copy on the source last showed."""
    item = SourceItem
    state = SourceItemState
    own_state = (state.source_item_id == item.id) & (state.source_account_id == account_id)
    rows = db.session.execute(
        select(item.media_item_id, item.episode_id, state.watched, state.position_ms)
        .outerjoin(state, own_state)
        .where(item.source_id == source_id, item.of_any([content.key for content in contents]))
    )
    shown: dict[ContentKey, list[Side]] = {}
    for film_id, episode_id, watched, position_ms in rows:
        side = Side(watched=bool(watched), position_ms=position_ms or 0)
        shown.setdefault(ContentKey.from_columns(film_id, episode_id), []).append(side)
    return shown


def _all_agree(copies: Collection[Side], ours: Side) -> bool:
    return all(agree(ours, copy) for copy in copies)


class Ledger:
    """The plays of one user, to compare with the plays that one source reports.

    Servers report the same play, and date it by its start or by its end.
    """

    def __init__(self, act: Act, source: Source) -> None:
        self._act = act
        self._source_id = source.id
        self._counts_starts = source.kind in kinds_that_count_starts()
        ahead = timedelta(milliseconds=source.clock_skew_ms or 0)
        #: How far the source's clock is ahead; None: not far enough to matter.
        self._ahead = ahead if ahead > SAME_PLAY else None

    def knows(self, content: Content, at: datetime, *, since: datetime | None = None) -> bool:
        """Return whether a play of that time is known, from any server.

        A play that this source reported earlier without a date counts as well. Where one of two
        dates may be that of a start, plays within the length of the title are the same one. With
        `since`, only plays stored after it count.
        """
        length = SAME_PLAY + timedelta(seconds=length_of(content))
        is_same = Play.watched_at.between(at - SAME_PLAY, at + SAME_PLAY)
        is_near: ColumnElement[bool] = Play.watched_at.between(at - length, at + length)
        if not self._counts_starts:
            starting = select(Source.id).where(Source.kind.in_(kinds_that_count_starts()))
            is_near = and_(is_near, Play.source_id.in_(starting))
        is_undated = and_(
            Play.watched_at.is_(None), Play.source_id == self._source_id, Play.inserted_at >= at
        )
        conditions = [or_(is_same, is_near, is_undated)]
        if since:
            conditions.append(Play.inserted_at >= since)
        if has_play(self._act.user_id, content, *conditions):
            return True
        return self._was_reported_early(content, at, length)

    def _was_reported_early(self, content: Content, at: datetime, length: timedelta) -> bool:
        """Return whether the play was dated with the present because its date lay in the future.

        That happens where the source's clock is ahead.
        """
        if self._ahead is None:
            return False
        spread = length if self._counts_starts else SAME_PLAY
        is_near = Play.watched_at.between(at - self._ahead - spread, at)
        plays = plays_of(self._act.user_id, content, is_near, Play.source_id == self._source_id)
        return any(
            play.watched_at and play.inserted_at - play.watched_at < _SAME_TIME for play in plays
        )

    def has_been_told(self, content: Content, *, since: datetime) -> bool:
        """Return whether this source has reported a play of it since then."""
        by_source = (Play.source_id == self._source_id, Play.inserted_at >= since)
        return has_play(self._act.user_id, content, *by_source)

    def note(self, content: Content, at: datetime) -> bool:
        """Add a play that leaves the user's progress as it is. Return False for a known one."""
        if self.knows(content, at):
            return False
        add_play(self._act, content, at)
        return True
