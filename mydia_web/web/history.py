"""/history: what was watched, by day in the user's time zone, newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from flask import Blueprint, g, render_template, request, url_for
from flask.typing import ResponseReturnValue

from mydia_web.playback.history import Cursor, HistoryEntry, count_plays, history
from mydia_web.web.frame import htmx
from mydia_web.web.frame.filters import local

bp = Blueprint("history", __name__)

PAGE = 50
#: This many plays of one show in a row on one day are a binge, and folded into one line.
BINGE = 3


@dataclass(frozen=True, slots=True)
class Run:
    """Plays of one show, or of one film, that follow each other on a day."""

    entries: tuple[HistoryEntry, ...]

    @property
    def is_binge(self) -> bool:
        return len(self.entries) >= BINGE and self.entries[0].episode is not None


@dataclass(frozen=True, slots=True)
class Day:
    """One day's plays; `day` is None where nobody knows when."""

    day: date | None
    runs: tuple[Run, ...]
    #: Whether it goes on from the page before.
    continued: bool

    @property
    def id(self) -> str:
        """Of its heading; a day that is told on two pages has one on each."""
        name = self.day.isoformat() if self.day else "unknown"
        return f"day-{name}{'-continued' if self.continued else ''}"

    @property
    def plays(self) -> int:
        return sum(len(run.entries) for run in self.runs)

    @property
    def seconds(self) -> int:
        return sum(_seconds(entry) for run in self.runs for entry in run.entries)


@bp.get("/history")
def index() -> ResponseReturnValue:
    asked = request.args.get("before")
    before = Cursor.parse(asked) if asked else None
    found = history(g.user.id, before=before, limit=PAGE + 1)
    entries = found[:PAGE]
    days = tuple(_days(entries, before))
    older = _older(entries[-1]) if len(found) > PAGE else None
    if before and htmx.wants_fragment():
        return htmx.fragments(render_template("history/_days.html", days=days, older=older))
    total = count_plays(g.user.id) if before is None else None
    return render_template(
        "history/index.html", days=days, older=older, total=total, first_page=before is None
    )


def _days(entries: Sequence[HistoryEntry], before: Cursor | None) -> Iterator[Day]:
    last_seen = (_local_day(before.watched_at),) if before else ()
    for day, of_day in groupby(entries, key=lambda entry: _local_day(entry.watched_at)):
        runs = groupby(of_day, key=lambda entry: entry.item.id)
        yield Day(day, tuple(Run(tuple(run)) for _, run in runs), continued=last_seen == (day,))
        last_seen = ()


def _local_day(watched_at: datetime | None) -> date | None:
    return local(watched_at).date() if watched_at else None


def _older(entry: HistoryEntry) -> str:
    return url_for(".index", before=str(Cursor(entry.watched_at, entry.play_id)))


def _seconds(entry: HistoryEntry) -> int:
    return (entry.episode or entry.item).runtime_seconds or 0
