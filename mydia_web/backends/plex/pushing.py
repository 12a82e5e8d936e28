"""Bringing a state about with the few verbs Plex has: a mark, no mark, and a player that has
stopped somewhere.
"""

from collections.abc import Sequence
from urllib.parse import urlencode

from mydia_web.backends.errors import BackendError, NotOnServer, NotShown, Rejected
from mydia_web.backends.plex.mapping import Entry, is_meant, sure
from mydia_web.backends.plex.server import IDENTIFIER, USUAL_THRESHOLD, Server, timeline
from mydia_web.backends.values import Target, Wanted

#: Positions before this are not kept for sure; what becomes of them is read back and taken as it
#: is.
SURELY_KEPT = 60_000
#: Closer than that is the same position, in milliseconds.
_SAME = 1000
#: Below any threshold a server can be set to; where credits begin may count for more than the
#: threshold.
_LOWEST_THRESHOLD = 0.65
#: Below this share no server takes a title for watched, and its threshold need not be asked for.
_FAR_FROM_THE_END = 0.5


def find(server: Server, target: Target) -> Entry:
    """Raises `NotOnServer`."""
    title = server.title(target.remote_id)
    if not is_meant(title, target):
        raise _other_title()
    return title


def find_many(server: Server, targets: Sequence[Target]) -> Sequence[Entry | BackendError | None]:
    """As `find`, in one request. None: it was not answered, and has to be asked for by itself."""
    titles = server.titles([target.remote_id for target in targets])
    return [_meant(titles.get(target.remote_id), target) for target in targets]


def _meant(entry: object, target: Target) -> Entry | BackendError | None:
    if entry is None:
        return (
            None if target.remote_id.isdecimal() else NotOnServer("Plex does not have this title.")
        )
    try:
        title = sure(Entry, entry)
    except BackendError as error:
        return error
    return title if is_meant(title, target) else _other_title()


def _other_title() -> NotOnServer:
    return NotOnServer(
        "Plex has another title under this number now. Reading its library again helps."
    )


def push(server: Server, found: Entry, wanted: Wanted) -> Entry | None:
    """What is there already is not sent: each mark would be one more play. None: what is shown has
    to be read.
    """
    title = found
    watched, position = _registers(wanted)
    ends_another_play = wanted.change_type == "mark_watched" and title.view_offset > 0
    if watched and (not title.view_count or ends_another_play):
        server.scrobble(title.rating_key)
        title = title.model_copy(update={"view_count": title.view_count + 1, "view_offset": 0})
    elif watched is False and title.view_count:
        server.unscrobble(title.rating_key)
        title = title.model_copy(update={"view_count": 0, "view_offset": 0})
    unread = title is not found
    if position is not None and not _near(title, position):
        moved = _move(server, title, position, wanted.duration_ms)
        unread, title = unread and moved is title, moved
    return None if unread else confirmed(title, wanted)


def confirmed(title: Entry, wanted: Wanted) -> Entry:
    """Raises `NotShown` where a title that was written to does not show it."""
    watched, position = _registers(wanted)
    if (watched is not None and watched != (title.view_count > 0)) or (
        position == 0 and title.view_offset
    ):
        raise NotShown(f"Plex took the change to {title.name}, but then did not show it.")
    return title


def _registers(wanted: Wanted) -> tuple[bool | None, int | None]:
    if wanted.change_type == "progress_update":
        return wanted.watched, wanted.position_ms
    return wanted.change_type == "mark_watched", 0


def _near(title: Entry, position: int) -> bool:
    return title.view_offset == position or (
        position > 0 and abs(title.view_offset - position) < _SAME
    )


def _move(server: Server, title: Entry, position: int, known_duration: int | None) -> Entry:
    if not position:
        return _clear(server, title)
    durations = [duration for duration in (title.duration, known_duration) if duration]
    if not durations:
        raise Rejected(
            f"Plex takes no position of a title without a length, and nobody knows that of {title.name}."
        )
    for threshold in _thresholds(server, position / min(durations)):
        # A second before it: the threshold itself may count.
        at = max(1, min(position, int(min(durations) * threshold) - _SAME))
        if _near(title, at):
            return title
        server.timeline(title.rating_key, at, durations[0])
        shown = server.title(title.rating_key)
        if shown.view_count <= title.view_count:
            return _confirmed(server, shown, at)
        if not title.view_count:
            server.unscrobble(title.rating_key)
        title = shown.model_copy(
            update={"view_count": title.view_count and shown.view_count, "view_offset": 0}
        )
    raise Rejected(f"Plex takes {title.name} for watched at this position, so it was not sent.")


def _thresholds(server: Server, share: float) -> Sequence[float]:
    """The server's own; then one so low that only its marks of where credits begin could be before
    it.
    """
    if share < _FAR_FROM_THE_END:
        return (USUAL_THRESHOLD,)
    threshold = server.threshold()
    return (threshold, min(threshold, _LOWEST_THRESHOLD))


def _confirmed(server: Server, shown: Entry, position: int) -> Entry:
    """Plex may ignore a position near the beginning: none is closer to it than an old one, where
    that can be had.
    """
    if _near(shown, position) or (
        position < SURELY_KEPT and (not shown.view_offset or shown.view_count)
    ):
        return shown
    if position < SURELY_KEPT:
        return _clear(server, shown)
    raise NotShown(f"Plex took the position in {shown.name}, but then did not show it.")


def _clear(server: Server, title: Entry) -> Entry:
    """Forget the position. A watched title keeps its mark, at worst at the price of one more play."""
    key = title.rating_key
    if not title.view_count:
        server.unscrobble(key)
        return server.title(key)
    if title.duration:
        server.timeline(key, 0, title.duration)
        shown = server.title(key)
        if not shown.view_offset:
            return shown
    server.scrobble(key)
    return server.title(key)


def explain(target: Target, wanted: Wanted) -> Sequence[str]:
    """The calls of `push`, with what each hangs on."""
    key, (watched, position) = target.remote_id, _registers(wanted)
    mark = urlencode({"identifier": IDENTIFIER, "key": key})
    read = f"GET /library/metadata/{key}?includeGuids=1"
    calls = [read]
    if watched:
        calls.append(f"PUT /:/scrobble?{mark}  (unless it is watched there)")
    if watched is False:
        calls.append(f"PUT /:/unscrobble?{mark}  (unless nothing is watched of it there)")
    if position:
        calls += _explain_position(key, position, wanted.duration_ms)
    elif position == 0 and wanted.change_type == "progress_update":
        cleared = urlencode(timeline(key, 0, wanted.duration_ms or 0))
        calls.append(f"PUT /:/unscrobble?{mark}  (if it is unwatched there and has a position)")
        calls.append(f"POST /:/timeline?{cleared}  (if it is watched there and has a position)")
    return [*calls, f"{read}  (if anything was sent)"]


def _explain_position(key: str, position: int, duration: int | None) -> list[str]:
    calls = []
    if duration is None or position / duration >= _FAR_FROM_THE_END:
        calls.append(
            "GET /:/prefs/get?id=LibraryVideoPlayedThreshold  (once; the position stays below it)"
        )
    if duration:
        position = max(1, min(position, int(duration * USUAL_THRESHOLD) - _SAME))
    stop = urlencode(timeline(key, position, duration or 0))
    return [*calls, f"POST /:/timeline?{stop}  (unless it shows this position)"]
