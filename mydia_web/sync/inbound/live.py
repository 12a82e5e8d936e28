"""Live news: what a server tells as it happens, by webhook or on an open connection.

All of it comes in by three ways. A title *plays now*: that is shown, and what the server saves of
it meanwhile waits. It *has stopped*: what was saved last is taken over. It *was marked*, or told of
without any playing: that counts at once.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mydia_web.backends.values import Event, RemoteState
from mydia_web.clock import now
from mydia_web.library.models import Content
from mydia_web.playback.records import is_position_begun, length_of, watched_share
from mydia_web.sources import playing
from mydia_web.sources.models import NowPlaying, SourceItem
from mydia_web.sources.states import Base, has_versions, states_of
from mydia_web.sync.inbound.ledger import SAME_PLAY
from mydia_web.sync.inbound.merging import AccountMerge, EventContext

#: The order of what a server tells within one moment is not fixed.
SAME_MOMENT = timedelta(seconds=2)
_NEXT = timedelta(microseconds=1)
#: A title that was left before this share of its length was only begun.
_BEGUN = 0.05


class NoNews(Exception):
    """Nothing is to be done, for the reason given."""


class UnknownTitle(NoNews):
    """It is about a title that a pull may know better than the event tells."""


class LiveNews:
    """One event about one title of one account."""

    def __init__(
        self, merge: AccountMerge, account_id: int, copy: SourceItem, content: Content, event: Event
    ) -> None:
        assert event.item is not None
        self._merge = merge
        self._account_id = account_id
        self._copy = copy
        self._content = content
        self._event = event
        self._item = event.item
        self._base = states_of(account_id, [copy.id]).get(copy.id)
        self._session = self._related(playing.session_of(account_id, copy.id))

    def _related(self, session: NowPlaying | None) -> NowPlaying | None:
        """Return the play that the event is about; one that ended at another time is another."""
        if session is None or session.ended_at is None or session.saved_at is None:
            return session
        return session if abs(self._merge.at - session.saved_at) <= SAME_PLAY else None

    def take(self, received_at: datetime) -> str:
        """Take the event over; what was done, in words. Raises `NoNews`."""
        if self._is_overtaken():
            return self._take_old_play()
        if self._is_of_another_file():
            raise NoNews("It is about another file of the title than the one that was played.")
        event = self._event
        if event.action in ("playing", "paused"):
            return self._note_position()
        if event.action == "saved" and self._is_playing():
            return self._note_saved()
        self._merge.check_no_push_under_way(self._content, received_at)
        if event.action == "played":
            return self._finish(received_at)
        if event.action == "stopped" or event.is_playing is False:
            return self._end(received_at)
        state = told_state(event, self._base, self._merge.at)
        if state is None:
            raise NoNews("It says nothing of whether it was watched, or how far.")
        return self._take(state, received_at, is_marked=event.action == "marked")

    def take_silence(self, session: NowPlaying) -> None:
        """Take over what was last heard of a player that tells nothing any more."""
        state = self._left_behind(
            session, position_ms=session.position_ms if session.tells_position else None
        )
        if state is not None:
            self._take(state, session.seen_at, is_end=True)

    def _is_overtaken(self) -> bool:
        """Return whether newer news of the title has come already."""
        base = self._base
        event = self._event
        if base is None:
            return False
        is_last_word = event.is_playing is False or event.action in ("marked", "saved")
        grace = SAME_MOMENT if is_last_word else timedelta()
        if base.told_at is not None and event.at is not None and event.at < base.told_at - grace:
            return True
        # What the server took from us came after all that it had saved before.
        return self._happened_at < (base.seen_at - grace if base.is_listed else base.seen_at)

    def _is_of_another_file(self) -> bool:
        """Return whether this says that the listed file has no position, where another one was
        played.
        """
        state = self._item.state
        is_listed = self._item.remote_id == self._copy.remote_id
        is_saved = self._event.action in ("saved", "marked")
        if state is None or state.watched or state.position_ms or not (is_saved and is_listed):
            return False
        if self._known.watched or not has_versions(self._copy.id):
            return False
        was_another = self._base is not None and self._base.version_id != ""
        return was_another or self._session is not None or state == RemoteState(watched=False)

    def _take_old_play(self) -> str:
        """What happened before the newest news is history at most: that it was finished."""
        event, told = self._event, self._item.state or RemoteState(watched=True)
        played = replace(told, last_played_at=told.last_played_at or event.at)
        if event.action == "played" and self._merge.take_old_play(
            self._copy, self._item, played, self._content
        ):
            return "1 watched, before what the server has told since."
        raise NoNews("The server has told newer news of it already.")

    def _is_playing(self) -> bool:
        if self._event.is_playing is not None:
            return self._event.is_playing
        return self._session is not None and not self._is_over(self._session)

    def _is_over(self, session: NowPlaying) -> bool:
        """Return whether the play has ended, or was not heard of for so long that it must have."""
        is_silent = session.seen_at < now() - playing.SILENT_AFTER
        return is_silent or session.taken_at is not None or session.ended_at is not None

    def _begin_anew(self) -> None:
        """What is left of a play that has ended says nothing of the next one."""
        if self._session is not None and self._is_over(self._session):
            playing.note_stopped(self._account_id, self._copy.id)

    def _note_position(self) -> str:
        event = self._event
        self._begin_anew()
        note = playing.note_position_told if event.tells_position else playing.note_playing
        position = self._item.state.position_ms if self._item.state else 0
        note(
            self._account_id,
            self._copy.id,
            position,
            paused=event.action == "paused",
            device=event.device,
        )
        return "It plays."

    def _note_saved(self) -> str:
        self._begin_anew()
        state = told_state(self._event, self._base, self._merge.at)
        if state is not None:
            playing.note_saved(self._account_id, self._copy.id, state, self._merge.at)
        return "It plays."

    def _end(self, received_at: datetime) -> str:
        """Take over what was saved last, or where it was stopped."""
        event = self._event
        state = told_state(event, self._base, self._merge.at)
        if event.action == "saved" and state is not None:
            playing.note_ended(self._account_id, self._copy.id, state, self._merge.at)
        else:
            playing.note_stopped(self._account_id, self._copy.id)
            stopped_at = (
                self._item.state.position_ms if event.tells_position and self._item.state else None
            )
            state = self._left_behind(self._session, stopped_at)
        if state is None:
            return "It has stopped."
        return self._take(state, received_at, is_end=True)

    def _left_behind(
        self, session: NowPlaying | None, position_ms: int | None
    ) -> RemoteState | None:
        """Return the state that a play has left, as far as it is known.

        What the server has saved counts. A position that was told since is closer, where it saves
        one at all.
        """
        saved = playing.saved_state(session) if session else None
        if saved is None:
            # The zero of a player that crashed says nothing.
            if not position_ms or self._was_finished(session):
                return None
            if self._is_the_end(position_ms):
                return self._played(self._dated())
            kept_ms = position_ms if self._is_begun(position_ms) else 0
            return replace(self._known, position_ms=kept_ms, last_played_at=self._dated())
        if saved.position_ms and position_ms:
            return replace(saved, position_ms=position_ms)
        return saved

    def _is_begun(self, position_ms: int) -> bool:
        """Return whether a server would keep this position: a title that is left at its beginning
        has none.
        """
        return is_position_begun(position_ms // 1000, self._length)

    def _is_the_end(self, position_ms: int) -> bool:
        """Return whether a server takes what was stopped there for watched. Of unknown length
        nothing is.
        """
        length = self._item.runtime_seconds or self._content.runtime_seconds
        return bool(length) and position_ms >= watched_share(self._content) * 1000 * (length or 0)

    @property
    def _length(self) -> int:
        return self._item.runtime_seconds or length_of(self._content)

    def _was_finished(self, session: NowPlaying | None) -> bool:
        """Return whether the title was told to be finished while it went on to play to the end of
        its credits.
        """
        state = self._known
        if not state.watched or state.last_played_at is None:
            return False
        is_of_that_play = abs(self._dated() - state.last_played_at) <= SAME_MOMENT
        return is_of_that_play or (session is not None and state.last_played_at >= session.began_at)

    def _finish(self, received_at: datetime) -> str:
        """Take over that it was finished, with what the server has saved of that."""
        session = self._session
        saved = playing.saved_state(session) if session else None
        tells_the_end = saved is not None and saved.watched and not saved.position_ms
        state = saved if saved is not None and tells_the_end else self._played(self._dated())
        playing.note_ended(self._account_id, self._copy.id, state, self._merge.at)
        return self._take(state, received_at, is_end=True, is_play=True)

    def _dated(self) -> datetime:
        """Return when it was. What was seen to begin after the date that is told was played after
        it.
        """
        told = self._item.state.last_played_at if self._item.state else None
        if told is None:
            return self._merge.at
        is_of_before = self._session is not None and told <= self._session.began_at + SAME_MOMENT
        return self._merge.at if is_of_before else told

    def _played(self, at: datetime) -> RemoteState:
        was = self._known
        is_told_twice = (
            was.watched and was.last_played_at and abs(at - was.last_played_at) < SAME_PLAY
        )
        if is_told_twice:
            return replace(was, position_ms=0)
        return RemoteState(watched=True, play_count=was.play_count + 1, last_played_at=at)

    @property
    def _known(self) -> RemoteState:
        return self._base.state if self._base else RemoteState(watched=False)

    def _take(
        self,
        state: RemoteState,
        received_at: datetime,
        *,
        is_marked: bool = False,
        is_end: bool = False,
        is_play: bool = False,
    ) -> str:
        seen_at = self._base.seen_at if self._base else received_at
        told = EventContext(
            at=self._reached_at(state) if is_end else self._happened_at,
            # Of one moment with what was seen last, it is the later word.
            received_at=max(received_at, seen_at + _NEXT),
            server_time=self._event.at,
            is_marked=is_marked,
            is_left_behind=is_end or self._event.action == "saved",
            is_play=is_play,
            was_finished=self._was_played_to_the_end(is_play=is_play) if is_end else None,
        )
        item = replace(self._item, state=state, resumed_version=self._version(state))
        self._merge.take_event(self._copy, item, self._content, told)
        return self._merge.report.news

    def _reached_at(self, state: RemoteState) -> datetime:
        """Return when the person came to where the play has ended: a player may have been paused
        there for hours.
        """
        session = self._session
        at = self._happened_at
        if session is None or session.moved_at is None or not state.position_ms:
            return at
        if abs(state.position_ms - session.position_ms) > playing.SAME_POSITION_MS:
            return at
        return min(session.moved_at, at)

    @property
    def _happened_at(self) -> datetime:
        """Return when it happened: some tell no time of the event itself, but the new date of the
        title.
        """
        tells_date_only = self._event.at is None and self._event.action in ("stopped", "played")
        return min(self._dated(), self._merge.at) if tells_date_only else self._merge.at

    def _version(self, state: RemoteState) -> str:
        """Return which file of the title the position is of. A stop names the listed one, whichever
        was played.
        """
        if not state.position_ms:
            return ""
        if self._item.remote_id and self._item.remote_id != self._copy.remote_id:
            return self._item.remote_id
        return self._base.version_id if self._base and self._event.action == "stopped" else ""

    def _was_played_to_the_end(self, *, is_play: bool) -> bool | None:
        """Return whether the play that ends was a whole one; None where nothing tells.

        A server may show a title that was only begun again as one that was finished again.
        """
        if is_play:
            return True
        stopped_ms = (
            self._item.state.position_ms
            if self._event.action == "stopped" and self._item.state
            else 0
        )
        furthest_ms = max(stopped_ms, self._session.furthest_ms if self._session else 0)
        if not furthest_ms:
            return None
        share = furthest_ms / (1000 * self._length)
        if share >= watched_share(self._content):
            return True
        return False if share < _BEGUN else None


def told_state(event: Event, base: Base | None, at: datetime) -> RemoteState | None:
    """Return the whole state the server now has: what the event tells, and what it does not as it
    was.

    A mark that says nothing of the position clears it, as every server does. `at` is when it
    happened, for what is told without a date. None: it tells nothing.
    """
    was = base.state if base else RemoteState(watched=False)
    told = event.item.state if event.item else None
    if event.action == "played":
        date = told.last_played_at if told else None
        return RemoteState(watched=True, play_count=was.play_count + 1, last_played_at=date or at)
    if told is None or not (event.tells_watched or event.tells_position):
        return None
    keeps_position = not event.tells_position and event.action != "marked"
    tells_all = event.tells_watched and event.tells_position
    return RemoteState(
        watched=told.watched if event.tells_watched else was.watched,
        position_ms=was.position_ms if keeps_position else told.position_ms,
        play_count=told.play_count if tells_all else told.play_count or was.play_count,
        last_played_at=told.last_played_at or _undated(event, was, at),
    )


def _undated(event: Event, was: RemoteState, at: datetime) -> datetime | None:
    """Return the date of what is told without one: a position is where it is now; a mark may be our
    own.
    """
    if event.tells_watched:
        return None
    return at if event.tells_position else was.last_played_at
