"""StateApplier over what a source shows: the merge's decisions become changes, and the base moves with them."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import cast

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import Act, content_key
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.plays import with_a_past
from mydia_web.playback.progress import mark_unwatched
from mydia_web.playback.records import get_progress
from mydia_web.playback.telling import tell_source
from mydia_web.queue.models import QueuedChange
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.audience import sources_to_tell_each
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sources.registry import backend_class
from mydia_web.sources.states import Base, ShownState, keep_states, states_of
from mydia_web.sync.inbound.apply import RemoteChange, StateApplier, Telling
from mydia_web.sync.inbound.local_state import Key, OutboxState, outbox_state, progress_of, side_of
from mydia_web.sync.inbound.merge import Decision, Side, Strategy, agree, merge
from mydia_web.sync.inbound.multi_episode import extra_episodes
from mydia_web.sync.inbound.report import Report

log = logging.getLogger(__name__)

_Matched = tuple[SourceItem, RemoteItem, Content]
Removal = tuple[int, RemoteItem, Content]


class AccountMerge:
    """Merges one account's states of one source into the user's."""

    def __init__(self, act: Act, source: Source, account_id: int, report: Report) -> None:
        self._act = act
        self._source_id = source.id
        self._takes = (source.takes_watched, source.takes_positions)
        self._strategy = cast("Strategy", source.strategy)
        self._account_id = account_id
        self._traits = backend_class(source.kind).traits
        self._behind = timedelta(milliseconds=max(0, -(source.clock_skew_ms or 0)))
        self._applier = StateApplier(act, source)
        self.report = report

    def merge_page(
        self, matched: Sequence[_Matched], asked_at: datetime, telling: Telling = "present"
    ) -> list[Removal]:
        """Take the page's news over; what looks unwatched is returned, for a mass of it needs a second look.

        What the source took from us after `asked_at`, when the page was asked for, the page may not show yet.
        """
        further = extra_episodes([row.id for row, _, content in matched if isinstance(content, Episode)])
        along = [one.episode for some in further.values() for one in some]
        contents = [content for _, _, content in matched]
        bases = states_of(self._account_id, [row.id for row, _, _ in matched])
        ours, told = self._held(contents, along)
        removals: list[Removal] = []
        shown: list[ShownState] = []
        with self._foreseen([*contents, *along], ours, told):
            for row, item, content in matched:
                key, base = content_key(content), bases.get(row.id)
                if item.state is None or (base and base.seen_at >= asked_at):
                    continue
                known = (base, told.get(key), telling, self._behind, further.get(row.id, ()))
                news = RemoteChange(item, item.state, content, self._traits, *known, self._act.at)
                decision = self._decide(news, ours.get(key))
                if decision == "unwatched":
                    removals.append((row.id, item, content))
                    continue
                self._apply(decision, news)
                if self._is_left(decision, news, ours.get(key)):
                    self._answer(news)
                if base is None or base.state != item.state or self._is_seen_anew(news, base):
                    shown.append(ShownState(self._account_id, row.id, item.state, seen_at=asked_at))
        keep_states(shown)
        return removals

    def _held(
        self, listed: Sequence[Content], along: Sequence[Content]
    ) -> tuple[Mapping[Key, PlaybackProgress], Mapping[Key, OutboxState]]:
        """Of what the page lists, and of the further episodes in its files."""
        user_id, contents = self._act.user_id, [*listed, *along]
        told = outbox_state(user_id, self._source_id, contents)
        # What was not found there stands in its listing now.
        known = [told[key] for key in map(content_key, listed) if key in told]
        if found_again := [one.missing_id for one in known if one.missing_id]:
            PlaybackSyncRepository().retry(QueuedChange.id.in_(found_again))
        return progress_of(user_id, contents), told

    @contextmanager
    def _foreseen(
        self, contents: Sequence[Content], ours: Collection[Key], told: Mapping[Key, OutboxState]
    ) -> Iterator[None]:
        """Ask for all of a page what would be asked for each, and write it down together.

        What stands on the page more than once is left out: the first may change what is true of the second.
        """
        many = Counter(map(content_key, contents))
        once = [content for content in contents if many[content_key(content)] == 1]
        hearers = sources_to_tell_each(self._act.user_id, once)
        owed = {key for key, one in told.items() if one.is_owed}
        self._act.hearers = {
            key: [one for one in sources if one.source_id != self._source_id or key in owed]
            for key, sources in hearers.items()
        }
        self._applier.fresh = hearers.keys() - ours - with_a_past(self._act.user_id, once)
        try:
            with db.session.no_autoflush:
                yield
        finally:
            self._act.hearers, self._applier.fresh = {}, set()

    def take_found(self, copy: SourceItem, item: RemoteItem, content: Content) -> None:
        """Take over what a push has found there."""
        asked_at = now()
        self.unwatch(self.merge_page([(copy, item, content)], asked_at), asked_at)

    def take_event(
        self,
        copy: SourceItem,
        item: RemoteItem,
        content: Content,
        received_at: datetime,
        told_at: datetime | None,
        *,
        is_play: bool = False,
    ) -> None:
        """Take over what one event tells. A single title that is unwatched is a person's doing."""
        assert item.state is not None
        base = states_of(self._account_id, [copy.id]).get(copy.id)
        is_newest = base is None or base.seen_at < received_at
        if is_newest:
            telling: Telling = "play" if is_play else "state"
            removals = self.merge_page([(copy, item, content)], received_at, telling)
            self.unwatch(removals, received_at)
            keep_states([ShownState(self._account_id, copy.id, item.state, told_at, self._act.at)])
        if is_play:
            # What the source showed in between may have hidden it.
            self.report.watched += self.take_play(item, item.state, content, is_shown=is_newest)

    def take_play(self, item: RemoteItem, state: RemoteState, content: Content, *, is_shown: bool) -> bool:
        """Take over that it was finished then, whatever has been done since. False: that was known."""
        played = RemoteState(watched=True, last_played_at=state.last_played_at)
        news = RemoteChange(item, played, content, self._traits, telling="play")
        return self._takes[0] and self._applier.take_play(news, is_shown=is_shown)

    def take_report(self, content: Content, state: RemoteState | None, item: RemoteItem) -> None:
        """Take over a telling of which nobody knows a copy on the source: it is what the person did, no more."""
        if state is None:
            return
        news = RemoteChange(item, state, content, self._traits)
        if state.watched and self._takes[0]:
            self.report.watched += self._applier.take_mark(news, again=False)
        elif state.position_ms and self._takes[1]:
            self._applier.take_position(news, news.at)
            self.report.positions += 1
        elif not state.watched and not state.position_ms and self._takes[0]:
            self.report.unwatched += mark_unwatched(self._act.user_id, content, act=self._act)

    def unwatch(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Take over that these are unwatched, but for those that the source has taken a newer state of since."""
        further = extra_episodes(
            [item_id for item_id, _, content in removals if isinstance(content, Episode)]
        )
        bases = states_of(self._account_id, [source_item_id for source_item_id, _, _ in removals])
        for source_item_id, item, content in removals:
            assert item.state is not None
            if bases[source_item_id].seen_at >= asked_at:
                continue
            if self._takes[0]:
                for one in (content, *(more.episode for more in further.get(source_item_id, ()))):
                    self.report.unwatched += mark_unwatched(self._act.user_id, one, act=self._act)
            if item.state.position_ms and self._takes[1]:
                self._applier.take_position(RemoteChange(item, item.state, content, self._traits), None)
            keep_states([ShownState(self._account_id, source_item_id, item.state, seen_at=asked_at)])

    def _decide(self, news: RemoteChange, ours: PlaybackProgress | None) -> Decision:
        is_owed = news.is_owed
        theirs = _side(news.state)
        if self._traits.counts_starts and theirs.position_ms:
            theirs = replace(theirs, plays=0)  # What was begun is counted there, finished or not.
        sides = (_side(news.base.state) if news.base else None, theirs, side_of(ours, news.told))
        decision = merge(
            *sides,
            ours_is_newer_than_base=is_owed,
            strategy=self._strategy,
        )
        if is_owed and news.is_change:
            self.report.conflicts += 1
            words = "both sides changed “%s”: base %s, theirs %s, ours %s: %s"
            log.info(words, news.item.title, *sides, decision, extra={"source": self._source_id})
        return decision

    def _apply(self, decision: Decision, news: RemoteChange) -> None:
        takes_watched, takes_positions = self._takes
        along = self._applier.watched_along(news, decision) if takes_watched else ()
        if decision in ("watched", "again") and takes_watched:
            self.report.watched += self._applier.take_mark(news, again=decision == "again")
        elif decision == "progress" and takes_positions:
            self._applier.take_position(news, news.at)
            self.report.positions += 1
        elif decision == "owed" and not news.told and not news.is_change:
            # OutboxState once: a source that takes it and still shows otherwise is not told with every pull.
            self.report.owed += tell_source(self._act, news.content, self._source_id)
        self.report.watched += self._applier.take_along(news, along)

    def _is_left(self, decision: Decision, news: RemoteChange, ours: PlaybackProgress | None) -> bool:
        """May it be that we do not hold what the source shows, after we have followed the decision?"""
        if decision == "nothing":
            return news.is_change and not self._is_held(news, ours)
        return news.is_change or (news.base is None and decision != "owed")

    def _is_seen_anew(self, news: RemoteChange, base: Base) -> bool:
        """Does the same state tell something that it did not before?

        Only an account service's listing can say by what it leaves out that something was unwatched.
        """
        was_not_listed = self._traits.holds_everything and not base.is_listed
        return was_not_listed or bool(news.new_further)

    def _is_held(self, news: RemoteChange, ours: PlaybackProgress | None) -> bool:
        return agree(side_of(ours) or Side(), _side(news.state))

    def _answer(self, news: RemoteChange) -> None:
        """Tell the source ours, where we have not come to hold what it has changed to.

        An account service forgets positions by itself.
        """
        if (
            not all(self._takes)
            or self._traits.holds_everything
            or content_key(news.content) in self._applier.fresh
        ):
            return
        db.session.flush()
        own = get_progress(self._act.user_id, news.content)
        if self._is_held(news, own) or (own is None and self._strategy == "always-local"):
            return
        self.report.owed += tell_source(self._act, news.content, self._source_id, is_news_there=True)


def _side(state: RemoteState) -> Side:
    return Side(state.watched, state.position_ms, state.last_played_at, state.play_count)
