"""Taking over what a source shows: the merge's decisions become changes, and the base moves with them."""

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, cast

from sqlalchemy import false, or_, select

from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.library.content import is_one_of
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import Act, content_key
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.plays import add_play, has_play, was_unwatched_since, with_a_past
from mydia_web.playback.progress import mark_unwatched, mark_watched, save_progress
from mydia_web.playback.records import get_progress
from mydia_web.playback.telling import tell_source, tell_unwatched
from mydia_web.queue.models import QueuedChange, Status
from mydia_web.queue.repository import PlaybackSyncRepository
from mydia_web.sources.audience import sources_to_tell_each
from mydia_web.sources.models import Source, SourceItem
from mydia_web.sources.states import Base, ShownState, keep_states, states_of
from mydia_web.sync.merge import SAME_PLAY, Decision, Side, Strategy, merge

if TYPE_CHECKING:
    from mydia_web.sync.pull import Report

log = logging.getLogger(__name__)

#: (media item id, None) of a film, (None, episode id) of an episode.
_Key = tuple[int | None, int | None]
_Matched = tuple[SourceItem, RemoteItem, Content]
Removal = tuple[int, RemoteItem, Content]


class Incoming:
    """Merges one account's states of one source into the user's."""

    def __init__(self, act: Act, source: Source, account_id: int, report: "Report") -> None:
        self._act = act
        self._source_id = source.id
        self._takes = (source.takes_watched, source.takes_positions)
        self._strategy = cast("Strategy", source.strategy)
        self._account_id = account_id
        self.report = report
        #: Titles without a record, a play or an unwatching of the user, where that was found out.
        self._fresh: AbstractSet[_Key] = set()

    def merge_page(self, matched: Sequence[_Matched], asked_at: datetime) -> list[Removal]:
        """Take the page's news over; what looks unwatched is returned, for a mass of it needs a second look.

        What the source took from us after `asked_at`, when the page was asked for, the page may not show yet.
        """
        contents = [content for _, _, content in matched]
        bases = states_of(self._account_id, [row.id for row, _, _ in matched])
        ours, queued = self._progress(contents), self._queued(contents)
        removals: list[Removal] = []
        shown: list[ShownState] = []
        with self._foreseen(contents, ours, queued):
            for row, item, content in matched:
                key, base = content_key(content), bases.get(row.id)
                if item.state is None or (base and base.seen_at >= asked_at):
                    continue
                decision = self._decide(item, item.state, base, ours.get(key), is_owed=queued.get(key, False))
                if decision == "unwatched":
                    removals.append((row.id, item, content))
                    continue
                if decision != "nothing":
                    self._apply(decision, item, item.state, content, known_to_queue=key in queued)
                if base is None or base.state != item.state:
                    shown.append(ShownState(self._account_id, row.id, item.state, seen_at=asked_at))
        keep_states(shown)
        return removals

    @contextmanager
    def _foreseen(
        self, contents: Sequence[Content], ours: Collection[_Key], queued: Mapping[_Key, bool]
    ) -> Iterator[None]:
        """Ask for all of a page what would be asked for each, and write it down together.

        What stands on the page more than once is left out: the first may change what is true of the second.
        """
        many = Counter(map(content_key, contents))
        once = [content for content in contents if many[content_key(content)] == 1]
        told = sources_to_tell_each(self._act.user_id, once)
        self._act.hearers = {
            key: [one for one in sources if one.source_id != self._source_id or queued.get(key)]
            for key, sources in told.items()
        }
        self._fresh = told.keys() - ours - with_a_past(self._act.user_id, once)
        try:
            with db.session.no_autoflush:
                yield
        finally:
            self._act.hearers, self._fresh = {}, set()

    def take_event(
        self,
        copy: SourceItem,
        item: RemoteItem,
        content: Content,
        received_at: datetime,
        told_at: datetime | None,
    ) -> None:
        """Take over what one event tells. A single title that is unwatched is a person's doing."""
        base = states_of(self._account_id, [copy.id]).get(copy.id)
        if base and base.seen_at >= received_at:
            return
        removals = self.merge_page([(copy, item, content)], received_at)
        self.unwatch(removals, received_at)
        if told_at is not None and item.state is not None:
            keep_states([ShownState(self._account_id, copy.id, item.state, told_at, received_at)])

    def take_report(self, content: Content, state: RemoteState | None, item: RemoteItem) -> None:
        """Take over a telling of which nobody knows a copy on the source: it is what the person did, no more."""
        if state is None:
            return
        if state.watched and self._takes[0]:
            self._take_mark(item, state, content, state.last_played_at, again=False)
        elif state.position_ms and self._takes[1]:
            self._take_position(item, state.position_ms // 1000, content, state.last_played_at)
            self.report.positions += 1
        elif not state.watched and not state.position_ms and self._takes[0]:
            self.report.unwatched += mark_unwatched(self._act.user_id, content, act=self._act)

    def unwatch(self, removals: Sequence[Removal], asked_at: datetime) -> None:
        """Take over that these are unwatched, but for those that the source has taken a newer state of since."""
        bases = states_of(self._account_id, [source_item_id for source_item_id, _, _ in removals])
        for source_item_id, item, content in removals:
            assert item.state is not None
            if bases[source_item_id].seen_at >= asked_at:
                continue
            if self._takes[0]:
                self.report.unwatched += mark_unwatched(self._act.user_id, content, act=self._act)
            keep_states([ShownState(self._account_id, source_item_id, item.state, seen_at=asked_at)])

    def _decide(
        self,
        item: RemoteItem,
        state: RemoteState,
        base: Base | None,
        ours: PlaybackProgress | None,
        *,
        is_owed: bool,
    ) -> Decision:
        sides = (_side(base.state) if base else None, _side(state), _our_side(ours))
        decision = merge(*sides, ours_is_newer_than_base=is_owed, strategy=self._strategy)
        if is_owed and base and base.state != state:
            self.report.conflicts += 1
            words = "both sides changed “%s”: base %s, theirs %s, ours %s: %s"
            log.info(words, item.title, *sides, decision, extra={"source": self._source_id})
        return decision

    def _apply(
        self, decision: str, item: RemoteItem, state: RemoteState, content: Content, *, known_to_queue: bool
    ) -> None:
        at = min(state.last_played_at, now()) if state.last_played_at else None
        takes_watched, takes_positions = self._takes
        if decision in ("watched", "again") and takes_watched:
            self._take_mark(item, state, content, at, again=decision == "again")
        elif decision == "progress" and takes_positions:
            self._take_position(item, state.position_ms // 1000, content, at)
            self.report.positions += 1
        elif decision == "owed" and not known_to_queue:
            # Told once: a source that takes it and still shows otherwise is not told with every pull.
            tell_source(self._act, content, self._source_id)
            self.report.owed += 1

    def _take_mark(
        self, item: RemoteItem, state: RemoteState, content: Content, at: datetime | None, *, again: bool
    ) -> None:
        """A mark takes the position away; but one that is being watched again, there or here since, is kept."""
        user_id, is_fresh = self._act.user_id, content_key(content) in self._fresh
        if not is_fresh:
            db.session.flush()
        own = None if is_fresh else get_progress(user_id, content)
        is_known = not is_fresh and at and has_play(user_id, content, at, within=SAME_PLAY)
        if is_known and (again or own is None):
            return
        # Another copy may have told it on the same page.
        self.report.watched += not (own and own.watched and not own.in_progress and not again)
        if at and own is None and not is_fresh and was_unwatched_since(user_id, content, at):
            # A player that was offline tells late: it was seen, and unwatched since.
            add_play(self._act, content, at)
            tell_unwatched(self._act, content, self._source_id)
            return
        since = own and own.in_progress and own.last_watched_at > (at or UNKNOWN_TIME)
        here = (own.position_seconds, own.last_watched_at) if own and since else None
        mark_watched(user_id, content, at=at, date_unknown=at is None, again=again, act=self._act)
        if here:
            self._take_position(item, here[0], content, here[1])
        elif state.position_ms:
            self._take_position(item, state.position_ms // 1000, content, at)

    def _take_position(self, item: RemoteItem, position: int, content: Content, at: datetime | None) -> None:
        duration = item.runtime_seconds or content.runtime_seconds or 0
        # It starts from the record as it stands.
        db.session.flush()
        save_progress(
            self._act.user_id,
            content,
            position_seconds=position,
            duration_seconds=max(duration, position + 1),
            at=at,
            act=self._act,
        )

    def _progress(self, contents: Sequence[Content]) -> dict[_Key, PlaybackProgress]:
        films, episodes = _ids(contents)
        rows = db.session.scalars(
            select(PlaybackProgress).where(
                PlaybackProgress.user_id == self._act.user_id,
                is_one_of(PlaybackProgress, films, episodes),
            )
        )
        return {(row.media_item_id, row.episode_id): row for row in rows}

    def _queued(self, contents: Sequence[Content]) -> dict[_Key, bool]:
        """The contents this source was ever told of, and whether it has yet to take the latest."""
        films, episodes = _ids(contents)
        rows = db.session.execute(
            select(
                QueuedChange.media_item_id,
                QueuedChange.episode_id,
                QueuedChange.status,
                QueuedChange.id,
                QueuedChange.error_class,
            ).where(
                QueuedChange.user_id == self._act.user_id,
                QueuedChange.source_id == self._source_id,
                QueuedChange.play_key == "",
                or_(
                    QueuedChange.episode_id.in_(episodes) if episodes else false(),
                    QueuedChange.media_item_id.in_(films) & QueuedChange.episode_id.is_(None)
                    if films
                    else false(),
                ),
            )
        ).all()
        # What was not found there stands in its listing now.
        if found_again := [row.id for row in rows if row.error_class == "unmatched"]:
            PlaybackSyncRepository().retry(QueuedChange.id.in_(found_again))
        return {
            (film_id, None) if episode_id is None else (None, episode_id): status != Status.SYNCED
            for film_id, episode_id, status, _, _ in rows
        }


def _side(state: RemoteState) -> Side:
    return Side(state.watched, state.position_ms, state.last_played_at, state.play_count)


def _our_side(progress: PlaybackProgress | None) -> Side | None:
    if progress is None:
        return None
    at = progress.last_watched_at
    return Side(
        progress.watched,
        progress.position_seconds * 1000 if progress.in_progress else 0,
        at if at > UNKNOWN_TIME else None,
    )


def _ids(contents: Sequence[Content]) -> tuple[list[int], list[int]]:
    films = [one.id for one in contents if not isinstance(one, Episode)]
    return films, [one.id for one in contents if isinstance(one, Episode)]
