"""What a push does: read what is there, send what is missing."""

from dataclasses import dataclass, replace
from datetime import datetime

from mydia_web import clock
from mydia_web.backends.errors import NotOnServer, NotShown, Rejected
from mydia_web.backends.trakt import bodies, state
from mydia_web.backends.trakt.api import NOT_THERE, Api
from mydia_web.backends.trakt.bodies import ADD, PAUSE, PLAYBACK, REMOVE
from mydia_web.backends.trakt.finding import Finder
from mydia_web.backends.trakt.mapping import Row
from mydia_web.backends.trakt.state import Plays, Position
from mydia_web.backends.values import ContentKind, RemoteState, Target, Wanted

#: Trakt keeps a pause from 1 per cent on, and counts one at 80 as watched.
LEAST, MOST = 1.0, 79.9
#: Closer than this are two percentages the same: half of the coarsest step that Trakt may keep.
SAME_PERCENT = 0.05
#: Trakt's runtimes are whole minutes: a length no farther off is the same.
SAME_LENGTH_MS = 60_000
#: A pause of what was just scrobbled: Trakt has the play, and takes no pause of it for a while.
_DUPLICATE = 409


@dataclass(frozen=True, slots=True)
class Title:
    """A title as the account holds it."""

    kind: ContentKind
    number: int
    plays: Plays
    position: Position | None

    @property
    def shown(self) -> RemoteState:
        return state.show(self.plays, self.position, self.kind)


def played_at(wanted: Wanted) -> datetime | None:
    """The date of the play that is owed; None: nobody knows it."""
    at = wanted.watched_at or (wanted.at if wanted.change_type == "mark_watched" else None)
    return at if at and at.year > 1970 else None


def is_watched_wanted(wanted: Wanted) -> bool | None:
    """None: the mark is to be left alone."""
    marks = {"mark_watched": True, "mark_unwatched": False}
    return marks.get(wanted.change_type, wanted.watched)


def position_wanted(wanted: Wanted) -> int | None:
    """In milliseconds; 0: none; None: to be left alone."""
    if wanted.is_past_play:
        return None
    return wanted.position_ms if wanted.change_type == "progress_update" else 0


class Writer:
    """Pushes one by one."""

    def __init__(self, api: Api, finder: Finder) -> None:
        self._api, self._finder = api, finder

    def title(self, target: Target, *, until: datetime | None = None) -> Title:
        """Raises `NotOnServer` where Trakt says so; of a title without plays it may not."""
        number = self._finder.number(target)
        plays = state.read_plays(self._api, target.kind, number, until=until)
        positions, _ = state.read_positions(self._api, target.kind)
        return Title(target.kind, number, plays, positions.get(number))

    def state(self, target: Target) -> RemoteState:
        title = self.title(target)
        self._make_sure(title)
        return title.shown

    def push(self, target: Target, wanted: Wanted) -> RemoteState:
        return self.bring_about(self.title(target, until=played_at(wanted)), wanted)

    def bring_about(self, title: Title, wanted: Wanted) -> RemoteState:
        watched, position_ms = is_watched_wanted(wanted), position_wanted(wanted)
        if not watched:
            self._make_sure(title)
        if watched is not None:
            title = self._mark(title, watched, played_at(wanted))
        if position_ms is not None:
            title = self._pause(title, position_ms, wanted.duration_ms)
        return title.shown

    def _make_sure(self, title: Title) -> None:
        """A title that is gone may look like one that was never watched."""
        if not title.plays.count and title.position is None:
            self._finder.row(title.kind, title.number)

    def _mark(self, title: Title, watched: bool, at: datetime | None) -> Title:
        plays, bare = title.plays, {title.kind: [bodies.title(title.number)]}
        if watched and not plays.has(at):
            sent = bodies.send(self._api, ADD, {title.kind: [bodies.play(title.number, at)]})
            if sent.missing:
                raise NotOnServer(NOT_THERE)
            # An account can be set to keep one play of a title only.
            plays = plays.plus(at) if sent.done else plays
            if not plays.count:
                raise NotShown("Trakt took the play, but then did not say that it keeps it.")
        elif watched is False and plays.count:
            if bodies.send(self._api, REMOVE, bare).missing:
                raise NotOnServer(NOT_THERE)
            plays = Plays()
        return replace(title, plays=plays)

    def _pause(self, title: Title, position_ms: int, duration_ms: int | None) -> Title:
        if position_ms:
            row = self._row(title)
            percent = percent_of(position_ms, duration_ms, row.runtime_seconds(title.kind))
            if percent >= LEAST:
                percent = min(percent, MOST)
                kept = state.current(title.plays, title.position)
                is_shown = kept is not None and abs(kept.percent - percent) <= SAME_PERCENT
                return title if is_shown else self._paused(title, row, percent)
        return self.without_position(title)

    def _paused(self, title: Title, row: Row, percent: float) -> Title:
        body = bodies.pause(title.kind, row, percent)
        answer = self._api.post(PAUSE, body, understood=(404, _DUPLICATE))
        if answer.status == 404:
            raise NotOnServer(NOT_THERE)
        positions, _ = state.read_positions(self._api, title.kind)
        kept = positions.get(title.number)
        if answer.status != _DUPLICATE and (
            kept is None or abs(kept.percent - percent) > SAME_PERCENT
        ):
            told = answer.json()
            if not isinstance(told, dict) or told.get("action") != "pause":
                raise NotShown("Trakt took the position, but then did not say that it keeps it.")
            # The listing may lag behind.
            kept = Position(0, percent, clock.now(), row)
        return replace(title, position=kept)

    def without_position(self, title: Title) -> Title:
        if title.position:
            self._api.delete(f"{PLAYBACK}/{title.position.playback_id}")
        return replace(title, position=None)

    def _row(self, title: Title) -> Row:
        known = title.position.row if title.position else title.plays.row
        return known or self._finder.row(title.kind, title.number)


def percent_of(position_ms: int, duration_ms: int | None, runtime_seconds: int | None) -> float:
    """Trakt's own length is used where ours is about the same: then the position reads back as it
    was sent.
    """
    ours, theirs = duration_ms or 0, (runtime_seconds or 0) * 1000
    length = theirs if theirs and (not ours or abs(ours - theirs) <= SAME_LENGTH_MS) else ours
    if not length:
        raise Rejected(
            "Trakt keeps positions as a share of the length, and nobody knows how long this title is."
        )
    return round(100 * position_ms / length, 3)
