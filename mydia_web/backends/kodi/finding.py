"""Finding what a push goes to: under its id, if that still means the same file; else under its
file.

Kodi gives the id of a removed film to the next one that is added.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mydia_web.backends.errors import BackendError, NotOnServer, ServerTrouble
from mydia_web.backends.kodi import mapping
from mydia_web.backends.kodi.mapping import (
    STATE_FIELDS,
    VOCABULARY,
    Entry,
    Player,
    Video,
)
from mydia_web.backends.kodi.playing import Played
from mydia_web.backends.kodi.rpc import Call, JsonRpc
from mydia_web.backends.values import ContentKind, Target
from mydia_web.backends.wire import UnreadableEntry

PLAYERS = Call("Player.GetActivePlayers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A title in Kodi's library, and what Kodi was playing when it was asked for."""

    number: int
    video: Video
    playing: Sequence[Played] = ()

    def refuse_while_playing(self, kind: ContentKind) -> None:
        """At its stop Kodi writes its own position over ours."""
        for one in self.playing:
            if (one.type, one.id) == (kind, self.number) or (
                self.video.file and one.file == self.video.file
            ):
                raise ServerTrouble(
                    f"“{self.video.name[:80]}” is being played there now; trying again later."
                )


def find(rpc: JsonRpc, target: Target, *, asks_players: bool) -> Found:
    """Raises `NotOnServer`."""
    [found] = find_many(rpc, [target], asks_players=asks_players)
    if isinstance(found, BackendError):
        raise found
    if found is not None:
        return found
    playing = _playing(rpc, rpc.call(PLAYERS.method)) if asks_players else ()
    return _find_by_file(rpc, target, playing)


def find_many(
    rpc: JsonRpc, targets: Sequence[Target], *, asks_players: bool
) -> Sequence[Found | BackendError | None]:
    """Those that are under their ids, in one request; None where the id is gone, or means something
    else now.
    """
    numbers = [number_of(target) for target in targets]
    calls = [
        get(target.kind, number)
        for target, number in zip(targets, numbers, strict=True)
        if number is not None
    ]
    also = [PLAYERS] if asks_players else []
    if not calls:
        return [None] * len(targets)
    results = rpc.try_batch([*calls, *also])
    playing = _playing(rpc, results.pop()) if asks_players else ()
    answers = iter(results)
    return [
        None if number is None else _meant(next(answers), target, number, playing)
        for target, number in zip(targets, numbers, strict=True)
    ]


def _meant(
    answer: Any, target: Target, number: int, playing: Sequence[Played]
) -> Found | BackendError | None:
    if isinstance(answer, NotOnServer):
        return None
    if isinstance(answer, BackendError):
        return answer
    try:
        video = video_of(target.kind, answer)
    except ServerTrouble as error:
        return error
    return Found(number=number, video=video, playing=playing) if _is_meant(video, target) else None


def _playing(rpc: JsonRpc, players: Any) -> Sequence[Played]:
    if isinstance(players, BackendError):
        raise players
    found: list[Played] = []
    for player in players:
        result = rpc.call(
            "Player.GetItem", playerid=_readable(Player, player).playerid, properties=["file"]
        )
        found.append(_readable(Played, result.get("item")))
    return found


def _find_by_file(rpc: JsonRpc, target: Target, playing: Sequence[Played]) -> Found:
    words, cut = VOCABULARY[target.kind], max(map(target.path.rfind, "/\\")) + 1
    rules = [
        {"field": field, "operator": "is", "value": value}
        for field, value in (("filename", target.path[cut:]), ("path", target.path[:cut]))
        if value
    ]
    if not rules:
        raise NotOnServer("Kodi does not have this title any more.")
    result = rpc.call(words.list, properties=list(STATE_FIELDS), filter={"and": rules})
    for entry in mapping.members(result, words.entries):
        # Kodi compares with LIKE: "_" and "%" in a name match other names, and case is not told
        # apart.
        video = _readable(Video, entry)
        if video.file == target.path:
            return Found(number=int(entry[words.id_name]), video=video, playing=playing)
    raise NotOnServer(f"“{target.path[cut:]}” is not in Kodi's library any more.")


def get(kind: ContentKind, number: int) -> Call:
    words = VOCABULARY[kind]
    return Call(words.get, {words.id_name: number, "properties": list(STATE_FIELDS)})


def number_of(target: Target) -> int | None:
    kind, _, number = target.remote_id.partition(":")
    return int(number) if kind == target.kind and number.isdecimal() and int(number) else None


def video_of(kind: ContentKind, result: Mapping[str, Any]) -> Video:
    return _readable(Video, result.get(VOCABULARY[kind].details))


def _readable(model: type[Entry], entry: object) -> Entry:
    try:
        return mapping.read(model, entry)
    except UnreadableEntry as error:
        raise ServerTrouble(f"Kodi's entry {error}") from error


def _is_meant(video: Video, target: Target) -> bool:
    if target.path:
        return video.file == target.path
    ids = mapping.external_ids(video.uniqueid)
    shared = ids.keys() & target.external_ids.keys()
    return not shared or any(ids[provider] == target.external_ids[provider] for provider in shared)
