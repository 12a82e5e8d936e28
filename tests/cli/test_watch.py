"""`flask sync-queue --watch`: the view on a terminal, the log without one, and signals."""

import io
import logging
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from rich.console import Console

from mydia_web.accounts.models import User
from mydia_web.cli import live
from mydia_web.cli.live import LiveView, Rate, Tail
from mydia_web.clock import now
from mydia_web.db import begin_write, db
from mydia_web.library.models import MediaItem
from mydia_web.playback import mark_watched
from mydia_web.sources.health import pause_all
from mydia_web.sources.models import Source
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.cast import add_copy, add_film, add_server
from tests.fakes.kodi import FakeKodi

ROOT = Path(__file__).parents[2]
WATCH = [sys.executable, "-m", "flask", "--app", "mydia_web", "sync-queue", "--watch"]
ON_A_TERMINAL = [sys.executable, str(Path(__file__).parent / "on_a_terminal.py")]
CTRL_C = b"\x03"
#: Seconds. A machine that runs other tests besides is slow, not broken.
PATIENCE = 120


class Watching:
    """The command as a process, on a terminal or not."""

    def __init__(self, settings: object, tmp_path: Path, *words: str, terminal: bool) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "MYDIA_DATA_DIR": settings.data_dir,
            "MYDIA_DATABASE_URL": settings.database_url,
            "MYDIA_SECRET_KEY": settings.secret_key,
            "TERM": "xterm",
            "COLUMNS": "120",
            "LINES": "30",
        }
        self._log = tmp_path / "errors"
        self._screen = tmp_path / "screen"
        with self._screen.open("wb") as screen, self._log.open("wb") as log:
            command = [*(ON_A_TERMINAL if terminal else ()), *WATCH, *words]
            pipes = {"stdin": subprocess.PIPE, "stdout": screen, "stderr": log}
            self._process = subprocess.Popen(command, env=environment, cwd=ROOT, **pipes)

    @property
    def screen(self) -> str:
        return self._screen.read_text(errors="replace")

    @property
    def errors(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        """The process id of the command itself, where it runs on a terminal."""
        return int(self.errors.splitlines()[0])

    def shows(self, words: str) -> None:
        """Wait until it is shown, in whatever colours."""
        until = time.monotonic() + PATIENCE
        while not re.search(
            words, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.screen + self.errors)
        ):
            assert time.monotonic() < until, f"{words!r} is not in\n{self.screen}\n{self.errors}"
            assert self._process.poll() is None, self.screen + self.errors
            time.sleep(0.05)

    def type(self, keys: bytes) -> None:
        assert self._process.stdin
        self._process.stdin.write(keys)
        self._process.stdin.flush()

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ends(self) -> int:
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def watch(app: Flask, tmp_path: Path) -> Iterator[Callable[..., Watching]]:
    started = []

    def start(*words: str, terminal: bool = True) -> Watching:
        db.session.commit()
        started.append(Watching(app.config["SETTINGS"], tmp_path, *words, terminal=terminal))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_terminal_shows_each_source_as_it_changes(
    watch: Callable[..., Watching], server: Source, kodi: FakeKodi, alice: User, film: MediaItem
) -> None:
    watching = watch()
    watching.shows(r"Living room +Up to date +0 +0 +0 +0")
    db.session.commit()
    begin_write()
    mark_watched(alice.id, film, origin="web")
    db.session.commit()
    watching.shows(r"Living room .* 1 ")
    watching.shows(r"delivered .*row=1")
    assert kodi.movies[1].playcount == 1
    watching.type(CTRL_C)
    assert watching.ends() == 0
    screen = watching.screen
    assert "\x1b[?1049h" in screen, "it draws on a screen of its own"
    assert screen.rindex("\x1b[?1049l") < screen.rindex("Ended at"), (
        "what was seen last is left there"
    )
    assert screen.rindex("\x1b[?25h") > screen.rindex("\x1b[?25l"), "the cursor is back"
    assert "Traceback" not in screen + watching.errors


def test_sigterm_finishes_what_is_under_way_and_ends_well(
    watch: Callable[..., Watching], server: Source, kodi: FakeKodi, alice: User, film: MediaItem
) -> None:
    kodi.delay = 2.5  # three requests: longer than the view looks away
    mark_watched(alice.id, film, origin="web")
    watching = watch()
    watching.shows("Living room +Sending")
    os.kill(watching.pid, signal.SIGTERM)
    watching.shows("Finishing what is under way")
    assert watching.ends() == 0
    assert kodi.movies[1].playcount == 1
    assert re.search(
        r"Living room\W.*Up to date", watching.screen[watching.screen.rindex("\x1b[?1049l") :]
    )


def test_without_a_terminal_it_logs(
    watch: Callable[..., Watching], server: Source, kodi: FakeKodi, alice: User, film: MediaItem
) -> None:
    mark_watched(alice.id, film, origin="web")
    watching = watch(terminal=False)
    watching.shows("Watching the queue. Ctrl-C ends it.")
    watching.shows(r"INFO .*: delivered .*row=1")
    watching.signal(signal.SIGINT)
    assert watching.ends() == 0
    assert watching.screen == ""
    assert "\x1b" not in watching.errors


def test_json_on_a_terminal_logs_too(watch: Callable[..., Watching], server: Source) -> None:
    watching = watch("--json")
    watching.shows("Watching the queue. Ctrl-C ends it.")
    watching.type(CTRL_C)
    assert watching.ends() == 0
    assert "\x1b[?1049h" not in watching.screen


def frame(view: LiveView, *, width: int = 120, height: int = 30) -> str:
    console = Console(file=io.StringIO(), width=width, height=height)
    view.refresh(console)
    with console.capture() as captured:
        console.print(view)
    return captured.get()


def test_the_view_tells_each_state_in_words(alice: User) -> None:
    names = ("Idle", "Held", "Off", "Busy")
    idle, held, off, busy = (add_server(name, alice) for name in names)
    add_server("A folder", alice, kind="folder", url="/films")
    held.pause_reason = "operator"
    off.pause_reason, off.paused_until, off.last_error = (
        "down",
        now() + timedelta(minutes=5),
        "Nothing answers.",
    )
    busy.pause_reason, busy.paused_until = "rate_limited", now() + timedelta(minutes=5)
    db.session.commit()
    shown = frame(LiveView())
    for words in (
        "Idle +Up to date",
        "Held +Paused",
        r"Off +Down, next try \d\d:",
        "Busy +Asked us to wait",
    ):
        assert re.search(words, shown), shown
    assert "Off: Nothing answers." in shown
    assert "A folder" not in shown
    only = frame(LiveView([idle.id]))
    assert "Idle" in only
    assert "Held" not in only


def test_deliveries_are_counted_between_two_looks_at_the_database(
    server: Source, kodi: FakeKodi, alice: User, film: MediaItem
) -> None:
    films = [film, *(add_film(f"Film {number}") for number in range(3))]
    for one in films[1:]:
        movie = kodi.add_movie(one.title, year=2000, minutes=10)
        add_copy(server, one, f"movie:{movie.id}", movie.file)
    for one in films:
        mark_watched(alice.id, one, origin="web")
    db.session.commit()
    view = LiveView()
    assert re.search(r"Living room +Waiting +4 +0 +0 +0", frame(view))
    with Worker(on_settled=view.settled) as worker:
        worker.drain(limit=3)
    assert re.search(r"Living room +Waiting +1 +0 +0 +3", frame(view))


def test_nothing_is_drawn_while_nothing_changes(
    server: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK", 0.0)
    view, console = LiveView(), Console(file=io.StringIO(), width=80, height=24)
    assert view.refresh(console)
    assert not view.refresh(console)
    pause_all()
    db.session.commit()
    assert view.refresh(console)


def test_what_a_server_said_neither_colours_the_terminal_nor_commands_it(server: Source) -> None:
    server.last_error = "[red]\x1b[2J\x07[/nonsense]\nsecond line"
    db.session.commit()
    shown = frame(LiveView())
    assert "[red] [2J [/nonsense] second line" in shown
    assert "\x1b" not in shown


def test_a_long_queue_is_not_counted_to_its_end(
    server: Source, alice: User, film: MediaItem, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark_watched(alice.id, film, origin="web")
    db.session.commit()
    monkeypatch.setattr(live, "MAX_COUNT", 1)
    assert re.search(r"Living room +Waiting +1\+ ", frame(LiveView()))


def test_little_room_shows_less_of_the_log(server: Source) -> None:
    view = LiveView()
    for number in range(30):
        view.tail.handle(logging.makeLogRecord({"msg": f"event {number}"}))
    shown = frame(view, width=60, height=12)
    assert "event 29" in shown
    assert len(shown.splitlines()) <= 12
    assert frame(view, height=40).count("event") == live.LOG_LINES


def test_without_a_source_it_says_what_to_do(session: object) -> None:
    assert "add a source" in frame(LiveView())


def test_a_traceback_is_told_by_its_last_line() -> None:
    tail = Tail(5)
    try:
        raise OSError("the disk is full")
    except OSError as error:
        tail.handle(
            logging.makeLogRecord(
                {"msg": "stopped", "exc_info": (OSError, error, error.__traceback__)}
            )
        )
    [line] = tail.lines(5)
    assert line.endswith("stopped: OSError: the disk is full")


def test_the_rate_is_that_of_the_last_whole_seconds() -> None:
    rate = Rate()
    assert rate.per_second(100.0) == 0
    for hundredth in range(1000):
        rate.add(100 + hundredth / 100)
    assert rate.per_second(109.99) == 100
    assert rate.per_second(112.0) == 60
    assert rate.per_second(200.0) == 0


def test_a_worker_of_all_sources_also_reads_them(
    watch: Callable[..., Watching], server: Source, kodi: FakeKodi, alice: User
) -> None:
    """As where the web servers do not."""
    kodi.add_movie(
        "Tears of Steel", year=2012, imdb="tt2285752", playcount=1, lastplayed="2026-01-02 20:00:00"
    )
    db.session.commit()
    begin_write()
    pull = request_pull(server.id)
    db.session.commit()
    watching = watch(terminal=False)
    watching.shows("Watching the queue")
    until = time.monotonic() + PATIENCE
    while pull.finished_at is None and time.monotonic() < until:
        time.sleep(0.1)
        db.session.rollback()
    assert pull.message == "2 titles: 1 watched"
    watching.signal(signal.SIGINT)
    assert watching.ends() == 0
