"""Part `marks`: marking, unmarking and undoing a whole show, in statements and CPU time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median

from sqlalchemy import event
from sqlalchemy.engine import Engine

from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db
from mydia_web.library.content import list_episodes
from mydia_web.library.models import MediaItem
from mydia_web.playback import undo
from mydia_web.playback.acts import Act
from tests.benchmarks import filling
from tests.benchmarks.household import household
from tests.benchmarks.report import Row, table
from tests.cast import add_copy, add_server, add_show

USER = 1
ROUNDS = 7

#: (statements, CPU milliseconds) of each act, by its name.
Taken = dict[str, list[tuple[int, float]]]


def measure(database: str) -> None:
    columns = ("act", "episodes", "servers", "statements", "CPU, median", "least")
    with household(database), table(f"Marks of a whole show, {database}", *columns) as row:
        filling.people(1)
        for episodes in (10, 500):
            for servers in (1, 3):
                _measure(_show(episodes, servers), row, episodes, servers)


def _show(episodes: int, servers: int) -> int:
    show = add_show(f"{episodes} on {servers}", seasons=episodes // 10, episodes=10, minutes=25)
    user = db.session.get_one(User, USER)
    for episode in list_episodes(show.id):
        episode.air_date = None
    for number in range(servers):
        source = add_server(f"{show.title}, {number}", user)
        for episode in list_episodes(show.id):
            add_copy(source, episode)
    show_id = show.id
    db.session.commit()
    return show_id


def _measure(show_id: int, row: Row, episodes: int, servers: int) -> None:
    taken: Taken = {}
    for _ in range(ROUNDS):
        marked = _act(taken, "mark watched", lambda: _mark(show_id, Act.mark_show_watched))
        _act(taken, "undo of that", lambda change_set_id=marked: undo(change_set_id, USER) and 0)
        _act(taken, "mark watched", lambda: _mark(show_id, Act.mark_show_watched))
        unmarked = _act(taken, "mark unwatched", lambda: _mark(show_id, Act.mark_show_unwatched))
        _act(
            taken,
            "undo of that one",
            lambda change_set_id=unmarked: undo(change_set_id, USER) and 0,
        )
        _act(taken, "mark unwatched", lambda: _mark(show_id, Act.mark_show_unwatched))
    for name, costs in taken.items():
        spans = [span for _, span in costs]
        statements = max(number for number, _ in costs)
        row(name, episodes, servers, statements, f"{median(spans):.0f} ms", f"{min(spans):.0f} ms")


def _mark(show_id: int, change: Callable[[Act, MediaItem], int]) -> int:
    with Act(USER, "web") as act:
        change(act, db.session.get_one(MediaItem, show_id))
    return act.change_set_id or 0


def _act(taken: Taken, name: str, act: Callable[[], int]) -> int:
    with _counting() as ran:
        began = time.process_time()
        begin_write()
        change_set_id = act()
        db.session.commit()
        taken.setdefault(name, []).append((len(ran), 1000 * (time.process_time() - began)))
    db.session.remove()
    return change_set_id


@contextmanager
def _counting() -> Iterator[list[str]]:
    ran: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        ran.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield ran
    finally:
        event.remove(Engine, "before_cursor_execute", note)
