"""Servers and titles that are held back, so that two processes meet where a test wants it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Event

from sqlalchemy import text

from mydia_web.db import begin_write, db, has_one_writer, lock_titles
from tests.backends.emby.bench import EmbyBench
from tests.backends.jellyfin.bench import JellyfinBench
from tests.chaos.processes import wait_until
from tests.fakes.emby import FakeEmby
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser import FakeServer, Reply

#: In seconds: more than anything here takes on a busy machine.
PATIENCE = 60


class Gate(FakeServer):
    """Sends its listing when it is let; what it says is of the moment it was asked.

    As long as it is told to, it keeps whoever asks for single titles waiting too, which is done
    before a delivery.
    """

    def __init__(self, *arguments: object, **options: object) -> None:
        self.was_asked = Event()
        self.is_open = Event()
        self.is_open.set()
        self.shows_titles = Event()
        self.shows_titles.set()
        super().__init__(*arguments, **options)  # type: ignore[arg-type]

    def shut(self) -> None:
        self.was_asked.clear()
        self.is_open.clear()

    def reply_to(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Reply:
        if method == "GET" and ("ids=" in target.lower() or "/userdata" in target.lower()):
            self.shows_titles.wait(PATIENCE)
        reply = super().reply_to(method, target, headers, body)
        if "includeitemtypes=movie" in target.lower():
            self.was_asked.set()
            self.is_open.wait(PATIENCE)
        return reply


class GatedJellyfin(Gate, FakeJellyfin):
    pass


class GatedEmby(Gate, FakeEmby):
    pass


class GatedJellyfinBench(JellyfinBench):
    def __init__(self) -> None:
        super(JellyfinBench, self).__init__(GatedJellyfin())


class GatedEmbyBench(EmbyBench):
    def __init__(self) -> None:
        super(EmbyBench, self).__init__(GatedEmby())


@contextmanager
def titles_held(user_id: int, film_ids: Sequence[int]) -> Iterator[None]:
    """Let nobody read or change what the person has of these titles. SQLite cannot hold some alone:
    there all go on.
    """
    db.session.commit()
    begin_write()
    lock_titles((user_id, film_id) for film_id in film_ids)
    try:
        yield
    finally:
        db.session.commit()


def await_waiting(number: int) -> None:
    """Wait until so many transactions wait for titles that are held."""
    if has_one_writer():
        return
    query = text(
        "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database"
        " WHERE datname = current_database() AND locktype = 'advisory' AND NOT granted"
    )
    wait_until(
        lambda: db.session.scalar(query) >= number,
        PATIENCE,
        what=f"{number} to wait for the same titles",
    )
