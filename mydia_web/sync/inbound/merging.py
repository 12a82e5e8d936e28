"""Taking over what a source shows: the merge's decisions become changes, and the base moves with
them.
"""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import cast

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.acts import Act
from mydia_web.playback.history import having_history
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.outbox import enqueue_difference
from mydia_web.playback.records import get_progress, length_of
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sources.recipients import sources_to_tell_each
from mydia_web.sources.registry import backend_class
from mydia_web.sources.states import Base, ShownState, keep_states, states_of
from mydia_web.sync.inbound.apply import RemoteChange, StateApplier
from mydia_web.sync.inbound.local_state import (
    OutboxState,
    differing_copies,
    lock_contents,
    outbox_state,
    progress_of,
    side_of,
)
from mydia_web.sync.inbound.merge import Decision, Side, Strategy, agree, merge
from mydia_web.sync.inbound.multi_episode import ExtraEpisode, extra_episodes
from mydia_web.sync.inbound.report import Report

log = logging.getLogger(__name__)

#: News that may be the echo of a push wait this long for the end of it.
WAIT_FOR_PUSH = timedelta(minutes=2)

_Matched = tuple[SourceItem, RemoteItem, Content]
Removal = tuple[int, RemoteItem, Content]


class PushUnderWay(Exception):
    """A change of ours is just on its way to the title there: what comes back from it is told apart
    only afterwards.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What an event says of itself, beside the state it tells."""

    #: When it happened and when it came in, by our clock; and when it happened by the server's own.
    at: datetime
    received_at: datetime
    server_time: datetime | None = None
    #: A person or a program has set it, whether the title played or not.
    is_marked: bool = False
    #: It is what the server has kept when a play ended.
    is_left_behind: bool = False
    #: It says that the title was finished.
    is_play: bool = False
    #: Whether the play that ended was a whole one; None where nothing tells.
    was_finished: bool | None = None


class AccountMerge:
    """Merges one account's states of one source into the user's."""

    def __init__(self, act: Act, source: Source, account_id: int, report: Report) -> None:
        self._act = act
        self._source_id = source.id
        self._takes = (source.takes_watched, source.takes_positions)
        self._strategy = cast("Strategy", source.strategy)
        self._account_id = account_id
        self._traits = backend_class(source.kind).traits
        self._applier = StateApplier(act, source)
        self.report = report

    @property
    def at(self) -> datetime:
        """When what is merged was done, by our clock."""
        return self._act.at

    def merge_page(
        self,
        matched: Sequence[_Matched],
        asked_at: datetime,
        *,
        told: EventContext | None = None,
        is_found: bool = False,
        is_complete: bool = False,
    ) -> list[Removal]:
        """Take the page's news over; what looks unwatched is returned, for a mass of it needs a
        second look.

        What the source took from us after `asked_at`, when the page was asked for, the page may not
        show yet. With `told` it is no page but one event; `is_found`: a push has found it, and
        wrote nothing. A complete reading tells the source again what it shows otherwise.
        """
        matched = [(row, with_position(item, content), content) for row, item, content in matched]
        extra = extra_episodes(
            [row.id for row, _, content in matched if isinstance(content, Episode)]
        )
        along = [one.episode for some in extra.values() for one in some]
        contents = [content for _, _, content in matched]
        lock_contents(self._act.user_id, [*contents, *along])
        ours, outbox = self._held(contents, along)
        # After the outbox: a push that is settled in between is still under way there, or its state
        # is kept here.
        bases = states_of(self._account_id, [row.id for row, _, _ in matched])
        removals: list[Removal] = []
        shown: list[ShownState] = []
        moved: list[Content] = []
        copies = Counter(content.key for content in contents)
        watched_before = {key for key, one in ours.items() if one.watched}
        with self._prefetched([*contents, *along], ours, outbox):
            for row, item, content in sorted(matched, key=_in_order):
                key, base = content.key, bases.get(row.id)
                if item.state is None or (base and base.seen_at >= asked_at):
                    continue
                if (
                    told is None
                    and not is_found
                    and self._is_in_question(outbox.get(key), asked_at)
                ):
                    continue
                news = self._change(
                    item, content, base, outbox.get(key), extra.get(row.id, ()), asked_at, told
                )
                own = self._held_now(content) if copies[key] > 1 else ours.get(key)
                is_another_play = copies[key] > 1 and key not in watched_before
                if self._follow(news, own, is_complete, is_another_play) == "unwatched":
                    removals.append((row.id, item, content))
                elif base is None or base.state != item.state or self._is_seen_anew(news, base):
                    moved.append(content)
                    shown.append(self._shown(row, item, asked_at))
        keep_states(shown)
        self._tell_copies(moved)
        return removals

    def _held_now(self, content: Content) -> PlaybackProgress | None:
        """Return what we hold after what another copy on the page has brought."""
        db.session.flush()
        return get_progress(self._act.user_id, content)

    def _follow(
        self,
        news: RemoteChange,
        ours: PlaybackProgress | None,
        is_complete: bool,
        is_another_play: bool,
    ) -> Decision:
        """Decide what the change means and take it over, unless it is unwatched: that needs a
        second look.

        `is_another_play`: where ours is watched, another copy on the page has told so, and each has
        a play of its own.
        """
        decision = self._decide(news, ours)
        if decision == "nothing" and is_another_play and news.base is None and news.state.watched:
            decision = "again"
        if decision != "unwatched":
            self._apply(decision, news, is_complete=is_complete)
            if self._is_left(decision, news, ours):
                self._answer(news)
        return decision

    def _shown(self, row: SourceItem, item: RemoteItem, asked_at: datetime) -> ShownState:
        assert item.state is not None
        return ShownState(
            self._account_id, row.id, item.state, seen_at=asked_at, version_id=item.resumed_version
        )

    def _is_in_question(self, outbox: OutboxState | None, asked_at: datetime) -> bool:
        """Return whether a page may show the title before or after a push that has not come back
        yet.
        """
        return outbox is not None and outbox.is_under_way and outbox.is_older_than(asked_at)

    def _change(
        self,
        item: RemoteItem,
        content: Content,
        base: Base | None,
        outbox: OutboxState | None,
        extra: Sequence[ExtraEpisode],
        asked_at: datetime,
        told: EventContext | None,
    ) -> RemoteChange:
        assert item.state is not None
        known = RemoteChange(
            item=item,
            state=item.state,
            content=content,
            traits=self._traits,
            base=base,
            outbox=outbox,
            extra=extra,
            telling="present",
            heard_at=asked_at,
        )
        if told is None:
            return known
        return replace(
            known,
            telling="play" if told.is_play else "state",
            heard_at=told.at,
            is_marked=told.is_marked,
            is_left_behind=told.is_left_behind,
            was_finished=told.was_finished,
        )

    def check_no_push_under_way(self, content: Content, received_at: datetime) -> None:
        """Raises `PushUnderWay` for news that may be the echo of what is being pushed just now."""
        if now() - received_at > WAIT_FOR_PUSH:
            return
        outbox = outbox_state(self._act.user_id, self._source_id, [content]).get(content.key)
        if outbox is not None and outbox.is_under_way:
            raise PushUnderWay

    def _held(
        self, listed: Sequence[Content], along: Sequence[Content]
    ) -> tuple[Mapping[ContentKey, PlaybackProgress], Mapping[ContentKey, OutboxState]]:
        """Of what the page lists, and of the further episodes in its files."""
        user_id, contents = self._act.user_id, [*listed, *along]
        told = outbox_state(user_id, self._source_id, contents)
        # What was not found there stands in its listing now.
        known = [told[content.key] for content in listed if content.key in told]
        if found_again := [one.missing_id for one in known if one.missing_id]:
            PlaybackSyncRepository().retry_rows(found_again)
        return progress_of(user_id, contents), told

    @contextmanager
    def _prefetched(
        self,
        contents: Sequence[Content],
        ours: Collection[ContentKey],
        outbox: Mapping[ContentKey, OutboxState],
    ) -> Iterator[None]:
        """Ask for all of a page what would be asked for each, and write it down together.

        What stands on the page more than once is left out: the first may change what is true of the
        second.
        """
        many = Counter(content.key for content in contents)
        once = [content for content in contents if many[content.key] == 1]
        recipients = sources_to_tell_each(self._act.user_id, once)
        owed = {key for key, one in outbox.items() if one.is_owed}
        self._act.recipients = {
            key: [one for one in sources if one.source_id != self._source_id or key in owed]
            for key, sources in recipients.items()
        }
        self._applier.fresh = recipients.keys() - ours - having_history(self._act.user_id, once)
        try:
            with db.session.no_autoflush:
                yield
        finally:
            self._act.recipients, self._applier.fresh = {}, set()

    def take_found(
        self, copy: SourceItem, item: RemoteItem, content: Content, asked_at: datetime
    ) -> None:
        """Take over what a push has found there when it looked."""
        self.unwatch(self.merge_page([(copy, item, content)], asked_at, is_found=True), asked_at)

    def take_event(
        self, copy: SourceItem, item: RemoteItem, content: Content, told: EventContext
    ) -> None:
        """Take over what one event tells. A single title that is unwatched is a person's doing."""
        assert item.state is not None
        base = states_of(self._account_id, [copy.id]).get(copy.id)
        is_newest = base is None or base.seen_at < told.received_at
        if is_newest:
            removals = self.merge_page([(copy, item, content)], told.received_at, told=told)
            self.unwatch(removals, told.received_at)
            kept = ShownState(
                self._account_id,
                copy.id,
                item.state,
                told.server_time,
                self._act.at,
                version_id=item.resumed_version,
            )
            keep_states([kept])
        if told.is_play:
            # What the source showed in between may have hidden it.
            self.report.watched += self._take_play(item, item.state, content, is_shown=is_newest)

    def take_old_play(
        self, copy: SourceItem, item: RemoteItem, state: RemoteState, content: Content
    ) -> bool:
        """Take over that it was finished before what was told since. False: that was known.

        The mark stands there since, beside whatever was done after it.
        """
        base = states_of(self._account_id, [copy.id]).get(copy.id)
        own = get_progress(self._act.user_id, content)
        begun_since = bool(base and base.state.position_ms and not base.state.watched)
        if begun_since and base is not None:
            watched = replace(base.state, watched=True, play_count=base.state.play_count + 1)
            keep_states(
                [ShownState(self._account_id, copy.id, watched, base.told_at, base.seen_at)]
            )
        is_shown = begun_since and own is not None and not own.watched
        return self._take_play(item, state, content, is_shown=is_shown)

    def _take_play(
        self, item: RemoteItem, state: RemoteState, content: Content, *, is_shown: bool
    ) -> bool:
        """Take over that it was finished then, whatever has been done since. False: that was known."""
        played = RemoteState(watched=True, last_played_at=state.last_played_at)
        news = RemoteChange(
            item=item, state=played, content=content, traits=self._traits, telling="play"
        )
        return self._takes[0] and self._applier.take_play(news, is_shown=is_shown)

    def take_report(self, content: Content, state: RemoteState | None, item: RemoteItem) -> None:
        """Take over a telling of which nobody knows a copy on the source: it is what the person
        did, no more.
        """
        if state is None:
            return
        news = RemoteChange(
            item=item, state=state, content=content, traits=self._traits, heard_at=self.at
        )
        if state.watched and self._takes[0]:
            self.report.watched += self._applier.take_mark(news, again=False)
        elif state.position_ms and self._takes[1]:
            self._applier.take_position(news)
            self.report.positions += 1
        elif not state.watched and not state.position_ms and self._takes[0]:
            self.report.unwatched += self._act.mark_unwatched(content)

    def keep_ours(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Tell the source again what it shows as unwatched: a person here says that nobody has
        unwatched it.
        """
        contents = [content for _, _, content in removals]
        lock_contents(self._act.user_id, contents)
        bases = states_of(self._account_id, [source_item_id for source_item_id, _, _ in removals])
        shown: list[ShownState] = []
        for source_item_id, item, content in removals:
            base = bases.get(source_item_id)
            if item.state is None or (base and base.seen_at >= asked_at):
                continue
            self.report.owed += enqueue_difference(
                self._act, content, self._source_id, overrules=True
            )
            shown.append(ShownState(self._account_id, source_item_id, item.state, seen_at=asked_at))
        keep_states(shown)

    def unwatch(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Take over that these are unwatched, but for those that the source has taken a newer state
        of since.
        """
        extra = extra_episodes(
            [item_id for item_id, _, content in removals if isinstance(content, Episode)]
        )
        contents = [content for _, _, content in removals]
        lock_contents(self._act.user_id, contents)
        bases = states_of(self._account_id, [source_item_id for source_item_id, _, _ in removals])
        for source_item_id, item, content in removals:
            assert item.state is not None
            base = bases.get(source_item_id)
            if base and base.seen_at >= asked_at:
                continue
            if self._takes[0]:
                for one in (content, *(more.episode for more in extra.get(source_item_id, ()))):
                    self.report.unwatched += self._act.mark_unwatched(one)
            news = RemoteChange(
                item=item, state=item.state, content=content, traits=self._traits, base=base
            )
            if item.state.position_ms and self._takes[1]:
                self._applier.take_position(news)
            self._settle_owed(content)
            keep_states(
                [ShownState(self._account_id, source_item_id, item.state, seen_at=asked_at)]
            )
        self._tell_copies(contents)

    def _decide(self, news: RemoteChange, ours: PlaybackProgress | None) -> Decision:
        own = side_of(ours, news.outbox)
        base = _side(news.base.state) if news.base else None
        plays = base.plays if base else 0
        theirs = replace(
            _side(news.state),
            changed_at=news.changed_at(own.changed_at if own else None),
            plays=plays + 1 if news.is_finished_again else plays,
            is_begun_again=news.is_begun_again,
            is_marked=news.is_marked,
            is_at_start=news.is_left_behind,
        )
        decision = merge(
            base, theirs, own, ours_is_newer_than_base=news.is_owed, strategy=self._strategy
        )
        if self._have_both_changed(news, own) and not agree(theirs, own or Side()):
            self.report.conflicts += 1
            words = "both sides changed “%s”: base %s, theirs %s, ours %s: %s"
            sides = (base, theirs, own)
            log.info(words, news.item.title, *sides, decision, extra={"source": self._source_id})
        return decision

    def _have_both_changed(self, news: RemoteChange, own: Side | None) -> bool:
        """Return whether something of ours is owed there that is newer than what was last shown."""
        if (
            not news.is_owed
            or news.base is None
            or agree(_side(news.base.state), _side(news.state))
        ):
            return False
        return own is None or own.changed_at is None or own.changed_at > news.base.seen_at

    def _apply(self, decision: Decision, news: RemoteChange, *, is_complete: bool) -> None:
        takes_watched, takes_positions = self._takes
        along = self._applier.extra_watched(news, decision) if takes_watched else ()
        if decision in ("watched", "again") and takes_watched:
            self.report.watched += self._applier.take_mark(news, again=decision == "again")
        elif decision == "progress" and takes_positions:
            self._applier.take_position(news)
            self.report.positions += 1
        elif decision == "owed" and not news.is_change and not news.is_owed:
            self._tell_again(news, is_complete=is_complete)
        self.report.watched += self._applier.apply_to_extra(news, along)

    def _tell_again(self, news: RemoteChange, *, is_complete: bool) -> None:
        """Tell the source what it does not show. Once told, only a complete reading tells it again.

        A source that takes a change and still shows otherwise would else be told with every pull.
        """
        was_told = news.outbox is not None and news.base is not None
        if was_told and (not is_complete or self._shows_what_it_can(news)):
            return
        is_told = enqueue_difference(self._act, news.content, self._source_id)
        self.report.owed += is_told
        if was_told and is_told:
            self.report.healed += 1

    def _shows_what_it_can(self, news: RemoteChange) -> bool:
        """Return whether this is what the source makes of a position like ours."""
        ours = get_progress(self._act.user_id, news.content)
        if ours is None or not ours.in_progress:
            return False
        own = side_of(ours) or Side()
        kept = self._traits.kept_position(own.position_ms, ours.duration_seconds * 1000)
        return agree(replace(own, position_ms=kept), _side(news.state))

    def _is_left(
        self, decision: Decision, news: RemoteChange, ours: PlaybackProgress | None
    ) -> bool:
        """May it be that we do not hold what the source shows, after we have followed the decision?"""
        if decision == "nothing":
            return news.is_change and (news.is_owed or not self._is_held(news, ours))
        return news.is_change or (news.base is None and decision != "owed")

    def _is_seen_anew(self, news: RemoteChange, base: Base) -> bool:
        """Does the same state tell something that it did not before?

        Only an account service's listing can say by what it leaves out that something was
        unwatched.
        """
        was_not_listed = self._traits.accepts_unlisted and not base.is_listed
        return was_not_listed or bool(news.new_extra)

    def _is_held(self, news: RemoteChange, ours: PlaybackProgress | None) -> bool:
        return agree(side_of(ours) or Side(), _side(news.state))

    def _answer(self, news: RemoteChange) -> None:
        """Settle what is owed to the source: nothing where we hold what it shows, else ours.

        An account service forgets positions by itself.
        """
        if news.content.key in self._applier.fresh:
            return
        db.session.flush()
        own = get_progress(self._act.user_id, news.content)
        if self._is_held(news, own):
            self._settle_owed(news.content)
            return
        if not news.is_change and news.base is not None:
            return
        if not all(self._takes) or self._traits.accepts_unlisted:
            return
        if own is None and self._strategy == "always-local":
            return
        self.report.owed += enqueue_difference(
            self._act, news.content, self._source_id, overrules=True
        )

    def _settle_owed(self, content: Content) -> None:
        """The source shows what it was still owed. A play that it counts stays owed."""
        if not self._traits.counts_plays:
            PlaybackSyncRepository().settle_shown(self._act.user_id, self._source_id, content.key)

    def _tell_copies(self, contents: Sequence[Content]) -> None:
        """Tell the source of a title that it holds more than once, where another copy shows
        something else.
        """
        if not all(self._takes) or self._traits.accepts_unlisted:
            return
        for content in differing_copies(
            self._act.user_id, self._account_id, self._source_id, contents
        ):
            self.report.owed += enqueue_difference(
                self._act, content, self._source_id, overrules=True
            )


def with_position(item: RemoteItem, content: Content) -> RemoteItem:
    """Return the item with a position in place of a share of a length that its server does not
    know.
    """
    if item.position_percent is None or item.state is None:
        return item
    length = length_of(content)
    state = replace(item.state, position_ms=round(item.position_percent * length * 10))
    return replace(item, position_percent=None, runtime_seconds=length, state=state)


def _in_order(one: _Matched) -> tuple[object, ...]:
    """Sort copies of one title by when they were played, so that the last word is that of the
    latest one.

    The rest makes the order the same however the page lists them.
    """
    _, item, content = one
    state = item.state or RemoteState(watched=False)
    played_at = state.last_played_at or UNKNOWN_TIME
    shown = (played_at, state.watched, state.position_ms, state.play_count)
    return (content.key, *shown, item.remote_id)


def _side(state: RemoteState) -> Side:
    return Side(
        state.watched, state.position_ms, plays=state.play_count, played_at=state.last_played_at
    )
