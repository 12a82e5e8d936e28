"""What Jellyfin says on its WebSocket: what it has saved for the person. It says nothing to an API
key.

A message has no time of its own: it comes half a second after what it tells. `LastPlayedDate` is
when the title was last begun, or the date that was given with a mark.
"""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from mydia_web import clock
from mydia_web.backends.events.sessions import Sessions, known_item, playing_event
from mydia_web.backends.mediabrowser import mapping
from mydia_web.backends.mediabrowser.models import UserData, read
from mydia_web.backends.values import Event, Playing
from mydia_web.backends.websocket import Socket
from mydia_web.backends.wire import UnreadableEntry

#: How often players are looked at while there are some: pauses and positions are not announced.
LOOK_SECONDS = 15.0
#: How long a caller waits to be told that there is nothing new; fifty connections wake the
#: processor so often.
TICK_SECONDS = 2.0
#: Between these shares of its length a title keeps its position while it plays, as Jellyfin is set
#: by default.
_KEPT_FROM, _KEPT_UNTIL = 0.05, 0.9
#: Jellyfin collects what was saved for half a second before it tells: news are up to this old.
_COLLECTED = timedelta(seconds=1)
#: Jellyfin ends a connection on which it hears nothing for so long, where it does not say for how
#: long.
_KEPT_SECONDS = 60.0


class Saved(UserData):
    """One person's state of one title, or of a show or a season, which have titles that are left."""

    item_id: str = ""
    unplayed_item_count: int | None = None

    @property
    def is_of_title(self) -> bool:
        return bool(self.item_id) and self.unplayed_item_count is None

    @property
    def is_unmarked(self) -> bool:
        """Only a person who unmarks leaves neither a count nor a date."""
        return not self.played and self.plays == 0 and self.last_played_date is None

    def is_marked_while(self, playing: Playing) -> bool:
        """Return whether the mark is by hand: a title that is amid its play is saved with its
        position.
        """
        if not self.played or self.position_ms or not playing.duration_ms:
            return False
        return (
            _KEPT_FROM * playing.duration_ms
            < playing.position_ms
            < _KEPT_UNTIL * playing.duration_ms
        )


class Listener:
    """Turns messages into events. Our own writes are announced too, as everybody's: they are no
    news later.

    A message says what was saved and not why. What plays is asked at each, so that the receiver can
    tell what a play has left there from what a person has set.
    """

    def __init__(self, user_id: str, ask_playing: Callable[[], Sequence[Playing]]) -> None:
        self._user_id, self._ask_playing = user_id, ask_playing
        self._sessions = Sessions()
        self._look_at = 0.0
        self._keep_every = _KEPT_SECONDS / 2
        self._keep_at = time.monotonic() + self._keep_every

    def listen(self, socket: Socket) -> Generator[Event | None]:
        yield from self._look()
        while True:
            yield None
            message = socket.receive(min(TICK_SECONDS, self._look_at - time.monotonic())) or {}
            kind, data = message.get("MessageType"), message.get("Data")
            if kind == "ForceKeepAlive":
                self._keep_every = min(max(_number(data), 2.0), _KEPT_SECONDS) / 2
                self._keep_at = 0.0
            saved = self._saved(data) if kind == "UserDataChanged" else []
            if saved:
                yield from self._tell(saved, clock.now() - _COLLECTED)
            elif time.monotonic() >= self._look_at:
                yield from self._look()
            if time.monotonic() >= self._keep_at:
                socket.send({"MessageType": "KeepAlive"})
                self._keep_at = time.monotonic() + self._keep_every

    def _tell(self, saved: Sequence[Saved], heard_at: datetime) -> Iterator[Event]:
        """Tell what a play has left before that it has stopped: it ends with this."""
        before = self._sessions.playing
        players = list(self._look())
        now = self._sessions.playing
        yield from (one for one in players if one.action != "stopped")
        for one in saved:
            event = _event(one, self._user_id, heard_at)
            player = now.get(one.item_id)
            if player is not None and _is_set_by_hand(one, player):
                yield replace(event, action="marked")
            elif player is not None:
                yield replace(event, is_playing=True)
            elif one.item_id in before:
                # How far it was when it was last looked at tells whether it was a whole play.
                yield playing_event(before[one.item_id])
                yield replace(event, is_playing=False)
            else:
                yield event
        yield from (one for one in players if one.action == "stopped")

    def _look(self) -> Iterator[Event]:
        theirs = [one for one in self._ask_playing() if _plain(one.remote_user_id) == self._user_id]
        yield from self._sessions.look(
            [replace(one, remote_id=_plain(one.remote_id)) for one in theirs]
        )
        self._look_at = time.monotonic() + LOOK_SECONDS if self._sessions else float("inf")

    def _saved(self, data: object) -> list[Saved]:
        """What was saved for the person; another's news are not ours to tell."""
        if not isinstance(data, Mapping) or _plain(str(data.get("UserId"))) != self._user_id:
            return []
        entries = data.get("UserDataList")
        found = [_read(entry) for entry in (entries if isinstance(entries, list) else ())]
        return [one for one in found if one is not None and one.is_of_title]


def _is_set_by_hand(saved: Saved, player: Playing) -> bool:
    return saved.is_unmarked or saved.is_marked_while(player)


def _read(entry: Any) -> Saved | None:
    try:
        saved = read(Saved, entry)
    except UnreadableEntry:
        return None
    saved.item_id = _plain(saved.item_id)
    return saved


def _event(saved: Saved, user_id: str, heard_at: datetime) -> Event:
    return Event(
        "saved",
        "UserDataChanged",
        remote_user_id=user_id,
        item=replace(known_item(saved.item_id), state=mapping.state(saved)),
        tells_watched=True,
        tells_position=True,
        heard_at=heard_at,
    )


def _plain(text: str) -> str:
    return text.replace("-", "").lower()


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else _KEPT_SECONDS
