"""Jellyfin's WebSocket: what it has saved for the person. It tells nothing to an API key.

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
from mydia_web.backends.mediabrowser.models import UserData, field_of, read_all
from mydia_web.backends.mediabrowser.session import plain_id
from mydia_web.backends.values import Event, Playing
from mydia_web.backends.websocket import Socket

#: How often to look at players while there are some: pauses and positions are not announced.
LOOK_SECONDS = 15.0
#: How long a caller waits to be told that there is nothing new; with fifty connections this is how
#: often the processor wakes.
TICK_SECONDS = 2.0
#: The part of its length within which a title keeps its position while it plays, as Jellyfin is
#: set by default.
_KEPT_FROM = 0.05
_KEPT_UNTIL = 0.9
#: Jellyfin collects what was saved for half a second before it tells: news are up to this old.
_COLLECTED = timedelta(seconds=1)
#: Jellyfin ends a connection on which it hears nothing for so long, unless it names another time.
_SILENCE_SECONDS = 60.0


class Saved(UserData):
    """One person's state of a title; also of a show or season, which count unplayed titles."""

    item_id: str = ""
    unplayed_item_count: int | None = None

    @property
    def is_of_title(self) -> bool:
        return bool(self.item_id) and self.unplayed_item_count is None

    @property
    def is_unmarked(self) -> bool:
        """Only a person who unmarks leaves neither a count nor a date."""
        return not self.played and self.plays == 0 and self.last_played_date is None

    def is_marked_during(self, playing: Playing) -> bool:
        """Return whether a person has marked the title while it plays.

        A title that is amid its play is saved with its position.
        """
        if not self.played or self.position_ms or not playing.duration_ms:
            return False
        share = playing.position_ms / playing.duration_ms
        return _KEPT_FROM < share < _KEPT_UNTIL


class Listener:
    """Turns messages into events. They also tell of our own writes, which the receiver knows.

    A message says what was saved and not why. So the players are asked for at each message: that
    tells the receiver what a play has left from what a person has set.
    """

    def __init__(self, user_id: str, ask_playing: Callable[[], Sequence[Playing]]) -> None:
        self._user_id = user_id
        self._ask_playing = ask_playing
        self._sessions = Sessions()
        self._look_at = 0.0
        self._keep_alive_every = _SILENCE_SECONDS / 2
        self._keep_alive_at = time.monotonic() + self._keep_alive_every

    def listen(self, socket: Socket) -> Generator[Event | None]:
        yield from self._look()
        while True:
            yield None
            message = socket.receive(min(TICK_SECONDS, self._look_at - time.monotonic())) or {}
            saved = self._read(message)
            if saved:
                yield from self._events(saved, clock.now() - _COLLECTED)
            elif time.monotonic() >= self._look_at:
                yield from self._look()
            if time.monotonic() >= self._keep_alive_at:
                socket.send({"MessageType": "KeepAlive"})
                self._keep_alive_at = time.monotonic() + self._keep_alive_every

    def _read(self, message: Mapping[str, Any]) -> list[Saved]:
        """Return what was saved for the person. A message may also set how often to say hello."""
        kind = message.get("MessageType")
        data = message.get("Data")
        if kind == "ForceKeepAlive":
            self._keep_alive_every = min(max(_seconds(data), 2.0), _SILENCE_SECONDS) / 2
            self._keep_alive_at = 0.0
        if kind != "UserDataChanged":
            return []
        if plain_id(str(field_of(data, "UserId"))) != self._user_id:
            return []  # another person's news
        return [
            saved.model_copy(update={"item_id": plain_id(saved.item_id)})
            for saved in read_all(Saved, field_of(data, "UserDataList"))
            if saved.is_of_title
        ]

    def _events(self, saved_states: Sequence[Saved], heard_at: datetime) -> Iterator[Event]:
        """Tell what a play has left before that it has stopped: the play ends with this."""
        before = self._sessions.playing
        players = list(self._look())
        yield from (event for event in players if event.action != "stopped")
        for saved in saved_states:
            yield from self._events_of(saved, before.get(saved.item_id), heard_at)
        yield from (event for event in players if event.action == "stopped")

    def _events_of(
        self, saved: Saved, player_before: Playing | None, heard_at: datetime
    ) -> Iterator[Event]:
        event = _saved_event(saved, self._user_id, heard_at)
        player = self._sessions.playing.get(saved.item_id)
        if player is None and player_before is not None:
            # How far it was when it was last looked at tells whether it was a whole play.
            yield playing_event(player_before)
            yield replace(event, is_playing=False)
        elif player is None:
            yield event
        elif saved.is_unmarked or saved.is_marked_during(player):
            yield replace(event, action="marked")
        else:
            yield replace(event, is_playing=True)

    def _look(self) -> Iterator[Event]:
        players = [
            replace(player, remote_id=plain_id(player.remote_id))
            for player in self._ask_playing()
            if plain_id(player.remote_user_id) == self._user_id
        ]
        yield from self._sessions.look(players)
        self._look_at = float("inf")
        if self._sessions:
            self._look_at = time.monotonic() + LOOK_SECONDS


def _saved_event(saved: Saved, user_id: str, heard_at: datetime) -> Event:
    return Event(
        action="saved",
        name="UserDataChanged",
        remote_user_id=user_id,
        item=replace(known_item(saved.item_id), state=saved.remote_state),
        tells_watched=True,
        tells_position=True,
        heard_at=heard_at,
    )


def _seconds(value: object) -> float:
    if isinstance(value, int | float):
        return float(value)
    return _SILENCE_SECONDS
