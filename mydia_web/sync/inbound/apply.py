"""Making the user's what a source tells of one title: its plays, its mark and its position."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from mydia_web.backends.precondition import is_like
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.history import add_play, last_unwatched_at, was_unwatched_since
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.records import get_progress, length_for, length_of, watched_share
from mydia_web.sources.models import Source
from mydia_web.sources.states import Base
from mydia_web.sync.inbound.ledger import Ledger
from mydia_web.sync.inbound.local_state import OutboxState
from mydia_web.sync.inbound.merge import Decision
from mydia_web.sync.inbound.multi_episode import ExtraEpisode

#: What is there at present; or a message, which may be late, of a state or of a play.
Telling = Literal["present", "state", "play"]
#: Dates that lie closer together are the same one: servers round them.
_SAME_DATE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteChange:
    """One title as a source shows it, or tells of it.

    `state.last_played_at` dates the play, in the way of each kind of server. It does not say how
    new the news are: that is `heard_at`, for a page the moment it was asked for.
    """

    item: RemoteItem
    state: RemoteState
    content: Content
    #: Of the source.
    traits: Traits
    base: Base | None = None
    #: None: the source was never told of it.
    outbox: OutboxState | None = None
    telling: Telling = "state"
    #: What else is in the file.
    extra: Sequence[ExtraEpisode] = ()
    #: When it was told, or seen, by our clock.
    heard_at: datetime = field(default_factory=now)
    #: A person or a program has set it, whether the title played or not.
    is_marked: bool = False
    #: It is what the server has kept when a play ended.
    is_left_behind: bool = False
    #: Whether the play that ended was a whole one; None where nothing tells.
    was_finished: bool | None = None

    @property
    def at(self) -> datetime | None:
        """The date of the play, never one to come."""
        return min(self.state.last_played_at, now()) if self.state.last_played_at else None

    @property
    def played_at(self) -> datetime | None:
        """When it was finished; None: nobody knows. The date that a source shows may be of
        something else.
        """
        at = self.at
        was = self.base.state if self.base else None
        if at is None and self.is_marked and not self.is_owed:
            return self.heard_at
        if at is None or was is None or self.telling == "play":
            return at
        if self.state.position_ms:
            return None  # It is of what was begun since.
        if (
            self.traits.dates_plays_by_start
            and not was.watched
            and _is_same_date(at, was.last_played_at)
        ):
            return (
                self.heard_at
            )  # It was marked by hand, which leaves the date of what was begun before.
        return at

    @property
    def changed_after(self) -> datetime | None:
        """From when on it may have been changed there, by our clock; None: nobody knows."""
        if self.telling != "present":
            return self.heard_at
        seen_at = self.base.seen_at if self.base else None
        dated = self.at if self._has_new_date else None
        known = [one for one in (seen_at, dated) if one is not None]
        return max(known) if known else None

    def changed_at(self, ours_at: datetime | None) -> datetime | None:
        """When it was changed there, for a comparison with a change of ours; None: that cannot be
        told.

        A message is of the time it was told. Of a page only the bounds are known, unless its date
        is of the last stop.
        """
        after = self.changed_after
        if self.telling != "present" or after is None or ours_at is None:
            return after
        if not self.traits.dates_plays_by_start and self._has_new_date and self.at is not None:
            return self.at
        if after < ours_at < self.heard_at:
            return None
        return after if ours_at <= after else min(after, self.heard_at)

    @property
    def marked_after(self) -> datetime | None:
        """Return from when on it may have been marked there; None: the date of the play tells.

        Where a play is dated by its start, a mark may stand beside an old date, and is new all the
        same.
        """
        was_unwatched = self.base is not None and not self.base.state.watched
        if self.telling == "play" or not (
            self.traits.dates_plays_by_start and was_unwatched and self.state.watched
        ):
            return None
        return self.changed_after

    @property
    def _has_new_date(self) -> bool:
        was = self.base.state.last_played_at if self.base else None
        return self.at is not None and not _is_same_date(self.at, was)

    @property
    def is_begun_again(self) -> bool:
        """Return whether it was begun since it was last seen: a start counts, and dates the title.

        A start may take the mark away. Where we have given it back since, the source may still show
        that start.
        """
        if self.base is None:
            return False
        shows_start_still = (
            self.traits.dates_plays_by_start and not self.base.is_listed and not self.is_untouched
        )
        return shows_start_still or self._has_new_count_or_date

    @property
    def _has_new_count_or_date(self) -> bool:
        if self.base is None:
            return False
        was = self.base.state
        last = was.last_played_at
        is_newer = self.at is not None and (last is None or self.at > last + _SAME_DATE)
        return self.state.play_count > was.play_count or (
            self.traits.dates_plays_by_start and is_newer
        )

    @property
    def is_untouched(self) -> bool:
        """Return whether it shows nothing of ever having been played: a person who unmarks leaves
        that.
        """
        return self.state == RemoteState(watched=False)

    @property
    def is_finished_again(self) -> bool:
        """Return whether what was watched was watched once more, as far as that can be told from
        here.
        """
        if self.base is None or not self.state.watched or self.state.position_ms:
            return False
        if not self.traits.dates_plays_by_start:
            return self.state.play_count > self.base.state.play_count
        if self.was_finished is not None:
            return self.was_finished and self._has_new_count_or_date
        return self._has_new_count_or_date and self._can_have_been_played

    @property
    def _can_have_been_played(self) -> bool:
        if self.at is None:
            return False
        length = timedelta(seconds=self.item.runtime_seconds or length_of(self.content))
        return self.heard_at - self.at >= watched_share(self.content) * length

    @property
    def mark_may_be_ours(self) -> bool:
        """It may be one that we have pushed, of which the answer was lost."""
        owes_mark = self.is_owed and self.outbox is not None and self.outbox.of_mark
        return owes_mark and not self.traits.accepts_watched_at and self.telling != "play"

    @property
    def is_owed(self) -> bool:
        return bool(self.outbox and self.outbox.is_owed)

    @property
    def is_change(self) -> bool:
        return self.base is not None and not is_like(self.base.state, self.state)

    @property
    def new_extra(self) -> Sequence[Episode]:
        """Those of which nothing that was shown before said anything."""
        base = self.base
        return [one.episode for one in self.extra if base is None or base.seen_at < one.since]


def _is_same_date(one: datetime, other: datetime | None) -> bool:
    return other is not None and abs(one - other) <= _SAME_DATE


class StateApplier:
    """Takes one source's news over for one user."""

    def __init__(self, act: Act, source: Source) -> None:
        self._act = act
        self._ledger = Ledger(act, source)
        #: Titles without a record, a play or an unwatching of the user, where that was found out.
        self.fresh: AbstractSet[ContentKey] = set()

    def take_play(self, news: RemoteChange, *, is_shown: bool) -> bool:
        """Take over that it was watched, whatever has been done since. False: that was known.

        `is_shown`: it is the last that was done there, too.
        """
        if news.at is None or self._knows(news):
            return False
        own = self._own(news)
        is_watched = bool(own and own.watched)
        if is_watched and not is_shown:
            return self._ledger.note(news.content, news.at)
        return self.take_mark(news, again=is_watched)

    def take_mark(self, news: RemoteChange, *, again: bool) -> bool:
        """A mark takes the position away; but one that is being watched again, there or here since,
        is kept.

        False: it was known.
        """
        content, at, own = news.content, news.played_at, self._own(news)
        is_known = self._is_known(news)
        if self._is_of_before(news, own, again=again):
            # A player that was offline tells late: it was seen, and unwatched or watched again
            # since.
            if is_known or at is None:
                return False
            add_play(self._act, content, at)
            return True
        is_in_progress = bool(own and own.in_progress)
        if again and (is_known or at is None) and not is_in_progress:
            self._take_position_of(news)
            return False
        # Another copy may have told it on the same page.
        is_news = again or not (own and own.watched and not is_in_progress)
        here = self._kept_here(news, own)
        self._act.mark_watched(
            content, Mark(at=at, date_unknown=at is None, again=again, is_known=is_known)
        )
        if here:
            self._save(news, *here)
        else:
            self._take_position_of(news)
        return is_news

    def _is_known(self, news: RemoteChange) -> bool:
        """Return whether this adds no play: it stands in History, is ours, or was only begun."""
        return (
            news.was_finished is False
            or news.mark_may_be_ours
            or self._knows(news)
            or self._is_undated_known(news)
        )

    def _is_undated_known(self, news: RemoteChange) -> bool:
        """Return whether the source has told of the play since it showed the title unwatched."""
        if news.played_at is not None or news.base is None or self._is_fresh(news):
            return False
        return self._ledger.has_been_told(news.content, since=news.base.seen_at)

    def _kept_here(
        self, news: RemoteChange, own: PlaybackProgress | None
    ) -> tuple[int, datetime] | None:
        """The position of ours that a mark there does not take away: it is newer."""
        if own is None or not own.in_progress:
            return None
        kept = (own.position_seconds, own.last_watched_at)
        there_at = news.changed_at(own.last_watched_at)
        if not news.state.position_ms and (there_at is None or news.telling == "play"):
            return kept if own.last_watched_at > (news.played_at or UNKNOWN_TIME) else None
        if there_at is None:
            return kept if own.position_seconds * 1000 >= news.state.position_ms else None
        return kept if own.last_watched_at >= there_at else None

    def extra_watched(self, news: RemoteChange, decision: Decision) -> Sequence[Episode]:
        """The further episodes that were watched with the first; asked before that one's mark is
        taken.

        What may be our own mark of the first says nothing of the others.
        """
        if not news.extra or not news.state.watched:
            return ()
        told_mark = bool(news.outbox and news.outbox.of_mark)
        if decision not in ("watched", "again"):
            return () if told_mark else news.new_extra
        is_told_apart = (
            news.played_at is not None and not news.mark_may_be_ours and not self._knows(news)
        )
        may_be_ours = told_mark and news.is_owed and not is_told_apart
        return () if may_be_ours else [one.episode for one in news.extra]

    def apply_to_extra(self, news: RemoteChange, episodes: Sequence[Episode]) -> int:
        """Mark these with the date of the first, but for those that are watched; how many that
        were.
        """
        state, taken = RemoteState(watched=True, last_played_at=news.played_at), 0
        for episode in episodes:
            mark = RemoteChange(
                item=news.item,
                state=state,
                content=episode,
                traits=news.traits,
                telling=news.telling,
            )
            own = self._own(mark)
            if own is None or not own.watched:
                taken += self.take_mark(mark, again=False)
        return taken

    def take_position(self, news: RemoteChange) -> None:
        """Take over how far the person is there: this is news, whatever date stands with the title."""
        user_id = self._act.user_id
        content = news.content
        own = get_progress(user_id, content)
        at = news.at if news.telling == "present" or news.at else news.heard_at
        if at and own is None and was_unwatched_since(user_id, content, news.changed_after or at):
            return
        if at and own:
            at = max(at, own.last_watched_at)
        self._save(news, news.state.position_ms // 1000, at)

    def _take_position_of(self, news: RemoteChange) -> None:
        if news.state.position_ms:
            self.take_position(news)

    def _own(self, news: RemoteChange) -> PlaybackProgress | None:
        if self._is_fresh(news):
            return None
        db.session.flush()
        return get_progress(self._act.user_id, news.content)

    def _is_fresh(self, news: RemoteChange) -> bool:
        return news.content.key in self.fresh

    def _knows(self, news: RemoteChange) -> bool:
        """Return whether its play stands in History."""
        at = None if self._is_fresh(news) else news.played_at
        if at is None:
            return False
        # What was watched before the mark was taken away is not what was watched after.
        unwatched_at = last_unwatched_at(self._act.user_id, news.content)
        since = unwatched_at if unwatched_at and unwatched_at < at else None
        return self._ledger.knows(news.content, at, since=since)

    def _is_of_before(
        self, news: RemoteChange, own: PlaybackProgress | None, *, again: bool
    ) -> bool:
        """Was something else done here since the last that was done there?"""
        if news.at is None or self._is_fresh(news):
            return False
        if own and own.watched:
            return again and own.last_watched_at > news.at and not own.in_progress
        return was_unwatched_since(self._act.user_id, news.content, news.marked_after or news.at)

    def _save(self, news: RemoteChange, position: int, at: datetime | None) -> None:
        duration = length_for(news.content, position, news.item.runtime_seconds)
        is_end = position >= duration * watched_share(news.content)
        if is_end and at and self._ledger.knows(news.content, at):
            return
        # It starts from the record as it stands.
        db.session.flush()
        self._act.save_progress(
            news.content, position_seconds=position, duration_seconds=duration, at=at
        )
