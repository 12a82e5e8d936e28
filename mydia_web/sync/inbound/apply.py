"""Deciding what a source's state of one title means, and making it the user's."""

import logging
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import cast

from mydia_web.backends.values import RemoteState
from mydia_web.clock import UNKNOWN_TIME
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.acts import Act, Mark
from mydia_web.playback.history import add_play, last_unwatched_at, was_unwatched_since
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.outbox import enqueue_difference
from mydia_web.playback.records import get_progress, length_for, watched_share
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source
from mydia_web.sources.registry import backend_class
from mydia_web.sync.inbound.change import RemoteChange, as_side
from mydia_web.sync.inbound.local_state import Ledger, our_side
from mydia_web.sync.inbound.merge import Decision, Side, Strategy, agree, merge
from mydia_web.sync.inbound.report import Report

log = logging.getLogger(__name__)


class StateApplier:
    """Applies one source's changes to one user's state, and answers where the two stay apart."""

    def __init__(self, act: Act, source: Source, report: Report) -> None:
        self._act = act
        self._user_id = act.user_id
        self._source_id = source.id
        self._takes_watched = source.takes_watched
        self._takes_positions = source.takes_positions
        self._strategy = cast("Strategy", source.strategy)
        self._traits = backend_class(source.kind).traits
        self._ledger = Ledger(act, source)
        self._report = report
        #: Titles known to have no record, play or unwatching of the user.
        self.fresh: AbstractSet[ContentKey] = set()

    # A change on a page or in an event

    def apply(
        self,
        change: RemoteChange,
        ours: PlaybackProgress | None,
        *,
        is_complete: bool,
        is_another_play: bool,
    ) -> Decision:
        """Take a change over, unless it unwatches the title: that needs a second look.

        A complete reading tells the source again what it shows otherwise. `is_another_play`: where
        ours is watched, another copy on the page has just said so; each has a play of its own.
        """
        decision = self._decide(change, ours)
        is_unremarkable = decision == "nothing" and change.base is None
        if is_unremarkable and is_another_play and change.state.watched:
            decision = "again"
        if decision == "unwatched":
            return decision
        self._follow(decision, change, is_complete=is_complete)
        if self._may_still_differ(decision, change, ours):
            self._answer(change)
        return decision

    def _decide(self, change: RemoteChange, ours: PlaybackProgress | None) -> Decision:
        own = our_side(ours, change.outbox)
        base = as_side(change.base.state) if change.base else None
        theirs = self._their_side(change, own)
        decision = merge(
            base, theirs, own, ours_is_newer_than_base=change.is_owed, strategy=self._strategy
        )
        if self._have_both_changed(change, own) and not agree(theirs, own or Side()):
            self._report.conflicts += 1
            log.info(
                "both sides changed “%s”: base %s, theirs %s, ours %s: %s",
                change.item.title,
                base,
                theirs,
                own,
                decision,
                extra={"source": self._source_id},
            )
        return decision

    def _their_side(self, change: RemoteChange, own: Side | None) -> Side:
        plays = change.base.state.play_count if change.base else 0
        if change.is_finished_again:
            plays += 1
        return replace(
            as_side(change.state),
            changed_at=change.changed_at(own.changed_at if own else None),
            plays=plays,
            is_begun_again=change.is_begun_again,
            is_marked=change.is_marked,
            is_at_start=change.is_left_behind,
        )

    def _have_both_changed(self, change: RemoteChange, own: Side | None) -> bool:
        """Return whether both changed since the source last showed the title."""
        if not change.is_owed or change.base is None:
            return False
        if agree(as_side(change.base.state), as_side(change.state)):
            return False
        return own is None or own.changed_at is None or own.changed_at > change.base.seen_at

    def _follow(self, decision: Decision, change: RemoteChange, *, is_complete: bool) -> None:
        # Before the mark of the first episode is taken, which would be known from then on.
        extra = self._extra_watched(change, decision)
        if decision in ("watched", "again"):
            if self._takes_watched:
                self._report.watched += self.take_mark(change, again=decision == "again")
        elif decision == "progress":
            if self._takes_positions:
                self.take_position(change)
                self._report.positions += 1
        elif decision == "owed" and not change.is_change and not change.is_owed:
            self._tell_again(change, is_complete=is_complete)
        if extra:
            self._report.watched += self._mark_extra(change, extra)

    def _tell_again(self, change: RemoteChange, *, is_complete: bool) -> None:
        """Tell the source what it does not show.

        What it was told before, only a complete reading tells again. A source that takes a change
        and still shows otherwise would be told with every pull.
        """
        was_told = change.outbox is not None and change.base is not None
        if was_told and (not is_complete or self._shows_what_it_can(change)):
            return
        is_told = enqueue_difference(self._act, change.content, self._source_id)
        self._report.owed += is_told
        if was_told and is_told:
            self._report.healed += 1

    def _shows_what_it_can(self, change: RemoteChange) -> bool:
        """Return whether the source shows what it makes of a position like ours."""
        ours = get_progress(self._user_id, change.content)
        if ours is None or not ours.in_progress:
            return False
        own = our_side(ours) or Side()
        kept = self._traits.kept_position(own.position_ms, ours.duration_seconds * 1000)
        return agree(replace(own, position_ms=kept), as_side(change.state))

    def _may_still_differ(
        self, decision: Decision, change: RemoteChange, ours: PlaybackProgress | None
    ) -> bool:
        """Return whether the decision may leave us with another state than the source."""
        if decision == "nothing":
            return change.is_change and (change.is_owed or not _holds(ours, change))
        if change.base is None:
            return decision != "owed"
        return change.is_change

    def _answer(self, change: RemoteChange) -> None:
        """Settle what is owed where we hold what the source shows; else tell it our state.

        An account service forgets positions by itself.
        """
        if self._is_fresh(change):
            return
        db.session.flush()
        own = get_progress(self._user_id, change.content)
        if _holds(own, change):
            self._settle_owed(change.content)
            return
        is_known_there = change.base is not None and not change.is_change
        if is_known_there or not self.may_answer:
            return
        if own is None and self._strategy == "always-local":
            return
        self.answer(change.content)

    @property
    def may_answer(self) -> bool:
        """Return whether our state may be told to the source against what it shows."""
        takes_all = self._takes_watched and self._takes_positions
        return takes_all and not self._traits.accepts_unlisted

    def answer(self, content: Content) -> bool:
        """Tell the source our state instead of what it shows."""
        is_told = enqueue_difference(self._act, content, self._source_id, overrules=True)
        self._report.owed += is_told
        return is_told

    def _settle_owed(self, content: Content) -> None:
        """Settle what the source was owed and now shows. A play that it counts stays owed."""
        if not self._traits.counts_plays:
            PlaybackSyncRepository().settle_shown(self._user_id, self._source_id, content.key)

    # Single steps

    def unwatch(self, change: RemoteChange) -> None:
        """Mark the title and the extra episodes of its file unwatched; keep a position there."""
        if self._takes_watched:
            contents = [change.content, *(extra.episode for extra in change.extra)]
            for content in contents:
                self._report.unwatched += self._act.mark_unwatched(content)
        if change.state.position_ms and self._takes_positions:
            self.take_position(change)
        self._settle_owed(change.content)

    def take_report(self, change: RemoteChange) -> None:
        """Take over a report of a title without a copy on the source: only what the person did."""
        state = change.state
        if state.watched and self._takes_watched:
            self._report.watched += self.take_mark(change, again=False)
        elif state.position_ms and self._takes_positions:
            self.take_position(change)
            self._report.positions += 1
        elif not state.watched and not state.position_ms and self._takes_watched:
            self._report.unwatched += self._act.mark_unwatched(change.content)

    def take_play(self, change: RemoteChange, *, is_shown: bool) -> bool:
        """Take over a finished play, whatever was done since. Return False for a known one.

        `is_shown`: it is also the last thing that was done there.
        """
        if not self._takes_watched or change.at is None or self._knows(change):
            return False
        own = self._progress(change)
        is_watched = own is not None and own.watched
        if is_watched and not is_shown:
            return self._ledger.note(change.content, change.at)
        return self.take_mark(change, again=is_watched)

    def take_mark(self, change: RemoteChange, *, again: bool) -> bool:
        """Take over a mark. Return False for a known one.

        It removes the position, unless the title is being watched again since, there or here.
        """
        own = self._progress(change)
        if self._is_outdated(change, own, again=again):
            return self._take_late_play(change)
        at = change.played_at
        is_known = self._is_known(change)
        is_in_progress = own is not None and own.in_progress
        adds_no_play = is_known or at is None
        if again and adds_no_play and not is_in_progress:
            self._take_position_if_any(change)
            return False
        # Another copy on the same page may have brought the mark before.
        is_news = again or not _is_settled(own)
        kept = self._newer_position(change, own)
        mark = Mark(at=at, date_unknown=at is None, again=again, is_known=is_known)
        self._act.mark_watched(change.content, mark)
        if kept:
            self._save(change, *kept)
        else:
            self._take_position_if_any(change)
        return is_news

    def _take_late_play(self, change: RemoteChange) -> bool:
        """Add a play that a player reports late: it was unwatched, or watched again, since."""
        at = change.played_at
        if at is None or self._is_known(change):
            return False
        add_play(self._act, change.content, at)
        return True

    def take_position(self, change: RemoteChange) -> None:
        """Take over how far the person is there: it is new, whatever date the title has."""
        own = get_progress(self._user_id, change.content)
        at = change.at
        if at is None and change.telling != "present":
            at = change.heard_at
        if at and own is None:
            changed_after = change.changed_after or at
            if was_unwatched_since(self._user_id, change.content, changed_after):
                return
        if at and own:
            at = max(at, own.last_watched_at)
        self._save(change, change.state.position_ms // 1000, at)

    def _take_position_if_any(self, change: RemoteChange) -> None:
        if change.state.position_ms:
            self.take_position(change)

    def _save(self, change: RemoteChange, position: int, at: datetime | None) -> None:
        duration = length_for(change.content, position, change.item.runtime_seconds)
        is_end = position >= duration * watched_share(change.content)
        if is_end and at and self._ledger.knows(change.content, at):
            return
        # It starts from the stored record.
        db.session.flush()
        self._act.save_progress(
            change.content, position_seconds=position, duration_seconds=duration, at=at
        )

    # Extra episodes of a file

    def _extra_watched(self, change: RemoteChange, decision: Decision) -> Sequence[Episode]:
        """Return the extra episodes that were watched together with the first.

        A mark of the first that may be our own says nothing about the others.
        """
        if not self._takes_watched or not change.extra or not change.state.watched:
            return ()
        if decision not in ("watched", "again"):
            return () if change.was_told_mark else change.new_extra
        if change.owes_mark and not self._is_new_play(change):
            return ()
        return [extra.episode for extra in change.extra]

    def _is_new_play(self, change: RemoteChange) -> bool:
        is_theirs = change.played_at is not None and not change.mark_may_be_ours
        return is_theirs and not self._knows(change)

    def _mark_extra(self, change: RemoteChange, episodes: Sequence[Episode]) -> int:
        """Mark unwatched episodes with the date of the first; return how many were new."""
        state = RemoteState(watched=True, last_played_at=change.played_at)
        taken = 0
        for episode in episodes:
            mark = RemoteChange(
                item=change.item,
                state=state,
                content=episode,
                traits=change.traits,
                telling=change.telling,
            )
            own = self._progress(mark)
            if own is None or not own.watched:
                taken += self.take_mark(mark, again=False)
        return taken

    # What is known here

    def _progress(self, change: RemoteChange) -> PlaybackProgress | None:
        if self._is_fresh(change):
            return None
        db.session.flush()
        return get_progress(self._user_id, change.content)

    def _is_fresh(self, change: RemoteChange) -> bool:
        return change.content.key in self.fresh

    def _is_known(self, change: RemoteChange) -> bool:
        """Return whether a mark adds no play: it is in History, our own, or was only begun."""
        if change.was_finished is False or change.mark_may_be_ours:
            return True
        return self._knows(change) or self._is_known_without_date(change)

    def _knows(self, change: RemoteChange) -> bool:
        """Return whether the play is in History."""
        at = change.played_at
        if at is None or self._is_fresh(change):
            return False
        # A play from before the mark was removed is another one than a play after it.
        unwatched_at = last_unwatched_at(self._user_id, change.content)
        if unwatched_at is not None and unwatched_at >= at:
            unwatched_at = None
        return self._ledger.knows(change.content, at, since=unwatched_at)

    def _is_known_without_date(self, change: RemoteChange) -> bool:
        """Return whether the source reported the play after it showed the title as unwatched."""
        if change.played_at is not None or change.base is None or self._is_fresh(change):
            return False
        return self._ledger.has_been_told(change.content, since=change.base.seen_at)

    def _is_outdated(
        self, change: RemoteChange, own: PlaybackProgress | None, *, again: bool
    ) -> bool:
        """Return whether something else was done here since the last that was done there."""
        if change.at is None or self._is_fresh(change):
            return False
        if own and own.watched:
            return again and own.last_watched_at > change.at and not own.in_progress
        marked_after = change.marked_after or change.at
        return was_unwatched_since(self._user_id, change.content, marked_after)

    def _newer_position(
        self, change: RemoteChange, own: PlaybackProgress | None
    ) -> tuple[int, datetime] | None:
        """Return our position and its date, where a mark there is older than it."""
        if own is None or not own.in_progress:
            return None
        ours_at = own.last_watched_at
        there_at = change.changed_at(ours_at)
        if not change.state.position_ms and (there_at is None or change.telling == "play"):
            is_newer = ours_at > (change.played_at or UNKNOWN_TIME)
        elif there_at is None:
            is_newer = own.position_seconds * 1000 >= change.state.position_ms
        else:
            is_newer = ours_at >= there_at
        if not is_newer:
            return None
        return (own.position_seconds, ours_at)


def _is_settled(ours: PlaybackProgress | None) -> bool:
    """Return whether it is watched, and not being watched again."""
    return ours is not None and ours.watched and not ours.in_progress


def _holds(ours: PlaybackProgress | None, change: RemoteChange) -> bool:
    """Return whether we hold what the source shows."""
    return agree(our_side(ours) or Side(), as_side(change.state))
