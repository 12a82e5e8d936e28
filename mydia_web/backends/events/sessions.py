"""What plays on a server, looked at again and again, becomes news of players that begin, pause and
end.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mydia_web.backends.values import Action, ContentKind, Event, Playing, RemoteItem, RemoteState

#: How often a player that only goes on is told of: often enough not to count as silent.
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Told:
    playing: Playing
    at: float


class Sessions:
    """Compares each look at the players with the one before."""

    def __init__(self) -> None:
        self._told: dict[str, _Told] = {}

    def __bool__(self) -> bool:
        return bool(self._told)

    @property
    def playing(self) -> Mapping[str, Playing]:
        """What played when it was last looked at, by remote id."""
        return {remote_id: told.playing for remote_id, told in self._told.items()}

    def look(self, players: Sequence[Playing]) -> Iterator[Event]:
        """What has changed. Positions are for the eye: what a server keeps of them it tells when
        the player ends.
        """
        now, before = time.monotonic(), self._told
        self._told = {}
        for one in players:
            was = before.get(one.remote_id)
            is_news = not was or was.playing.paused != one.paused or now - was.at >= AGAIN_SECONDS
            self._told[one.remote_id] = _Told(one, now if is_news or was is None else was.at)
            if is_news:
                yield playing_event(one)
        for remote_id in before.keys() - self._told.keys():
            yield _event("stopped", before[remote_id].playing)


def playing_event(playing: Playing) -> Event:
    """The event of a player that plays, or is paused."""
    return _event("paused" if playing.paused else "playing", playing)


def _event(action: Action, playing: Playing) -> Event:
    item = replace(
        known_item(playing.remote_id),
        runtime_seconds=(playing.duration_ms or 0) // 1000 or None,
        state=RemoteState(watched=False, position_ms=playing.position_ms),
    )
    return Event(
        action, action, remote_user_id=playing.remote_user_id, item=item, device=playing.device
    )


def known_item(remote_id: str, kind: ContentKind = "movie") -> RemoteItem:
    """An item of which nothing but its id is told: it is known by that, or not at all."""
    return RemoteItem(remote_id, kind, "")
