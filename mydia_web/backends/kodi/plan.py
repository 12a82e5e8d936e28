"""The calls that bring a change about in Kodi, planned without asking it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mydia_web.backends.kodi.mapping import STATE_FIELDS, VOCABULARY, PlayedItem, Resume, Video
from mydia_web.backends.kodi.rpc import RpcCall
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import ContentKind, Target, Wanted

PLAYERS = RpcCall("Player.GetActivePlayers")

_Settings = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A title in Kodi's library, and what Kodi was playing when it was read."""

    kind: ContentKind
    number: int
    video: Video
    playing: Sequence[PlayedItem] = ()
    #: False: the title was not read, and `video` holds only what was last heard of it.
    is_read: bool = True

    @property
    def is_playing(self) -> bool:
        return any(self._is_same(item) for item in self.playing)

    def _is_same(self, item: PlayedItem) -> bool:
        is_same_file = bool(item.file) and item.file == self.video.file
        return is_same_file or (item.type, item.id) == (self.kind, self.number)


def plan(shown: Shown, wanted: Wanted, time: KodiTime) -> list[RpcCall]:
    """Return the calls that bring `wanted` about and read it back; none where Kodi shows it."""
    words = VOCABULARY[shown.kind]
    settings = _settings(shown.video, wanted, time)
    write = RpcCall(words.set, {words.id_name: shown.number, **settings})
    if shown.is_read and is_confirmed(write, shown.video):
        return []
    return [write, get_call(shown.kind, shown.number)]


def plan_unread(target: Target, wanted: Wanted, time: KodiTime) -> list[RpcCall]:
    """Return the calls of a whole push, by what was last heard of the title."""
    shown = Shown(
        kind=target.kind,
        number=number_of(target) or 0,
        video=_last_heard(target, time),
        is_read=False,
    )
    calls = [get_call(shown.kind, shown.number)]
    if moves_position(wanted):
        calls.append(PLAYERS)
    return calls + plan(shown, wanted, time)


def is_confirmed(write: RpcCall, video: Video) -> bool:
    """Return whether a title shows what a planned call sets."""
    settings = write.params
    resume = settings.get("resume")
    return (
        video.playcount == settings.get("playcount", video.playcount)
        and video.lastplayed == settings.get("lastplayed", video.lastplayed)
        and (resume is None or abs(video.resume.position - resume["position"]) < 1)
    )


def moves_position(wanted: Wanted) -> bool:
    """Return whether a playing title hinders the change: Kodi writes its position at the stop."""
    return wanted.change_type == "progress_update"


def get_call(kind: ContentKind, number: int) -> RpcCall:
    words = VOCABULARY[kind]
    return RpcCall(words.get, {words.id_name: number, "properties": list(STATE_FIELDS)})


def number_of(target: Target) -> int | None:
    """Return Kodi's number of the title; None for a remote id that holds none of this kind."""
    kind, _, number = target.remote_id.partition(":")
    if kind != target.kind or not number.isdecimal():
        return None
    return int(number) or None


def _last_heard(target: Target, time: KodiTime) -> Video:
    state = target.shown
    if state is None:
        return Video(file=target.path)
    last_played_at = state.last_played_at
    return Video(
        file=target.path,
        playcount=state.play_count,
        lastplayed=time.to_local(last_played_at) if last_played_at else "",
        resume=Resume(position=state.position_ms / 1000),
    )


def _settings(video: Video, wanted: Wanted, time: KodiTime) -> _Settings:
    """Return the parameters of Set…Details. Set each register: Kodi couples none of them."""
    if wanted.change_type == "mark_watched":
        return {
            "playcount": max(1, video.playcount),
            "lastplayed": time.to_local(wanted.at),
            "resume": _resume(video, wanted, 0),
        }
    if wanted.change_type == "mark_unwatched":
        return {"playcount": 0, "lastplayed": "", "resume": _resume(video, wanted, 0)}
    return _progress_settings(video, wanted, time)


def _progress_settings(video: Video, wanted: Wanted, time: KodiTime) -> _Settings:
    # A resume point has no date of its own. Kodi dates it by lastplayed at each stop, and so do we,
    # but a later date of Kodi's own stays.
    settings: _Settings = {"lastplayed": max(video.lastplayed, time.to_local(wanted.at))}
    if wanted.watched is True:
        settings["playcount"] = max(1, video.playcount)
    elif wanted.watched is False:
        settings["playcount"] = 0
    if wanted.position_ms is not None:
        settings["resume"] = _resume(video, wanted, wanted.position_ms // 1000)
    return settings


def _resume(video: Video, wanted: Wanted, position: int) -> dict[str, int]:
    """Return whole seconds, as Kodi stores them. Without a total it would forget the one it has."""
    length = (wanted.duration_ms or 0) // 1000
    total = length or video.runtime_seconds or 0
    if total:
        position = min(position, total)
    return {"position": max(0, position), "total": total}
