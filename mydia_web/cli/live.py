"""`sync-queue --watch` on a terminal: how each source stands, and the last lines of the log."""

import logging
import time
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from threading import Event, Thread

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text
from sqlalchemy.exc import DBAPIError

from mydia_web.cli.support import plain
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.logs import TextLines
from mydia_web.queue.board import Owed, owed_by_source
from mydia_web.sources.accounts import list_sources
from mydia_web.sources.health import health
from mydia_web.sources.models import Source
from mydia_web.sources.registry import kinds_that_take_pushes
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.metrics import Tally

#: Seconds between two drawings of what is in memory.
REFRESH = 0.5
#: Seconds between two readings of the database.
LOOK = 5.0
#: "10,000+": to count further would cost more than it tells.
MAX_COUNT = 10_000
LOG_LINES = 12
COLUMNS = ("Source", "State", "Waiting", "Sending", "Needs you", "Delivered", "Per second")
TEXT_COLUMNS = ("Source", "State")
#: Left out on a terminal of fewer columns than `WIDE`.
EXTRA_COLUMNS = ("Sending", "Per second")
WIDE = 90
#: Seconds over which deliveries per second are counted.
SPAN = 5


class Rate:
    """The number of events per second, over the last few seconds."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, int]] = deque(maxlen=SPAN + 1)

    def add(self, at: float) -> None:
        second = int(at)
        count = 1
        if self._seconds and self._seconds[-1][0] == second:
            count += self._seconds.pop()[1]
        self._seconds.append((second, count))

    def per_second(self, at: float) -> float:
        """Return the rate without the current second, which would pull the figure down."""
        whole = range(int(at) - SPAN, int(at))
        return sum(count for second, count in tuple(self._seconds) if second in whole) / SPAN


@dataclass(slots=True)
class Flow:
    """The deliveries of this process to one source."""

    tally: Tally = field(default_factory=Tally)
    rate: Rate = field(default_factory=Rate)

    def add(self, outcome: Outcome) -> None:
        self.tally.add(outcome)
        if outcome.failure is None:
            self.rate.add(time.monotonic())


class Tail(logging.Handler):
    """The last events of the log, formatted only when they are shown."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.setFormatter(TextLines("%(asctime)s %(message)s", "%H:%M:%S"))
        self._records: deque[logging.LogRecord] = deque(maxlen=limit)
        #: All events so far, also those that are not kept.
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self._records.append(record)
        self.count += 1

    def lines(self, limit: int) -> list[str]:
        if limit <= 0:
            return []
        return [self._line(record) for record in tuple(self._records)[-limit:]]

    def _line(self, record: logging.LogRecord) -> str:
        """Return the event as one line, with the last line of its traceback."""
        lines = self.format(record).splitlines() or [""]
        if len(lines) == 1:
            return lines[0]
        return f"{lines[0]}: {lines[-1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """A source as the database last had it, and what we had delivered to it by then."""

    source_id: int
    name: str
    state: Text
    owed: Owed
    delivered: int
    last_error: str


class LiveView:
    """The view. The worker's thread tells it of deliveries, another one draws it."""

    def __init__(self, source_ids: Sequence[int] | None = None) -> None:
        self.tail = Tail(LOG_LINES)
        #: The text of the last line.
        self.footer = "Ctrl-C ends it."
        self._source_ids = source_ids
        self._flows: dict[int, Flow] = defaultdict(Flow)
        self._lines: list[SourceLine] = []
        self._next_look = 0.0
        self._began_at = now().astimezone()
        self._shown: object = None

    def settled(self, outcome: Outcome) -> None:
        self._flows[outcome.delivery.source_id].add(outcome)

    def refresh(self, console: Console) -> bool:
        """Read the database if it is time to, and return whether there is anything new to draw."""
        at = time.monotonic()
        if at >= self._next_look:
            self.look()
            self._next_look = at + LOOK
        cells = [self._cells(line) for line in self._lines]
        content = (cells, self.tail.count, self.footer, console.size)
        is_new = content != self._shown
        self._shown = content
        return is_new

    def look(self) -> None:
        """Read the database."""
        try:
            owed = owed_by_source(None, limit=MAX_COUNT)
            self._lines = [
                self._line(source, owed.get(source.id, Owed()))
                for source in list_sources()
                if self._is_watched(source)
            ]
        except DBAPIError:
            pass  # the worker, which uses the same database, says so in the log
        finally:
            db.session.remove()

    def _is_watched(self, source: Source) -> bool:
        if self._source_ids is not None and source.id not in self._source_ids:
            return False
        return source.kind in kinds_that_take_pushes()

    def _line(self, source: Source, owed: Owed) -> SourceLine:
        tally = self._flows[source.id].tally
        return SourceLine(
            source_id=source.id,
            name=source.name,
            state=_state(source, owed),
            owed=owed,
            delivered=tally.synced,
            last_error=tally.last_error or source.last_error or "",
        )

    def _cells(self, line: SourceLine) -> dict[str, Text | str]:
        """Return the text of a source in each column."""
        flow = self._flows[line.source_id]
        waiting = line.owed.waiting
        if waiting < MAX_COUNT:
            delivered_since = flow.tally.synced - line.delivered
            waiting = max(0, waiting - delivered_since)
        rate = flow.rate.per_second(time.monotonic())
        return {
            "Source": plain(line.name),
            "State": line.state,
            "Waiting": _capped(waiting),
            "Sending": _capped(line.owed.sending),
            "Needs you": _capped(line.owed.needs_you),
            "Delivered": f"{flow.tally.synced:,}",
            "Per second": f"{rate:.1f}" if rate else "",
        }

    def _table(self, width: int) -> Table:
        columns = [column for column in COLUMNS if width >= WIDE or column not in EXTRA_COLUMNS]
        table = Table(box=SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            if column in TEXT_COLUMNS:
                table.add_column(column, no_wrap=True)
            else:
                table.add_column(column, justify="right", no_wrap=True, min_width=len(column))
        for line in self._lines:
            cells = self._cells(line)
            table.add_row(*(cells[column] for column in columns))
        return table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> list[RenderableType]:
        view: list[RenderableType] = [self._table(options.max_width)]
        if not self._lines:
            view.append(Text("No server is told anything yet: add a source."))
        view.extend(
            _one_line(f"{line.name}: {line.last_error}", "red")
            for line in self._lines
            if line.last_error
        )
        view.append(Text())
        # The table's frame, the footer and the cursor take 4 lines more.
        room = options.max_height - len(self._lines) - len(view) - 4
        view.extend(_one_line(text, "dim") for text in self.tail.lines(min(LOG_LINES, room)))
        view.append(Text(f"Watching since {self._began_at:%H:%M:%S}. {self.footer}", "bold"))
        return view


def show(view: LiveView, console: Console, stop: Event, worker: Thread) -> None:
    """Draw the view until the worker has ended. The last state stays on the terminal."""
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
            if stop.wait(REFRESH):
                view.footer = "Finishing what is under way …"
                worker.join(REFRESH)
    view.footer = f"Ended at {now().astimezone():%H:%M:%S}."
    view.look()
    console.print(view)


def _state(source: Source, owed: Owed) -> Text:
    status = health(source, None)
    next_try = "soon"
    if status.next_try_at:
        next_try = f"{status.next_try_at.astimezone():%H:%M:%S}"
    match status.mood:
        case "paused":
            return Text("Paused", "yellow")
        case "down":
            return Text(f"Down, next try {next_try}", "red")
        case "rate_limited":
            return Text(f"Asked us to wait until {next_try}", "yellow")
    if owed.sending:
        return Text("Sending", "cyan")
    if owed.waiting:
        return Text("Waiting", "cyan")
    return Text("Up to date", "green")


def _capped(count: int) -> str:
    if count < MAX_COUNT:
        return f"{count:,}"
    return f"{MAX_COUNT:,}+"


def _one_line(text: str, style: str) -> Text:
    line = plain(text)
    line.style = style
    line.no_wrap = True
    line.overflow = "ellipsis"
    return line
