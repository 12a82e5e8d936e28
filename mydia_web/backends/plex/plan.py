"""The calls of a push to Plex: pure, so that they are tested, and shown, without a server.

Plex has few verbs: a mark, which is one more play; no mark; and a player that has stopped
somewhere. A stop past its threshold, or where the credits begin, counts as a play too.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from mydia_web.backends.call import Call
from mydia_web.backends.errors import Rejected
from mydia_web.backends.plex.mapping import Entry
from mydia_web.backends.values import Target, Wanted

IDENTIFIER = "com.plexapp.plugins.library"
#: The share from which a title counts as watched, where the server does not tell its own.
USUAL_THRESHOLD = 0.9
#: Below any threshold a server can be set to. Credits may begin before the threshold.
LOWEST_THRESHOLD = 0.65
#: Below this share no server takes a title for watched, and its threshold need not be read.
FAR_FROM_END = 0.5
#: Plex may ignore an earlier position (milliseconds): whatever it then shows is accepted.
SURELY_KEPT = 60_000
#: Positions closer than this are the same (milliseconds).
SAME_POSITION = 1000

_TIMELINE = ":/timeline"
_WHERE_FINISHED = "if Plex takes the title for watched at that position"
_WHERE_STUCK = "if Plex still shows an older position"

READ_THRESHOLD = Call(
    method="GET",
    path=":/prefs/get",
    params={"id": "LibraryVideoPlayedThreshold"},
    condition="once; the position stays below it",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Title:
    """A title as Plex shows it. None stands for what was not read: anything may be there."""

    key: str
    name: str = ""
    play_count: int | None = None
    position: int | None = None
    #: In milliseconds; 0 where Plex does not know it.
    length: int | None = None

    @classmethod
    def of(cls, entry: Entry) -> "Title":
        return cls(
            key=entry.rating_key,
            name=entry.name,
            play_count=entry.view_count,
            position=entry.view_offset,
            length=entry.duration,
        )

    def is_at(self, position: int) -> bool:
        if self.position is None:
            return False
        if position == 0:
            return self.position == 0
        return self.position == position or abs(self.position - position) < SAME_POSITION


def read_title(key: str) -> Call:
    return Call(method="GET", path=f"library/metadata/{key}", params={"includeGuids": 1})


def scrobble(title: Title) -> Call:
    """Mark it watched: one more play, dated by Plex, and no position."""
    mark = {"identifier": IDENTIFIER, "key": title.key}
    condition = "unless it is watched there"
    return Call(method="PUT", path=":/scrobble", params=mark, condition=condition)


def unscrobble(title: Title) -> Call:
    """Mark it unwatched: no play, no date, no position."""
    mark = {"identifier": IDENTIFIER, "key": title.key}
    condition = "unless nothing is watched of it there"
    return Call(method="PUT", path=":/unscrobble", params=mark, condition=condition)


def stop(title: Title, position: int, length: int) -> Call:
    """Report a player that has stopped there (milliseconds)."""
    report = {
        "ratingKey": title.key,
        "key": f"/library/metadata/{title.key}",
        "identifier": IDENTIFIER,
        "state": "stopped",
        "time": position,
        "duration": length,
    }
    condition = "unless it shows this position"
    return Call(method="POST", path=_TIMELINE, params=report, condition=condition)


def stop_in(calls: Iterable[Call]) -> int | None:
    """Return the position at which these calls stop a player; None where there is no stop."""
    for call in calls:
        if call.path == _TIMELINE:
            return int(call.params["time"])
    return None


def plan(title: Title, wanted: Wanted, threshold: float = USUAL_THRESHOLD) -> list[Call]:
    """Return the calls that bring `wanted` about; none where the title shows it.

    A mark that is there is not sent again, for it would count one more play. For a title that was
    not read these are all calls that may be needed, each with its condition. Raises `Rejected`
    for a position in a title without a length.
    """
    mark = _plan_mark(title, wanted)
    position = _plan_position(marked(title, wanted), wanted, threshold)
    return [*mark, *position]


def plan_attempts(title: Title, wanted: Wanted, threshold: float) -> list[list[Call]]:
    """Return the calls of `plan`, and those to send where Plex took them for the title's end.

    Only credits that begin before the threshold can be the reason: the second attempt takes the
    play back and stops where no credits are.
    """
    attempts = [plan(title, wanted, threshold)]
    if asks_threshold(title, wanted):
        expected = marked(title, wanted)
        earlier = min(threshold, LOWEST_THRESHOLD)
        stops = _plan_position(replace(expected, position=0), wanted, earlier)
        attempts.append([*take_back(expected), *stops])
    return attempts


def marked(title: Title, wanted: Wanted) -> Title:
    """Return the title as it is once its mark was sent."""
    if not _plan_mark(title, wanted):
        return title
    play_count = 0
    if wanted.mark:
        play_count = (title.play_count or 0) + 1
    if title.position is None and wanted.change_type == "progress_update":
        # It may bear the mark, so that nothing is sent, and have a position.
        return replace(title, play_count=play_count)
    return replace(title, play_count=play_count, position=0)


def take_back(expected: Title) -> list[Call]:
    """Return the calls that remove a play which a position has made by accident."""
    if expected.play_count:
        return []
    return [unscrobble(expected)]


def plan_clearing(shown: Title, position: int) -> list[Call]:
    """Return the calls that remove an old position which Plex kept instead of this one.

    That costs a watched title one more play, so it is done only for no position at all.
    """
    if shown.position == 0 or shown.is_at(position):
        return []
    if position == 0 and shown.play_count != 0:
        return [scrobble(shown)]
    if position < SURELY_KEPT and not shown.play_count:
        return [unscrobble(shown)]
    return []


def asks_threshold(title: Title, wanted: Wanted) -> bool:
    """Return whether the position is so late in the title that the server's threshold matters."""
    position = wanted.position
    if not position or marked(title, wanted).is_at(position):
        return False
    lengths = _lengths(title, wanted)
    if not lengths:
        return title.length is None
    return position / min(lengths) >= FAR_FROM_END


def explain(target: Target, wanted: Wanted) -> list[Call]:
    """Return the calls of a push, whatever the server shows."""
    title = Title(key=target.remote_id)
    read = read_title(title.key)
    first, *others = plan_attempts(title, wanted, USUAL_THRESHOLD)
    calls = [read]
    if asks_threshold(title, wanted):
        calls.append(READ_THRESHOLD)
    calls += first
    calls.append(read.with_condition("if anything was sent"))
    position = stop_in(first)
    if position is None:
        return calls
    if position:
        for attempt in others or [take_back(marked(title, wanted))]:
            calls += [call.with_condition(_WHERE_FINISHED) for call in attempt]
    calls += [call.with_condition(_WHERE_STUCK) for call in plan_clearing(title, position)]
    return calls


def _plan_mark(title: Title, wanted: Wanted) -> list[Call]:
    watched = wanted.mark
    # A mark ends what is being watched, also where the title bears that mark already.
    ends_play = wanted.change_type != "progress_update" and bool(title.position)
    if watched and (not title.play_count or ends_play):
        return [scrobble(title)]
    if watched is False and (title.play_count != 0 or ends_play):
        return [unscrobble(title)]
    return []


def _plan_position(title: Title, wanted: Wanted, threshold: float) -> list[Call]:
    position = wanted.position
    if position is None or title.is_at(position):
        return []
    if position == 0:
        return _plan_no_position(title, wanted)
    lengths = _lengths(title, wanted)
    if lengths:
        # A second before the threshold, which may count itself.
        last = int(min(lengths) * threshold) - SAME_POSITION
        position = max(1, min(position, last))
    elif title.length is not None:
        raise Rejected(
            "Plex takes no position of a title without a length, "
            f"and nobody knows that of {title.name}."
        )
    if title.is_at(position):
        return []
    return [stop(title, position, next(iter(lengths), 0))]


def _plan_no_position(title: Title, wanted: Wanted) -> list[Call]:
    """Keep the mark of a watched title: not every Plex takes a stop at 0 for no position."""
    calls = []
    if not title.play_count:
        calls.append(
            unscrobble(title).with_condition("if it is unwatched there and has a position")
        )
    if title.play_count != 0:
        calls += _plan_stop_at_0(title, wanted)
    return calls


def _plan_stop_at_0(title: Title, wanted: Wanted) -> list[Call]:
    if title.length == 0:
        return [scrobble(title)]
    length = title.length or wanted.duration_ms or 0
    return [stop(title, 0, length).with_condition("if it is watched there and has a position")]


def _lengths(title: Title, wanted: Wanted) -> list[int]:
    """Return the lengths that are known, Plex's own first."""
    return [length for length in (title.length, wanted.duration_ms) if length]
