"""What the person did to each work, against which the end is judged.

No play may be there that nobody did, and none may be lost, but for what cannot be known:
- Kodi tells nothing: of what was done to a title between two readings, only the last can be found,
  and one that was unwatched and watched again looks as if nothing had been done.
- Plex tells nothing of marks made by hand, which it dates itself: they cannot be told from one of
  ours while that is owed, and of several between two readings only the last can be found.
- Jellyfin leaves the date of what was last begun on a title that is marked by hand.
- A mark may be gone before anybody hears of it, once something else was done where it was made.
- A mark on what is known to be watched says nothing new.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal

Kind = Literal["watch", "stop", "mark", "unwatch"]
#: A kind of server; "" is here.
Place = str

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass
class Deed:
    """The person finished it, marked it or took the mark away."""

    kind: Kind
    place: Place
    #: A play of it may be dated from here.
    began: datetime
    ended: datetime
    #: And up to here.
    datable_until: datetime
    #: It may have left no trace.
    is_covered: bool
    #: Nobody was told, and nobody has looked since.
    is_unread: bool


@dataclass
class Record:
    """What was done to one work."""

    #: Nobody finds out to the second when somebody stopped watching, and clocks differ.
    about: timedelta
    deeds: list[Deed] = field(default_factory=list)
    #: When it was last begun on Jellyfin and not finished.
    begun: datetime | None = None

    @property
    def last_play(self) -> datetime | None:
        return max((one.ended for one in self._plays()), default=None)

    @property
    def number_covered(self) -> int:
        return sum(one.is_covered for one in self._plays())

    def note(
        self, kind: Kind, place: Place, began: datetime, ended: datetime, *, is_known: bool
    ) -> None:
        is_silent = place == "kodi" or (place == "plex" and kind in ("mark", "unwatch"))
        there = [one for one in self.deeds if one.place == place]
        unread = [one for one in there if one.is_unread]
        for one in unread:
            one.is_covered |= place == "kodi" or one.kind == "mark"
        if place and there and there[-1].kind == "mark":
            there[-1].is_covered = True
        if place == "jellyfin":
            begun, self.begun = self.begun, began if kind == "stop" else None
            began = begun or began if kind == "mark" else began
        if kind == "stop":
            return
        is_hidden = is_silent and any(one.kind == "unwatch" for one in unread)
        is_covered = is_hidden or (kind == "mark" and is_known)
        until = _FOR_EVER if place == "jellyfin" and kind == "mark" else ended + self.about
        self.deeds.append(
            Deed(kind, place, began - self.about, ended, until, is_covered, is_silent)
        )

    def read(self, place: Place, *, everything: bool) -> None:
        """What has changed there since does not tell of what was unwatched."""
        for one in self.deeds:
            one.is_unread &= one.place != place or (one.kind == "unwatch" and not everything)

    def hide_marks(self) -> None:
        """A mark is owed to Plex: its own that nobody has read may be ours."""
        for one in self.deeds:
            one.is_covered |= one.is_unread and one.place == "plex" and one.kind == "mark"

    def phantoms(self, plays: Iterable[datetime | None]) -> Iterator[str]:
        """Plays that nobody did. Those that are found are taken off `missing`."""
        left = list(self._plays())
        # Who must be found, and may be dated least freely, first; the plays that nobody can date
        # last.
        left.sort(key=lambda one: (one.datable_until, one.is_covered))
        for at in sorted(plays, key=lambda at: at or _FOR_EVER):
            fits = [one for one in left if at is None or one.began <= at <= one.datable_until]
            if at is None:
                fits.sort(key=lambda one: one.is_covered)
            if fits:
                left.remove(fits[0])
            else:
                yield f"a play that nobody did, at {at}"
        self.missing = [one for one in left if not one.is_covered]

    def lost(self) -> Iterator[str]:
        """Plays that are not there. Asked after `phantoms`."""
        for one in self.missing:
            yield f"lost is the {one.kind} at {one.place or 'home'}, {one.ended:%d %H:%M:%S}"

    def wrongly_unwatched(self) -> Iterator[str]:
        """Given that it is unwatched."""
        watched = [one.ended for one in self._plays() if not one.is_covered]
        unwatched = [one.ended for one in self.deeds if one.kind == "unwatch"]
        if watched and max(unwatched, default=watched[0]) <= max(watched):
            last = max(watched)
            yield f"unwatched, though it was watched at {last} and nobody unwatched it since"

    def _plays(self) -> Iterator[Deed]:
        return (one for one in self.deeds if one.kind != "unwatch")
