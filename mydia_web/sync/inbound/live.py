"""Applying one event about one title, as it comes by webhook or on an open connection.

There are three cases. The title *plays now*: that is shown, and what the server saves meanwhile
waits. It *has stopped*: what was saved last is taken over. It *was marked*, or reported without
playing: that counts at once.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from mydia_web.backends.values import Event, RemoteItem, RemoteState
from mydia_web.clock import now
from mydia_web.library.models import Content
from mydia_web.playback.records import is_position_begun, length_of, watched_share
from mydia_web.sources import playing
from mydia_web.sources.models import NowPlaying, SourceItem
from mydia_web.sources.states import Base, has_versions, states_of
from mydia_web.sync.inbound.local_state import SAME_PLAY
from mydia_web.sync.inbound.merging import AccountMerge, EventContext

#: Within one moment, events may come in any order.
SAME_MOMENT = timedelta(seconds=2)
_NEXT = timedelta(microseconds=1)
#: A title that was stopped before this share of its length was only begun.
_BEGUN = 0.05


class NothingToDo(Exception):
    """The event changes nothing, for the reason given."""


class UnknownTitle(NothingToDo):
    """The title may be recognised by a pull, which tells more about it."""


class EventApplier:
    """Applies one event about one title of one account."""

    def __init__(
        self,
        merge: AccountMerge,
        account_id: int,
        copy: SourceItem,
        content: Content,
        event: Event,
        item: RemoteItem,
    ) -> None:
        self._merge = merge
        self._account_id = account_id
        self._copy = copy
        self._content = content
        self._event = event
        self._item = item
        self._told = item.state
        self._told_position_ms = item.state.position_ms if item.state else 0
        self._base = states_of(account_id, [copy.id]).get(copy.id)
        #: What the source last showed.
        self._shown = self._base.state if self._base else RemoteState(watched=False)
        self._session = self._same_play(playing.session_of(account_id, copy.id))

    def _same_play(self, session: NowPlaying | None) -> NowPlaying | None:
        """Return the session, unless its play ended at another time than this event's."""
        if session is None or session.ended_at is None or session.saved_at is None:
            return session
        if abs(self._merge.at - session.saved_at) > SAME_PLAY:
            return None
        return session

    def apply(self, received_at: datetime) -> str:
        """Take the event over; return in words what was done. Raise `NothingToDo`."""
        if self._is_overtaken():
            return self._take_old_play()
        if self._is_of_another_file():
            raise NothingToDo("It is about another file of the title than the one that was played.")
        event = self._event
        if event.action in ("playing", "paused"):
            return self._note_position()
        if event.action == "saved" and self._is_playing():
            return self._note_saved()
        self._merge.check_no_push_under_way(self._content, received_at)
        if event.action == "played":
            return self._take_finished_play(received_at)
        if event.action == "stopped" or event.is_playing is False:
            return self._take_stop(received_at)
        state = self._told_state()
        if state is None:
            raise NothingToDo("It says nothing of whether it was watched, or how far.")
        return self._take(state, received_at, is_marked=event.action == "marked")

    def apply_silence(self, session: NowPlaying) -> None:
        """Take over the last known state of a player that has gone silent."""
        position_ms = session.position_ms if session.tells_position else None
        state = self._state_after_stop(session, position_ms)
        if state is not None:
            self._take(state, session.seen_at, is_end=True)

    # Late events

    def _is_overtaken(self) -> bool:
        """Return whether something newer about the title came in before."""
        base = self._base
        if base is None:
            return False
        event = self._event
        grace = timedelta()
        if event.is_playing is False or event.action in ("marked", "saved"):
            grace = SAME_MOMENT  # It is the last word of its moment.
        if base.told_at is not None and event.at is not None and event.at < base.told_at - grace:
            return True
        if not base.is_listed:
            # What the server took from us came after everything that it had saved before.
            grace = timedelta()
        return self._happened_at < base.seen_at - grace

    def _take_old_play(self) -> str:
        """Add a play to History: nothing else counts that happened before the latest event."""
        if self._event.action == "played":
            told = self._told or RemoteState(watched=True)
            played = replace(told, last_played_at=told.last_played_at or self._event.at)
            if self._merge.take_old_play(self._copy, self._item, played, self._content):
                return "1 watched, before what the server has told since."
        raise NothingToDo("The server has told newer news of it already.")

    def _is_of_another_file(self) -> bool:
        """Return whether the event clears the listed file, while another file was played."""
        if self._shown.watched or not self._clears_listed_file():
            return False
        if not has_versions(self._copy.id):
            return False
        if self._session is not None or self._told == RemoteState(watched=False):
            return True
        return self._base is not None and self._base.version_id != ""

    def _clears_listed_file(self) -> bool:
        if self._told is None or self._told.watched or self._told.position_ms:
            return False
        is_saved = self._event.action in ("saved", "marked")
        return is_saved and self._item.remote_id == self._copy.remote_id

    # While it plays

    def _is_playing(self) -> bool:
        if self._event.is_playing is not None:
            return self._event.is_playing
        return self._session is not None and not _is_over(self._session)

    def _forget_ended_play(self) -> None:
        """Forget what is left of a play that has ended: it says nothing of the next one."""
        if self._session is not None and _is_over(self._session):
            playing.note_stopped(self._account_id, self._copy.id)

    def _note_position(self) -> str:
        event = self._event
        self._forget_ended_play()
        note = playing.note_position_told if event.tells_position else playing.note_playing
        note(
            self._account_id,
            self._copy.id,
            self._told_position_ms,
            paused=event.action == "paused",
            device=event.device,
        )
        return "It plays."

    def _note_saved(self) -> str:
        self._forget_ended_play()
        state = self._told_state()
        if state is not None:
            playing.note_saved(self._account_id, self._copy.id, state, self._merge.at)
        return "It plays."

    # When it has ended

    def _take_finished_play(self, received_at: datetime) -> str:
        """Take over a finished play, with what the server saved of it."""
        saved = _saved_state(self._session)
        if saved is not None and saved.watched and not saved.position_ms:
            state = saved
        else:
            state = self._finished_at(self._played_at)
        playing.note_ended(self._account_id, self._copy.id, state, self._merge.at)
        return self._take(state, received_at, is_end=True, is_play=True)

    def _take_stop(self, received_at: datetime) -> str:
        """Take over what was saved last, or where it stopped."""
        told = self._told_state()
        if self._event.action == "saved" and told is not None:
            playing.note_ended(self._account_id, self._copy.id, told, self._merge.at)
            return self._take(told, received_at, is_end=True)
        playing.note_stopped(self._account_id, self._copy.id)
        position_ms = self._told_position_ms if self._event.tells_position else None
        state = self._state_after_stop(self._session, position_ms)
        if state is None:
            return "It has stopped."
        return self._take(state, received_at, is_end=True)

    def _state_after_stop(
        self, session: NowPlaying | None, position_ms: int | None
    ) -> RemoteState | None:
        """Return the state that a play has left, as far as it is known.

        What the server saved counts. If it saved a position, one told later is more exact.
        """
        saved = _saved_state(session)
        if saved is not None:
            if saved.position_ms and position_ms:
                return replace(saved, position_ms=position_ms)
            return saved
        # The 0 of a player that crashed says nothing.
        if not position_ms or self._was_finished(session):
            return None
        played_at = self._played_at
        if self._is_past_threshold(position_ms):
            return self._finished_at(played_at)
        # Servers keep no position for a title that was left at its beginning.
        if not is_position_begun(position_ms // 1000, self._length):
            position_ms = 0
        return replace(self._shown, position_ms=position_ms, last_played_at=played_at)

    def _is_past_threshold(self, position_ms: int) -> bool:
        """Return whether a server counts a stop there as watched; never for an unknown length."""
        length = self._item.runtime_seconds or self._content.runtime_seconds
        if not length:
            return False
        return position_ms >= watched_share(self._content) * 1000 * length

    def _was_finished(self, session: NowPlaying | None) -> bool:
        """Return whether the title was reported as finished, and played on through its credits."""
        last_played_at = self._shown.last_played_at
        if not self._shown.watched or last_played_at is None:
            return False
        if abs(self._played_at - last_played_at) <= SAME_MOMENT:
            return True
        return session is not None and last_played_at >= session.began_at

    def _finished_at(self, at: datetime) -> RemoteState:
        last_played_at = self._shown.last_played_at
        if self._shown.watched and last_played_at and abs(at - last_played_at) < SAME_PLAY:
            return replace(self._shown, position_ms=0)  # The same play, reported twice.
        return RemoteState(watched=True, play_count=self._shown.play_count + 1, last_played_at=at)

    def _was_played_to_the_end(self) -> bool | None:
        """Return whether the play that ends was a whole one; None: unknown.

        A server may show a title that was only begun again as one that was finished again.
        """
        furthest_ms = 0
        if self._event.action == "stopped":
            furthest_ms = self._told_position_ms
        if self._session:
            furthest_ms = max(furthest_ms, self._session.furthest_ms)
        if not furthest_ms:
            return None
        share = furthest_ms / (1000 * self._length)
        if share >= watched_share(self._content):
            return True
        return False if share < _BEGUN else None

    # The merge

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
        context = EventContext(
            at=self._reached_at(state) if is_end else self._happened_at,
            # Within one moment with what was seen last, it is the later word.
            received_at=max(received_at, seen_at + _NEXT),
            server_time=self._event.at,
            is_marked=is_marked,
            is_left_behind=is_end or self._event.action == "saved",
            is_play=is_play,
        )
        if is_end:
            was_finished = is_play or self._was_played_to_the_end()
            context = replace(context, was_finished=was_finished)
        item = replace(self._item, state=state, resumed_version=self._version(state))
        self._merge.take_event(self._copy, item, self._content, context)
        return self._merge.report.news

    def _told_state(self) -> RemoteState | None:
        return told_state(self._event, self._base, self._merge.at)

    def _version(self, state: RemoteState) -> str:
        """Return which file the position belongs to; a stop always names the listed one."""
        if not state.position_ms:
            return ""
        if self._item.remote_id and self._item.remote_id != self._copy.remote_id:
            return self._item.remote_id
        if self._base and self._event.action == "stopped":
            return self._base.version_id
        return ""

    @property
    def _length(self) -> int:
        return self._item.runtime_seconds or length_of(self._content)

    # Dates

    @property
    def _happened_at(self) -> datetime:
        """Return when it happened; some events tell only the new date of the title."""
        tells_date_only = self._event.at is None and self._event.action in ("stopped", "played")
        if tells_date_only:
            return min(self._played_at, self._merge.at)
        return self._merge.at

    @property
    def _played_at(self) -> datetime:
        """Return the date of the play; a date before the start of the session is not its own."""
        told_at = self._told.last_played_at if self._told else None
        if told_at is None:
            return self._merge.at
        if self._session is not None and told_at <= self._session.began_at + SAME_MOMENT:
            return self._merge.at
        return told_at

    def _reached_at(self, state: RemoteState) -> datetime:
        """Return when the person reached the end of the play: it may have been paused for hours."""
        session = self._session
        happened_at = self._happened_at
        if session is None or session.moved_at is None or not state.position_ms:
            return happened_at
        if abs(state.position_ms - session.position_ms) > playing.SAME_POSITION_MS:
            return happened_at
        return min(session.moved_at, happened_at)


def _saved_state(session: NowPlaying | None) -> RemoteState | None:
    """Return what the server has saved of the play, as far as it was told."""
    return playing.saved_state(session) if session else None


def _is_over(session: NowPlaying) -> bool:
    """Return whether the play has ended, or was silent for so long that it must have."""
    if session.taken_at is not None or session.ended_at is not None:
        return True
    return session.seen_at < now() - playing.SILENT_AFTER


def told_state(event: Event, base: Base | None, at: datetime) -> RemoteState | None:
    """Return the whole state on the server: what the event tells, and the rest as it was.

    A mark without a position clears it, as every server does. `at`: when it happened, for events
    without a date. None: the event tells no state.
    """
    shown = base.state if base else RemoteState(watched=False)
    told = event.item.state if event.item else None
    if event.action == "played":
        date = told.last_played_at if told else None
        return RemoteState(watched=True, play_count=shown.play_count + 1, last_played_at=date or at)
    if told is None or not (event.tells_watched or event.tells_position):
        return None
    return _completed(event, told, shown, at)


def _completed(event: Event, told: RemoteState, shown: RemoteState, at: datetime) -> RemoteState:
    state = told
    if not event.tells_watched:
        state = replace(state, watched=shown.watched)
    if not event.tells_position and event.action != "marked":
        state = replace(state, position_ms=shown.position_ms)
    tells_all = event.tells_watched and event.tells_position
    if not tells_all and not told.play_count:
        state = replace(state, play_count=shown.play_count)
    if told.last_played_at is None:
        state = replace(state, last_played_at=_date_of_undated(event, shown, at))
    return state


def _date_of_undated(event: Event, shown: RemoteState, at: datetime) -> datetime | None:
    """Return the date of a state without one: a mark may be our own, a position is of now."""
    if event.tells_watched:
        return None
    return at if event.tells_position else shown.last_played_at
