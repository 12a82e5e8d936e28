"""What Jellyfin says on its WebSocket: what it has saved for the person. It says nothing to an API key."""

import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from mydia_web import clock
from mydia_web.backends.base import Playing
from mydia_web.backends.events.base import Event
from mydia_web.backends.events.sessions import Sessions, known_item
from mydia_web.backends.mediabrowser import mapping
from mydia_web.backends.mediabrowser.models import UnreadableEntryError, UserData, read
from mydia_web.backends.sockets import Socket

#: How often players are looked at while there are some: pauses and positions are not announced.
LOOK_SECONDS = 15.0
#: How long a caller waits to be told that there is nothing new; fifty connections wake the processor so often.
TICK_SECONDS = 2.0
#: Jellyfin ends a connection on which it hears nothing for so long, where it does not say for how long.
_KEPT_SECONDS = 60.0


class Saved(UserData):
    """One person's state of one title, or of a show or a season, which have titles that are left."""

    item_id: str = ""
    unplayed_item_count: int | None = None

    @property
    def is_news(self) -> bool:
        """Not of a show. And a play that begins takes the mark away, but counts; who unwatches takes both."""
        has_begun = not self.played and self.plays > 0 and self.position_ms == 0
        return bool(self.item_id) and self.unplayed_item_count is None and not has_begun


class Listener:
    """Turns messages into events. Our own writes are announced too, as everybody's: they are no news later.

    The state of a title that plays is told when it has ended: it is counted as played from its first second on.
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
            kind, data, heard_at = message.get("MessageType"), message.get("Data"), clock.now()
            if kind == "ForceKeepAlive":
                self._keep_every = min(max(_number(data), 2.0), _KEPT_SECONDS) / 2
                self._keep_at = 0.0
            saved = self._saved(data) if kind == "UserDataChanged" else []
            if saved or time.monotonic() >= self._look_at:
                yield from self._look()
            for one in saved:
                if one.is_news and one.item_id not in self._sessions:
                    yield _event(one, self._user_id, heard_at)
            if time.monotonic() >= self._keep_at:
                socket.send({"MessageType": "KeepAlive"})
                self._keep_at = time.monotonic() + self._keep_every

    def _look(self) -> Iterator[Event]:
        theirs = [one for one in self._ask_playing() if _plain(one.remote_user_id) == self._user_id]
        yield from self._sessions.look([replace(one, remote_id=_plain(one.remote_id)) for one in theirs])
        self._look_at = time.monotonic() + LOOK_SECONDS if self._sessions else float("inf")

    def _saved(self, data: object) -> list[Saved]:
        """What was saved for the person; another's news are not ours to tell."""
        if not isinstance(data, Mapping) or _plain(str(data.get("UserId"))) != self._user_id:
            return []
        entries = data.get("UserDataList")
        return [one for entry in (entries if isinstance(entries, list) else ()) if (one := _read(entry))]


def _read(entry: Any) -> Saved | None:
    try:
        saved = read(Saved, entry)
    except UnreadableEntryError:
        return None
    saved.item_id = _plain(saved.item_id)
    return saved


def _event(saved: Saved, user_id: str, heard_at: datetime) -> Event:
    return Event(
        "state",
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
