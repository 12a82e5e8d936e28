"""`sync-queue --watch` on a terminal: how each source stands, as it changes, and the last lines of
the log.
"""

import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event, Thread

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from mydia_web.cli.flow import Flow, Tail
from mydia_web.cli.terminal import plain
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.listing import Owed, owed_by_source
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.health import health
from mydia_web.sources.models import Source
from mydia_web.sources.registry import kinds_that_take_pushes
from mydia_web.sync.outbound.delivery import Outcome

#: Seconds between two looks at what is in memory, and at the database.
REFRESH, LOOK = 0.5, 5.0
#: "10,000+": to count further would cost more than it tells.
MAX_COUNT = 10_000
LOG_LINES = 12
COLUMNS = ("Source", "State", "Waiting", "Sending", "Needs you", "Delivered", "Per second")
#: Columns of a terminal that has room for all of these.
WIDE = 90


@dataclass(frozen=True, slots=True)
class SourceLine:
    """How a source stood when the database was looked at, and what we had delivered by then."""

    source_id: int
    name: str
    state: str
    style: str
    owed: Owed
    delivered: int
    last_error: str


class LiveView:
    """What is shown. It is told of deliveries by the worker's thread, and looked at by another."""

    def __init__(self, source_ids: Sequence[int] | None = None) -> None:
        self.tail = Tail(LOG_LINES)
        #: What the last line says.
        self.words = "Ctrl-C ends it."
        self._only = source_ids
        self._flows: dict[int, Flow] = defaultdict(Flow)
        self._lines: list[SourceLine] = []
        self._next_look = 0.0
        self._begun = now().astimezone()
        self._shown: object = None

    def settled(self, outcome: Outcome) -> None:
        self._flows[outcome.delivery.source_id].add(outcome)

    def refresh(self, console: Console) -> bool:
        """Is there anything new to see?"""
        at = time.monotonic()
        if at >= self._next_look:
            self.look()
            self._next_look = at + LOOK
        seen = (
            [self._figures(one) for one in self._lines],
            self.tail.count,
            self.words,
            console.size,
        )
        is_new, self._shown = seen != self._shown, seen
        return is_new

    def look(self) -> None:
        """At the database."""
        try:
            owed = owed_by_source(None, most=MAX_COUNT)
            self._lines = [
                self._line(source, owed.get(source.id, Owed()))
                for source in list_sources()
                if source.kind in kinds_that_take_pushes()
                and (self._only is None or source.id in self._only)
            ]
        except DBAPIError:
            pass  # the worker, which uses the same database, says so in the log
        finally:
            db.session.remove()

    def _line(self, source: Source, owed: Owed) -> SourceLine:
        state, style = _state(source, owed)
        tally = self._flows[source.id].tally
        error = tally.last_error or source.last_error or ""
        return SourceLine(source.id, source.name, state, style, owed, tally.synced, error)

    def _figures(self, one: SourceLine) -> dict[str, Text | str]:
        """What each column tells of a source."""
        flow = self._flows[one.source_id]
        # What was delivered since the database was looked at waits no more.
        since = flow.tally.synced - one.delivered if one.owed.waiting < MAX_COUNT else 0
        rate = flow.rate.per_second(time.monotonic())
        return {
            "Source": plain(one.name),
            "State": Text(one.state, one.style),
            "Waiting": _capped(max(0, one.owed.waiting - since)),
            "Sending": _capped(one.owed.sending),
            "Needs you": _capped(one.owed.needs_you),
            "Delivered": f"{flow.tally.synced:,}",
            "Per second": f"{rate:.1f}" if rate else "",
        }

    def _table(self, width: int) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        headings = [
            name for name in COLUMNS if width >= WIDE or name not in ("Sending", "Per second")
        ]
        for heading in headings:
            is_figure = heading not in ("Source", "State")
            least = len(heading) if is_figure else None
            table.add_column(
                heading, justify="right" if is_figure else "left", no_wrap=True, min_width=least
            )
        for figures in map(self._figures, self._lines):
            table.add_row(*(figures[heading] for heading in headings))
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> list[RenderableType]:
        table = self._table(options.max_width)
        errors = [
            _one_line(f"{one.name}: {one.last_error}", "red")
            for one in self._lines
            if one.last_error
        ]
        room = options.max_height - len(self._lines) - len(errors) - 6
        log = [_one_line(line, "dim") for line in self.tail.lines(min(LOG_LINES, room))]
        footer = Text(f"Watching since {self._begun:%H:%M:%S}. {self.words}", "bold")
        nobody = [] if self._lines else [Text("No server is told anything yet: add a source.")]
        return [table, *nobody, *errors, Text(), *log, footer]


def show(view: LiveView, console: Console, stop: Event, worker: Thread) -> None:
    """Until the worker has ended. What was seen last stays on the terminal."""
    with Live(
        console=console,
        screen=True,
        auto_refresh=False,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as live:
        while worker.is_alive():
            if view.refresh(console):
                live.update(view, refresh=True)
            if not stop.wait(REFRESH):
                continue
            view.words = "Finishing what is under way …"
            worker.join(REFRESH)
    view.words = f"Ended at {now().astimezone():%H:%M:%S}."
    view.look()
    console.print(view)


def _state(source: Source, owed: Owed) -> tuple[str, str]:
    """In words, and their colour."""
    found = health(source, None)
    until = f"{found.next_try_at.astimezone():%H:%M:%S}" if found.next_try_at else "soon"
    words = {
        "paused": ("Paused", "yellow"),
        "down": (f"Down, next try {until}", "red"),
        "rate_limited": (f"Asked us to wait until {until}", "yellow"),
    }
    if found.mood in words:
        return words[found.mood]
    if owed.sending:
        return "Sending", "cyan"
    return ("Waiting", "cyan") if owed.waiting else ("Up to date", "green")


def _capped(number: int) -> str:
    return f"{number:,}" if number < MAX_COUNT else f"{MAX_COUNT:,}+"


def _one_line(words: str, style: str) -> Text:
    line = plain(words)
    line.style, line.no_wrap, line.overflow = style, True, "ellipsis"
    return line
