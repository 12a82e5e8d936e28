"""Making the user's what a source tells of one title: its plays, its mark and its position."""

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from mydia_web import config
from mydia_web.backends.base import RemoteItem, RemoteState
from mydia_web.backends.looking import is_like
from mydia_web.backends.traits import Traits
from mydia_web.clock import UNKNOWN_TIME, now
from mydia_web.db import db
from mydia_web.library.models import Content, Episode
from mydia_web.playback.acts import Act, content_key
from mydia_web.playback.models import PlaybackProgress
from mydia_web.playback.plays import add_play, was_unwatched_since
from mydia_web.playback.progress import mark_watched, save_progress
from mydia_web.playback.records import get_progress
from mydia_web.sources.models import Source
from mydia_web.sources.states import Base
from mydia_web.sync.inbound.ledger import Ledger
from mydia_web.sync.inbound.local_state import Key, OutboxState
from mydia_web.sync.inbound.merge import Decision
from mydia_web.sync.inbound.multi_episode import ExtraEpisode

#: What is there at present; or a message, which may be late, of a state or of a play.
Telling = Literal["present", "state", "play"]


@dataclass(frozen=True, slots=True)
class RemoteChange:
    """One title as a source shows it, or tells of it."""

    item: RemoteItem
    state: RemoteState
    content: Content
    #: Of the source.
    traits: Traits
    base: Base | None = None
    #: None: the source was never told of it.
    told: OutboxState | None = None
    telling: Telling = "state"
    #: How far the source's clock is behind ours, where that is known.
    behind: timedelta = timedelta()
    #: What else is in the file.
    further: Sequence[ExtraEpisode] = ()
    #: When it was told, or seen.
    heard_at: datetime = field(default_factory=now)

    @property
    def at(self) -> datetime | None:
        """When the person last did something there."""
        return min(self.state.last_played_at, now()) if self.state.last_played_at else None

    @property
    def played_at(self) -> datetime | None:
        """None: nobody knows. The date that a source shows may be of something else than the play."""
        at, was = self.at, self.base.state if self.base else None
        if at is None or was is None or self.telling == "play":
            return at
        if self.state.position_ms:
            return None  # It is of what was begun since.
        last = was.last_played_at or UNKNOWN_TIME
        if self.traits.counts_starts and not was.watched and at + self.behind <= last:
            return self.heard_at  # It was marked by hand, which leaves the date of what was begun before.
        return at

    @property
    def mark_may_be_ours(self) -> bool:
        """It may be one that we have pushed, of which the answer was lost."""
        owes_mark = self.is_owed and self.told is not None and self.told.of_mark
        return owes_mark and not self.traits.keeps_dates and self.telling != "play"

    @property
    def is_owed(self) -> bool:
        return bool(self.told and self.told.is_owed)

    @property
    def is_change(self) -> bool:
        return self.base is not None and not is_like(self.base.state, self.state)

    @property
    def new_further(self) -> Sequence[Episode]:
        """Those of which nothing that was shown before said anything."""
        base = self.base
        return [one.episode for one in self.further if base is None or base.seen_at < one.since]


class StateApplier:
    """Takes one source's news over for one user."""

    def __init__(self, act: Act, source: Source) -> None:
        self._act = act
        self._ledger = Ledger(act, source)
        #: Titles without a record, a play or an unwatching of the user, where that was found out.
        self.fresh: AbstractSet[Key] = set()

    def take_play(self, news: RemoteChange, *, is_shown: bool) -> bool:
        """Whatever has been done since: it was watched. False: that was known.

        `is_shown`: it is the last that was done there, too.
        """
        if news.at is None or self._knows(news):
            return False
        own = self._own(news)
        is_watched = bool(own and own.watched)
        if is_watched or is_shown:
            return self.take_mark(news, again=is_watched)
        return self._ledger.note(news.content, news.at)

    def take_mark(self, news: RemoteChange, *, again: bool) -> bool:
        """A mark takes the position away; but one that is being watched again, there or here since, is kept.

        False: it was known.
        """
        content, at, own = news.content, news.played_at, self._own(news)
        is_known = news.mark_may_be_ours or self._knows(news)
        if self._is_of_before(news, own, again=again):
            # A player that was offline tells late: it was seen, and unwatched or watched again since.
            if is_known or at is None:
                return False
            add_play(self._act, content, at)
            return True
        if again and (is_known or at is None):
            self._take_position_of(news)
            return False
        # Another copy may have told it on the same page.
        is_news = again or not (own and own.watched and not own.in_progress)
        since = own and own.in_progress and own.last_watched_at > (at or UNKNOWN_TIME)
        here = (own.position_seconds, own.last_watched_at) if own and since else None
        user_id, is_undated = self._act.user_id, at is None
        mark_watched(
            user_id, content, at=at, date_unknown=is_undated, again=again, is_known=is_known, act=self._act
        )
        if here:
            self._save(news, *here)
        else:
            self._take_position_of(news)
        return is_news

    def watched_along(self, news: RemoteChange, decision: Decision) -> Sequence[Episode]:
        """The further episodes that were watched with the first; asked before that one's mark is taken.

        What may be our own mark of the first says nothing of the others.
        """
        if not news.further or not news.state.watched:
            return ()
        told_mark = bool(news.told and news.told.of_mark)
        if decision not in ("watched", "again"):
            return () if told_mark else news.new_further
        is_told_apart = news.played_at is not None and not news.mark_may_be_ours and not self._knows(news)
        may_be_ours = told_mark and news.is_owed and not is_told_apart
        return () if may_be_ours else [one.episode for one in news.further]

    def take_along(self, news: RemoteChange, episodes: Sequence[Episode]) -> int:
        """Mark these with the date of the first, but for those that are watched; how many that were."""
        state, taken = RemoteState(watched=True, last_played_at=news.played_at), 0
        for episode in episodes:
            mark = RemoteChange(news.item, state, episode, news.traits, telling=news.telling)
            own = self._own(mark)
            if own is None or not own.watched:
                taken += self.take_mark(mark, again=False)
        return taken

    def take_position(self, news: RemoteChange, at: datetime | None) -> None:
        """What a source shows at present has come after what it took from us, whatever its clock says."""
        user_id, content = self._act.user_id, news.content
        own = get_progress(user_id, content)
        if at and own is None and was_unwatched_since(user_id, content, at):
            return
        if at and own and news.telling == "present":
            at = max(at, own.last_watched_at)
        self._save(news, news.state.position_ms // 1000, at)

    def _take_position_of(self, news: RemoteChange) -> None:
        if news.state.position_ms:
            self.take_position(news, news.at)

    def _own(self, news: RemoteChange) -> PlaybackProgress | None:
        if self._is_fresh(news):
            return None
        db.session.flush()
        return get_progress(self._act.user_id, news.content)

    def _is_fresh(self, news: RemoteChange) -> bool:
        return content_key(news.content) in self.fresh

    def _knows(self, news: RemoteChange) -> bool:
        at = None if self._is_fresh(news) else news.played_at
        return at is not None and self._ledger.knows(news.content, at)

    def _is_of_before(self, news: RemoteChange, own: PlaybackProgress | None, *, again: bool) -> bool:
        """Was something else done here since the last that was done there?"""
        if news.at is None or self._is_fresh(news):
            return False
        if own and own.watched:
            return again and own.last_watched_at > news.at and not own.in_progress
        return was_unwatched_since(self._act.user_id, news.content, news.at)

    def _save(self, news: RemoteChange, position: int, at: datetime | None) -> None:
        duration = max(news.item.runtime_seconds or news.content.runtime_seconds or 0, position + 1)
        share = config.settings().watched_share(of_episode=news.content.content_kind == "episode")
        is_end = position >= duration * share
        if is_end and at and self._ledger.knows(news.content, at):
            return
        # It starts from the record as it stands.
        db.session.flush()
        save_progress(
            self._act.user_id,
            news.content,
            position_seconds=position,
            duration_seconds=duration,
            at=at,
            act=self._act,
        )
