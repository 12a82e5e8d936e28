"""Merging what a source shows into a user's state; what it showed last becomes the next base."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from mydia_web.backends.values import RemoteItem, RemoteState
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.library.models import Content, ContentKey, Episode
from mydia_web.playback.acts import Act
from mydia_web.playback.history import having_history
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.records import get_progress, length_of
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sources.recipients import sources_to_tell_each
from mydia_web.sources.registry import backend_class
from mydia_web.sources.states import Base, ShownState, keep_states, states_of
from mydia_web.sync.inbound.apply import StateApplier
from mydia_web.sync.inbound.change import RemoteChange
from mydia_web.sync.inbound.local_state import (
    OutboxState,
    differing_copies,
    lock_contents,
    outbox_state,
    progress_of,
)
from mydia_web.sync.inbound.matching import MatchedItem
from mydia_web.sync.inbound.merge import Decision
from mydia_web.sync.inbound.multi_episode import ExtraEpisode, extra_episodes
from mydia_web.sync.inbound.report import Report

#: How long an event that may be the echo of a push waits for the end of the push.
WAIT_FOR_PUSH = timedelta(minutes=2)


class Removal(NamedTuple):
    """A title that a source shows as unwatched; its row may be gone when that is followed."""

    source_item_id: int
    item: RemoteItem
    content: Content


class PushUnderWay(Exception):
    """A change of ours is on its way to the title; its echo can only be told apart afterwards."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What an event says about itself, beside the state."""

    #: When it happened and when it came in, by our clock.
    at: datetime
    received_at: datetime
    #: When it happened, by the server's clock.
    server_time: datetime | None = None
    #: A person or a program set the state, whether or not the title played.
    is_marked: bool = False
    #: The server kept this state when a play ended.
    is_left_behind: bool = False
    #: It says that the title was finished.
    is_play: bool = False
    #: Whether the play that ended was a whole one; None: unknown.
    was_finished: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """How the states came in: on a page, from a push that looked first, or in an event."""

    #: What the source took from us later, a page may not show yet.
    asked_at: datetime
    event: EventContext | None = None
    #: A push found it, and wrote nothing.
    is_found: bool = False
    #: Everything is being read.
    is_complete: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """What we hold of the titles on a page."""

    #: Listed contents, and the extra episodes in their files.
    contents: Sequence[Content]
    #: By source item id, as are the bases.
    extra: Mapping[int, Sequence[ExtraEpisode]]
    bases: Mapping[int, Base]
    progress: Mapping[ContentKey, PlaybackProgress]
    outbox: Mapping[ContentKey, OutboxState]
    #: How many copies of each content are on the page.
    copies: Mapping[ContentKey, int]
    #: What was watched before the page was merged.
    watched: frozenset[ContentKey]


class AccountMerge:
    """Merges one account's states on one source into the user's."""

    def __init__(self, act: Act, source: Source, account_id: int, report: Report) -> None:
        self._act = act
        self._source_id = source.id
        self._account_id = account_id
        self._traits = backend_class(source.kind).traits
        self._applier = StateApplier(act, source, report)
        self.report = report

    @property
    def at(self) -> datetime:
        """When the merged changes were made, by our clock."""
        return self._act.at

    # Ways in

    def merge_page(
        self, matched: Sequence[MatchedItem], asked_at: datetime, *, is_complete: bool = False
    ) -> list[Removal]:
        """Take over a page; return what looks unwatched, since many at once need a second look.

        `asked_at`: when the page was asked for. A complete reading tells the source again what it
        shows otherwise.
        """
        return self._merge(matched, _Reading(asked_at=asked_at, is_complete=is_complete))

    def take_found(
        self, copy: SourceItem, item: RemoteItem, content: Content, asked_at: datetime
    ) -> None:
        """Take over what a push found when it looked before writing."""
        match = MatchedItem(copy, item, content)
        self.unwatch(self._merge([match], _Reading(asked_at=asked_at, is_found=True)), asked_at)

    def take_event(
        self, copy: SourceItem, item: RemoteItem, content: Content, event: EventContext
    ) -> None:
        """Take over one event. A single title that is unwatched is a person's doing."""
        assert item.state is not None
        received_at = event.received_at
        base = self._base(copy)
        is_newest = base is None or base.seen_at < received_at
        if is_newest:
            match = MatchedItem(copy, item, content)
            removals = self._merge([match], _Reading(asked_at=received_at, event=event))
            self.unwatch(removals, received_at)
            shown = ShownState(
                account_id=self._account_id,
                source_item_id=copy.id,
                state=item.state,
                told_at=event.server_time,
                seen_at=self._act.at,
                version_id=item.resumed_version,
            )
            keep_states([shown])
        if event.is_play:
            # What the source showed in between may have hidden it.
            self.report.watched += self._take_play(item, item.state, content, is_shown=is_newest)

    def take_old_play(
        self, copy: SourceItem, item: RemoteItem, state: RemoteState, content: Content
    ) -> bool:
        """Take over a play that ended before the latest event. Return False for a known one.

        Its mark still stands beside whatever was done later.
        """
        base = self._base(copy)
        was_begun_since = False
        if base is not None:
            was_begun_since = bool(base.state.position_ms) and not base.state.watched
        if base is not None and was_begun_since:
            watched = replace(base.state, watched=True, play_count=base.state.play_count + 1)
            shown = ShownState(
                account_id=self._account_id,
                source_item_id=copy.id,
                state=watched,
                told_at=base.told_at,
                seen_at=base.seen_at,
            )
            keep_states([shown])
        own = get_progress(self._act.user_id, content)
        is_shown = was_begun_since and own is not None and not own.watched
        return self._take_play(item, state, content, is_shown=is_shown)

    def take_report(self, content: Content, state: RemoteState | None, item: RemoteItem) -> None:
        """Take over a report of a title of which no copy on the source is known."""
        if state is None:
            return
        self._applier.take_report(
            RemoteChange(
                item=item, state=state, content=content, traits=self._traits, heard_at=self.at
            )
        )

    def check_no_push_under_way(self, content: Content, received_at: datetime) -> None:
        """Raise `PushUnderWay` for an event that may be the echo of a push under way."""
        if now() - received_at > WAIT_FOR_PUSH:
            return
        outbox = outbox_state(self._act.user_id, self._source_id, [content]).get(content.key)
        if outbox is not None and outbox.is_under_way:
            raise PushUnderWay

    # Removals

    def unwatch(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Take over removals, except where the source has taken a newer state since `asked_at`."""
        extra = extra_episodes(
            [removal.source_item_id for removal in removals if isinstance(removal.content, Episode)]
        )
        contents = [removal.content for removal in removals]
        for removal, state, base in self._current(removals, contents, asked_at):
            self._applier.unwatch(
                RemoteChange(
                    item=removal.item,
                    state=state,
                    content=removal.content,
                    traits=self._traits,
                    base=base,
                    extra=extra.get(removal.source_item_id, ()),
                )
            )
            keep_states([self._shown_at(removal, state, asked_at)])
        self._answer_for_copies(contents)

    def keep_ours(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Tell the source our state again: a person says that nobody has unwatched these."""
        contents = [removal.content for removal in removals]
        shown: list[ShownState] = []
        for removal, state, _ in self._current(removals, contents, asked_at):
            self._applier.answer(removal.content)
            shown.append(self._shown_at(removal, state, asked_at))
        keep_states(shown)

    def _current(
        self, removals: Sequence[Removal], contents: Sequence[Content], asked_at: datetime
    ) -> Iterator[tuple[Removal, RemoteState, Base | None]]:
        """Lock these, and yield those of which nothing newer was seen, with their bases."""
        lock_contents(self._act.user_id, contents)
        item_ids = [removal.source_item_id for removal in removals]
        bases = states_of(self._account_id, item_ids)
        for removal in removals:
            base = bases.get(removal.source_item_id)
            is_overtaken = base is not None and base.seen_at >= asked_at
            if removal.item.state is not None and not is_overtaken:
                yield removal, removal.item.state, base

    def _shown_at(self, removal: Removal, state: RemoteState, asked_at: datetime) -> ShownState:
        return ShownState(
            account_id=self._account_id,
            source_item_id=removal.source_item_id,
            state=state,
            seen_at=asked_at,
        )

    # The merge

    def _merge(self, matched: Sequence[MatchedItem], reading: _Reading) -> list[Removal]:
        matched = [
            match._replace(item=with_position(match.item, match.content)) for match in matched
        ]
        held = self._lock_and_load(matched)
        removals: list[Removal] = []
        shown: list[ShownState] = []
        moved: list[Content] = []
        with self._prefetched(held):
            for match in sorted(matched, key=_by_time_played):
                state = match.item.state
                if state is None or _is_stale(match, held, reading):
                    continue
                change = self._change(match, state, held, reading)
                decision = self._apply(change, held, is_complete=reading.is_complete)
                if decision == "unwatched":
                    removals.append(Removal(match.copy.id, match.item, match.content))
                elif self._is_news(change):
                    moved.append(match.content)
                    shown.append(self._shown(match, state, reading.asked_at))
        keep_states(shown)
        self._answer_for_copies(moved)
        return removals

    def _lock_and_load(self, matched: Sequence[MatchedItem]) -> _Held:
        user_id = self._act.user_id
        listed = [match.content for match in matched]
        episode_ids = [match.copy.id for match in matched if isinstance(match.content, Episode)]
        extra = extra_episodes(episode_ids)
        extra_contents = [one.episode for episodes in extra.values() for one in episodes]
        contents = [*listed, *extra_contents]
        lock_contents(user_id, contents)
        outbox = outbox_state(user_id, self._source_id, contents)
        self._retry_missing(listed, outbox)
        progress = progress_of(user_id, contents)
        # After the outbox: a push that is settled in between is still under way there, or its state
        # is kept here.
        bases = states_of(self._account_id, [match.copy.id for match in matched])
        return _Held(
            contents=contents,
            extra=extra,
            bases=bases,
            progress=progress,
            outbox=outbox,
            copies=Counter(content.key for content in listed),
            watched=frozenset(key for key, record in progress.items() if record.watched),
        )

    def _retry_missing(
        self, listed: Sequence[Content], outbox: Mapping[ContentKey, OutboxState]
    ) -> None:
        """Retry pushes that failed because the source did not have the title it lists now."""
        known = [outbox[content.key] for content in listed if content.key in outbox]
        if found_again := [one.missing_id for one in known if one.missing_id]:
            PlaybackSyncRepository().retry_rows(found_again)

    @contextmanager
    def _prefetched(self, held: _Held) -> Iterator[None]:
        """Ask once for the whole page what would be asked for each title, and flush once.

        Titles that are on the page more than once are left out: the first copy may change what
        holds for the second.
        """
        number = Counter(content.key for content in held.contents)
        once = [content for content in held.contents if number[content.key] == 1]
        recipients = sources_to_tell_each(self._act.user_id, once)
        owed = {key for key, outbox in held.outbox.items() if outbox.is_owed}
        self._act.recipients = {
            key: [
                target for target in targets if target.source_id != self._source_id or key in owed
            ]
            for key, targets in recipients.items()
        }
        having_past = having_history(self._act.user_id, once)
        self._applier.fresh = recipients.keys() - held.progress.keys() - having_past
        try:
            with db.session.no_autoflush:
                yield
        finally:
            self._act.recipients = {}
            self._applier.fresh = set()

    def _change(
        self, match: MatchedItem, state: RemoteState, held: _Held, reading: _Reading
    ) -> RemoteChange:
        change = RemoteChange(
            item=match.item,
            state=state,
            content=match.content,
            traits=self._traits,
            base=held.bases.get(match.copy.id),
            outbox=held.outbox.get(match.content.key),
            extra=held.extra.get(match.copy.id, ()),
            telling="present",
            heard_at=reading.asked_at,
        )
        event = reading.event
        if event is None:
            return change
        return replace(
            change,
            telling="play" if event.is_play else "state",
            heard_at=event.at,
            is_marked=event.is_marked,
            is_left_behind=event.is_left_behind,
            was_finished=event.was_finished,
        )

    def _apply(self, change: RemoteChange, held: _Held, *, is_complete: bool) -> Decision:
        key = change.content.key
        ours = held.progress.get(key)
        has_several_copies = held.copies[key] > 1
        if has_several_copies:
            # Another copy on the page may have changed it.
            db.session.flush()
            ours = get_progress(self._act.user_id, change.content)
        return self._applier.apply(
            change,
            ours,
            is_complete=is_complete,
            is_another_play=has_several_copies and key not in held.watched,
        )

    def _is_news(self, change: RemoteChange) -> bool:
        """Return whether the shown state, or what it says by now, differs from what is stored.

        Only an account service's listing can say by what it omits that something was unwatched.
        """
        base = change.base
        if base is None or base.state != change.state:
            return True
        is_listed_now = self._traits.accepts_unlisted and not base.is_listed
        return is_listed_now or bool(change.new_extra)

    def _shown(self, match: MatchedItem, state: RemoteState, asked_at: datetime) -> ShownState:
        return ShownState(
            account_id=self._account_id,
            source_item_id=match.copy.id,
            state=state,
            seen_at=asked_at,
            version_id=match.item.resumed_version,
        )

    def _answer_for_copies(self, contents: Sequence[Content]) -> None:
        """Tell the source our state of titles of which another copy shows something else."""
        if not self._applier.may_answer:
            return
        for content in differing_copies(
            self._act.user_id, self._account_id, self._source_id, contents
        ):
            self._applier.answer(content)

    def _base(self, copy: SourceItem) -> Base | None:
        return states_of(self._account_id, [copy.id]).get(copy.id)

    def _take_play(
        self, item: RemoteItem, state: RemoteState, content: Content, *, is_shown: bool
    ) -> bool:
        """Take over a finished play, whatever was done since. Return False for a known one."""
        played = RemoteChange(
            item=item,
            state=RemoteState(watched=True, last_played_at=state.last_played_at),
            content=content,
            traits=self._traits,
            telling="play",
        )
        return self._applier.take_play(played, is_shown=is_shown)


def with_position(item: RemoteItem, content: Content) -> RemoteItem:
    """Return the item with a position instead of a share of a length unknown to its server."""
    if item.position_percent is None or item.state is None:
        return item
    length = length_of(content)
    state = replace(item.state, position_ms=round(item.position_percent * length * 10))
    return replace(item, position_percent=None, runtime_seconds=length, state=state)


def _is_stale(match: MatchedItem, held: _Held, reading: _Reading) -> bool:
    """Return whether something newer is known, or may be after a push that is under way."""
    base = held.bases.get(match.copy.id)
    if base is not None and base.seen_at >= reading.asked_at:
        return True
    outbox = held.outbox.get(match.content.key)
    is_page = reading.event is None and not reading.is_found
    if outbox is None or not is_page:
        return False
    return outbox.is_under_way and outbox.is_older_than(reading.asked_at)


def _by_time_played(match: MatchedItem) -> tuple[object, ...]:
    """Sort the copies of a title by when they were played, so that the latest has the last word.

    The rest of the key makes the order independent of the page's.
    """
    state = match.item.state or RemoteState(watched=False)
    return (
        match.content.key,
        state.last_played_at or UNKNOWN_TIME,
        state.watched,
        state.position_ms,
        state.play_count,
        match.item.remote_id,
    )
