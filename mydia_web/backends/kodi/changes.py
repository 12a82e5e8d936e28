"""What to set on a Kodi item so that it shows what is wanted, and whether it does."""

from typing import Any

from mydia_web.backends.kodi.mapping import Video
from mydia_web.backends.kodi.zone import KodiTime
from mydia_web.backends.values import Wanted


def settings(video: Video, wanted: Wanted, time: KodiTime) -> dict[str, Any]:
    """The parameters of Set…Details. Each of Kodi's registers is set: it couples none of them
    itself.
    """
    if wanted.change_type == "mark_watched":
        return {
            "playcount": max(1, video.playcount),
            "lastplayed": time.to_local(wanted.at),
            "resume": _resume(video, wanted, 0),
        }
    if wanted.change_type == "mark_unwatched":
        return {"playcount": 0, "lastplayed": "", "resume": _resume(video, wanted, 0)}
    return _progress(video, wanted, time)


def _progress(video: Video, wanted: Wanted, time: KodiTime) -> dict[str, Any]:
    # A resume point has no date of its own. Kodi dates it by lastplayed at each stop, and so do we,
    # but a later date of Kodi's own stays.
    told: dict[str, Any] = {"lastplayed": max(video.lastplayed, time.to_local(wanted.at))}
    if wanted.watched is not None:
        told["playcount"] = max(1, video.playcount) if wanted.watched else 0
    if wanted.position_ms is not None:
        told["resume"] = _resume(video, wanted, wanted.position_ms // 1000)
    return told


def _resume(video: Video, wanted: Wanted, position: int) -> dict[str, int]:
    """Whole seconds, as Kodi stores them; without a total it would forget the one it has."""
    total = (wanted.duration_ms or 0) // 1000 or video.runtime_seconds or 0
    return {"position": max(0, min(position, total) if total else position), "total": total}


def shows(video: Video, told: dict[str, Any]) -> bool:
    """Does the item show what was told?"""
    resume = told.get("resume")
    return (
        video.playcount == told.get("playcount", video.playcount)
        and video.lastplayed == told.get("lastplayed", video.lastplayed)
        and (resume is None or abs(video.resume.position - resume["position"]) < 1)
    )
