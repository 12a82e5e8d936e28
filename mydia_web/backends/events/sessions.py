"""Events of players that begin, pause and end, from repeated looks at what plays on a server."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mydia_web.backends import wire
from mydia_web.backends.values import Action, ContentKind, Event, Playing, RemoteItem, RemoteState

#: How often to tell of a player that just goes on, so that it does not count as silent.
AGAIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class _Player:
    playing: Playing
    #: By `time.monotonic`.
    told_at: float


class Sessions:
    """The players on a server. Each look is compared with the one before."""

    def __init__(self) -> None:
        self._players: dict[str, _Player] = {}

    def __bool__(self) -> bool:
        return bool(self._players)

    @property
    def playing(self) -> Mapping[str, Playing]:
        """What played at the last look, by remote id."""
        return {remote_id: player.playing for remote_id, player in self._players.items()}

    def look(self, playing: Sequence[Playing]) -> Iterator[Event]:
        """Yield what has changed.

        Positions are for display: the server tells what it keeps of them when the player ends.
        """
        before = self._players
        self._players = {}
        for title in playing:
            player = before.get(title.remote_id)
            is_news = player is None or _is_news(title, player)
            if player is None or is_news:
                player = _Player(title, time.monotonic())
            self._players[title.remote_id] = replace(player, playing=title)
            if is_news:
                yield playing_event(title)
        for remote_id in before.keys() - self._players.keys():
            yield _event("stopped", before[remote_id].playing)


def playing_event(playing: Playing) -> Event:
    """Return the event of a player that plays, or is paused."""
    return _event("paused" if playing.paused else "playing", playing)


def known_item(remote_id: str, kind: ContentKind = "movie") -> RemoteItem:
    """Return an item of which only the id is told: it is known by that, or not at all."""
    return RemoteItem(remote_id=remote_id, kind=kind, title="")


def _is_news(playing: Playing, before: _Player) -> bool:
    if before.playing.paused != playing.paused:
        return True
    return time.monotonic() - before.told_at >= AGAIN_SECONDS


def _event(action: Action, playing: Playing) -> Event:
    item = replace(
        known_item(playing.remote_id),
        runtime_seconds=wire.whole_seconds(playing.duration_ms),
        state=RemoteState(watched=False, position_ms=playing.position_ms),
    )
    return Event(
        action=action,
        name=action,
        remote_user_id=playing.remote_user_id,
        item=item,
        device=playing.device,
    )
