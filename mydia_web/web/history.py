"""/history: what was watched, by day in the user's time zone, newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from flask import Blueprint, g, render_template, url_for
from flask.typing import ResponseReturnValue

from mydia_web.playback.history import Cursor as PlayPlace
from mydia_web.playback.history import HistoryEntry, count_plays, history
from mydia_web.web.frame import htmx
from mydia_web.web.frame.cursor import ID, OPTIONAL_TIME, Cursor
from mydia_web.web.frame.filters import local

bp = Blueprint("history", __name__)

PAGE = 50
#: This many plays of one show in a row on one day are a binge, folded into one line.
BINGE = 3

#: Also the cursor of the API's list.
CURSOR = Cursor(
    parameter="before",
    place=PlayPlace,
    fields=(OPTIONAL_TIME, ID),
    error="This page of the history cannot be found. Start again from the top.",
)


@dataclass(frozen=True, slots=True)
class Run:
    """Plays of one show or one film that follow each other on a day."""

    entries: tuple[HistoryEntry, ...]

    @property
    def is_binge(self) -> bool:
        return len(self.entries) >= BINGE and self.entries[0].episode is not None

    @property
    def first(self) -> HistoryEntry:
        """The earliest play; the entries begin with the latest."""
        return self.entries[-1]

    @property
    def last(self) -> HistoryEntry:
        return self.entries[0]


@dataclass(frozen=True, slots=True)
class Day:
    """One day's plays; `day` is None where the date is unknown."""

    day: date | None
    runs: tuple[Run, ...]
    #: Whether the page before ends with the same day.
    continued: bool

    @property
    def id(self) -> str:
        """The id of its heading, which differs when a day goes on to another page."""
        name = self.day.isoformat() if self.day else "unknown"
        if self.continued:
            return f"day-{name}-continued"
        return f"day-{name}"

    @property
    def plays(self) -> int:
        return sum(len(run.entries) for run in self.runs)

    @property
    def seconds(self) -> int:
        return sum(_seconds(entry) for run in self.runs for entry in run.entries)


@bp.get("/history")
def index() -> ResponseReturnValue:
    before = CURSOR.asked()
    entries = history(g.user.id, before=before, limit=PAGE + 1)
    shown = entries[:PAGE]
    older = None
    if len(entries) > PAGE:
        older = _address_of_older(shown[-1])
    days = tuple(_days(shown, before))
    if before and htmx.wants_fragment():
        return htmx.fragments(render_template("history/_days.html", days=days, older=older))
    total = count_plays(g.user.id) if before is None else None
    return render_template(
        "history/index.html", days=days, older=older, total=total, first_page=before is None
    )


def _days(entries: Sequence[HistoryEntry], before: PlayPlace | None) -> Iterator[Day]:
    is_continued = False
    if before and entries:
        is_continued = _local_day(before.watched_at) == _local_day(entries[0].watched_at)
    for day, plays in groupby(entries, key=lambda entry: _local_day(entry.watched_at)):
        runs = groupby(plays, key=lambda entry: entry.item.id)
        yield Day(day, tuple(Run(tuple(run)) for _, run in runs), is_continued)
        is_continued = False


def _local_day(watched_at: datetime | None) -> date | None:
    if watched_at:
        return local(watched_at).date()
    return None


def _address_of_older(entry: HistoryEntry) -> str:
    return url_for(".index", before=CURSOR.write(entry.watched_at, entry.play_id))


def _seconds(entry: HistoryEntry) -> int:
    return (entry.episode or entry.item).runtime_seconds or 0
