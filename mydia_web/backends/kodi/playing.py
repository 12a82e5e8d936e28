"""What Kodi's players play."""

from collections.abc import Sequence

from pydantic import BaseModel

from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.mapping import VOCABULARY, Count, Player
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.values import Playing
from mydia_web.backends.wire import UnreadableEntry


class Clock(BaseModel):
    """Just after a start it shows less than nothing."""

    hours: Count = 0
    minutes: Count = 0
    seconds: Count = 0
    milliseconds: Count = 0

    @property
    def ms(self) -> int:
        return max(
            0, ((self.hours * 60 + self.minutes) * 60 + self.seconds) * 1000 + self.milliseconds
        )


class Progress(BaseModel):
    time: Clock = Clock()
    totaltime: Clock = Clock()
    speed: float = 1


class Played(BaseModel):
    """What a player plays; a file outside the library has no id."""

    type: str = ""
    id: Count = 0
    file: str = ""
    title: str = ""
    label: str = ""
    showtitle: str = ""


def read_playing(rpc: JsonRpc) -> Sequence[Playing]:
    """The films and episodes of the library that play; one that cannot be read hides no other."""
    found: list[Playing] = []
    players = rpc.call("Player.GetActivePlayers")
    for entry in players if isinstance(players, list) else ():
        try:
            player = mapping.read(Player, entry)
            one = _of(rpc, player) if player.type == "video" else None
        except UnreadableEntry:
            continue
        found += [one] if one else []
    return found


def _of(rpc: JsonRpc, player: Player) -> Playing | None:
    number = player.playerid
    result, properties = rpc.batch(
        [
            Call("Player.GetItem", {"playerid": number, "properties": ["title", "showtitle"]}),
            Call(
                "Player.GetProperties",
                {"playerid": number, "properties": ["time", "totaltime", "speed"]},
            ),
        ]
    )
    played = mapping.read(Played, result.get("item") if isinstance(result, dict) else None)
    if played.type not in VOCABULARY or played.id < 1:
        return None
    progress = mapping.read(Progress, properties)
    return Playing(
        remote_id=f"{played.type}:{played.id}",
        title=" · ".join(filter(None, (played.showtitle, played.title or played.label))),
        position_ms=progress.time.ms,
        duration_ms=progress.totaltime.ms or None,
        paused=progress.speed == 0,
    )
