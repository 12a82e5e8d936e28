"""One title as a source shows it or tells of it, and the dates that follow from that."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from mydia_web.backends.precondition import is_like
from mydia_web.backends.traits import Traits
from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.library.models import Content, Episode
from mydia_web.playback.records import length_of, watched_share
from mydia_web.sources.states import Base
from mydia_web.sync.inbound.local_state import OutboxState
from mydia_web.sync.inbound.merge import Side
from mydia_web.sync.inbound.multi_episode import ExtraEpisode

#: The present state on a page; or a message, possibly late, about a state or a play.
Telling = Literal["present", "state", "play"]
#: Dates closer together than this are the same one: servers round them.
_SAME_DATE = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteChange:
    """One title as a source shows it or tells of it.

    `state.last_played_at` dates the play, in the way of each kind of server. It does not say how
    recent the change is: `heard_at` does.
    """

    item: RemoteItem
    state: RemoteState
    content: Content
    #: The traits of the source's kind.
    traits: Traits
    base: Base | None = None
    #: None: the source was never told of the title.
    outbox: OutboxState | None = None
    telling: Telling = "state"
    #: Further episodes in the same file.
    extra: Sequence[ExtraEpisode] = ()
    #: When a message was sent, or a page was asked for, by our clock.
    heard_at: datetime = field(default_factory=now)
    #: A person or a program set the state, whether or not the title played.
    is_marked: bool = False
    #: The server kept this state when a play ended.
    is_left_behind: bool = False
    #: Whether the play that ended was a whole one; None: unknown.
    was_finished: bool | None = None

    @property
    def is_owed(self) -> bool:
        return self.outbox is not None and self.outbox.is_owed

    @property
    def was_told_mark(self) -> bool:
        """Return whether the source was told a mark, or is yet to be told one."""
        return self.outbox is not None and self.outbox.of_mark

    @property
    def owes_mark(self) -> bool:
        return self.is_owed and self.was_told_mark

    @property
    def is_change(self) -> bool:
        """Return whether the source showed something else before."""
        return self.base is not None and not is_like(self.base.state, self.state)

    @property
    def is_untouched(self) -> bool:
        """Return whether the title looks never played, as it does after a person unmarks it."""
        return self.state == RemoteState(watched=False)

    @property
    def new_extra(self) -> Sequence[Episode]:
        """Return the extra episodes that joined the file after it was last seen."""
        base = self.base
        return [extra.episode for extra in self.extra if base is None or base.seen_at < extra.since]

    @property
    def mark_may_be_ours(self) -> bool:
        """Return whether the mark may be one that we pushed without seeing the answer."""
        return self.owes_mark and not self.traits.accepts_watched_at and self.telling != "play"

    # Dates

    @property
    def at(self) -> datetime | None:
        """Return the date of the play, never one in the future."""
        if self.state.last_played_at is None:
            return None
        return min(self.state.last_played_at, now())

    @property
    def played_at(self) -> datetime | None:
        """Return when the title was finished; None: unknown.

        The date that a source shows may belong to something other than the last play.
        """
        at = self.at
        if at is None:
            is_their_mark = self.is_marked and not self.is_owed
            return self.heard_at if is_their_mark else None
        if self.base is None or self.telling == "play":
            return at
        if self.state.position_ms:
            return None  # The date belongs to what was started since.
        was_started_before = not self.base.state.watched and not self._has_new_date
        if self.traits.dates_plays_by_start and was_started_before:
            return self.heard_at  # Marked by hand, which leaves the date of the earlier start.
        return at

    @property
    def changed_after(self) -> datetime | None:
        """Return the earliest time of the change there, by our clock; None: unknown."""
        if self.telling != "present":
            return self.heard_at
        bounds = []
        if self.base is not None:
            bounds.append(self.base.seen_at)
        at = self.at
        if at is not None and self._has_new_date:
            bounds.append(at)
        return max(bounds, default=None)

    def changed_at(self, ours_at: datetime | None) -> datetime | None:
        """Return when it changed there, to compare with our change; None: undecidable.

        A message is as old as its sending. For a page only bounds are known, unless its date is
        that of the last stop.
        """
        after = self.changed_after
        if self.telling != "present" or after is None or ours_at is None:
            return after
        is_dated_by_stop = not self.traits.dates_plays_by_start and self._has_new_date
        if is_dated_by_stop and self.at is not None:
            return self.at
        if after < ours_at < self.heard_at:
            return None
        if ours_at > after:
            return min(after, self.heard_at)
        return after

    @property
    def marked_after(self) -> datetime | None:
        """Return the earliest time of the mark; None: the date of the play tells.

        Where plays are dated by their start, a new mark may come with an old date.
        """
        if self.telling == "play" or not self.traits.dates_plays_by_start:
            return None
        was_unwatched = self.base is not None and not self.base.state.watched
        if was_unwatched and self.state.watched:
            return self.changed_after
        return None

    @property
    def _has_new_date(self) -> bool:
        at = self.at
        if at is None:
            return False
        previous = self.base.state.last_played_at if self.base else None
        return previous is None or abs(at - previous) > _SAME_DATE

    # Repeated plays

    @property
    def is_begun_again(self) -> bool:
        """Return whether it was started since it was last seen, where a start counts or dates it.

        A start may remove the mark. If we have restored the mark since, the source may still show
        that start.
        """
        if self.base is None:
            return False
        took_ours = self.traits.dates_plays_by_start and not self.base.is_listed
        still_shows_start = took_ours and not self.is_untouched
        return still_shows_start or self._has_new_count_or_date

    @property
    def is_finished_again(self) -> bool:
        """Return whether a watched title was watched once more, as far as that can be told."""
        base = self.base
        if base is None or not self.state.watched or self.state.position_ms:
            return False
        if not self.traits.dates_plays_by_start:
            return self.state.play_count > base.state.play_count
        if self.was_finished is not None:
            return self.was_finished and self._has_new_count_or_date
        return self._has_new_count_or_date and self._can_have_been_played

    @property
    def _has_new_count_or_date(self) -> bool:
        if self.base is None:
            return False
        previous = self.base.state
        if self.state.play_count > previous.play_count:
            return True
        at = self.at
        if at is None or not self.traits.dates_plays_by_start:
            return False
        last = previous.last_played_at
        return last is None or at > last + _SAME_DATE

    @property
    def _can_have_been_played(self) -> bool:
        """Return whether enough time has passed since the start to reach the watched threshold."""
        at = self.at
        if at is None:
            return False
        length = timedelta(seconds=self.item.runtime_seconds or length_of(self.content))
        return self.heard_at - at >= watched_share(self.content) * length


def as_side(state: RemoteState) -> Side:
    """Return a source's state as a side of the merge."""
    return Side(
        watched=state.watched,
        position_ms=state.position_ms,
        plays=state.play_count,
        played_at=state.last_played_at,
    )
