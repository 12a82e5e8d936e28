"""How often each kind of server is asked: the numbers that docs/sources.md tells.

With `-s` the table is printed as the documentation has it.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mydia_web.backends.backend import Backend
from mydia_web.backends.errors import BackendError
from mydia_web.backends.values import Target, Wanted
from mydia_web.sources.registry import backend_class
from tests.backends.bench import Bench
from tests.backends.benches import BENCHES

DOCUMENT = Path(__file__).parents[2] / "docs" / "sources.md"
CLICK = datetime(2024, 11, 21, 20, 30, 15, tzinfo=UTC)
LENGTH_MS = 90 * 60_000
FILMS, SHOWS, EPISODES = 5_000, 50, 100

MARK = Wanted(change_type="mark_watched", at=CLICK, watched=True, position_ms=0, watched_at=CLICK)
UNMARK = Wanted(change_type="mark_unwatched", at=CLICK, watched=False, position_ms=0)
POSITION = Wanted(
    change_type="progress_update",
    at=CLICK,
    watched=None,
    position_ms=LENGTH_MS // 3,
    duration_ms=LENGTH_MS,
)
LATE_POSITION = Wanted(
    change_type="progress_update",
    at=CLICK,
    watched=None,
    position_ms=LENGTH_MS * 3 // 4,
    duration_ms=LENGTH_MS,
)
REWATCH = Wanted(
    change_type="progress_update",
    at=CLICK,
    watched=True,
    position_ms=LENGTH_MS // 3,
    duration_ms=LENGTH_MS,
)

Prepare = Callable[[Bench, Target], None]


def nothing(bench: Bench, film: Target) -> None: ...


def begun(bench: Bench, film: Target) -> None:
    bench.person_stops_at(film, 600_000, CLICK - timedelta(days=1))


def watched(bench: Bench, film: Target) -> None:
    bench.person_watches(film, CLICK)


#: What is pushed, in words → what, and to a film in which state.
PUSHES: Mapping[str, tuple[Wanted, Prepare]] = {
    "mark watched": (MARK, nothing),
    "… what was begun": (MARK, begun),
    "… what is so already": (MARK, watched),
    "mark unwatched": (UNMARK, watched),
    "a position": (POSITION, nothing),
    "… in the last half": (LATE_POSITION, nothing),
    "a rewatch under way": (REWATCH, nothing),
}
#: In the order of `PUSHES`, then a pull of 10,000 titles.
COUNTS: Mapping[str, tuple[int, ...]] = {
    "jellyfin": (2, 2, 1, 2, 2, 2, 2, 22),
    "emby": (2, 2, 1, 2, 3, 3, 5, 21),
    "plex": (3, 3, 1, 3, 3, 4, 4, 24),
    "kodi": (2, 2, 1, 2, 2, 2, 2, 23),
    "trakt": (3, 4, 2, 3, 5, 5, 6, 42),
}
PULL = "a pull of 10,000 titles"
#: A hundred marks of titles whose ids are known, to a service that takes them together.
MARKS, REQUESTS_OF_MARKS = 100, 3


def table() -> str:
    kinds = [backend_class(kind).traits.product for kind in COUNTS]
    lines = [f"| | {' | '.join(kinds)} |", "|---" * (len(kinds) + 1) + "|"]
    for words, counts in zip((*PUSHES, PULL), zip(*COUNTS.values(), strict=True), strict=True):
        lines.append(f"| {words} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def test_the_documentation_has_the_table() -> None:
    print(table())
    assert table() in DOCUMENT.read_text(encoding="utf-8")


@pytest.fixture(params=BENCHES)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(kind: str) -> Iterator[Bench]:
    bench = BENCHES[kind]()
    yield bench
    bench.close()


@pytest.fixture
def backend(bench: Bench) -> Iterator[Backend]:
    """A client that was used before, as a worker has it."""
    backend = bench.backend(bench.connection())
    [other] = bench.add_movie("Another", imdb="tt0000001")
    backend.push(other, MARK)
    bench.requests()
    yield backend
    backend.close()


def test_so_many_requests_make_a_push(bench: Bench, backend: Backend, kind: str) -> None:
    counts = []
    for number, (wanted, prepare) in enumerate(PUSHES.values(), 2):
        [film] = bench.add_movie(f"Film {number}", imdb=f"tt{number:07}")
        prepare(bench, film)
        backend.push(film, wanted)
        counts.append(len(bench.requests()))
    assert tuple(counts) == COUNTS[kind][:-1]


def test_marks_go_out_together_where_a_service_takes_many(
    bench: Bench, backend: Backend, kind: str
) -> None:
    most = bench.backend.traits.batch_size
    assert (kind == "trakt") == (most > 1)
    if most == 1:
        return
    assert most == MARKS
    films = [film for number in range(MARKS) for film in bench.add_movie(f"Film {number}")]
    wanted = [
        (film, replace(MARK, at=at, watched_at=at))
        for number, film in enumerate(films)
        for at in [CLICK + timedelta(minutes=number)]
    ]
    bench.requests()
    assert all(not isinstance(state, BackendError) for state in backend.push_many(wanted))
    assert len(bench.requests()) == REQUESTS_OF_MARKS
    assert all(bench.held(film).play_count == 1 for film in films)


def test_so_many_requests_make_a_pull_of_10_000_titles(bench: Bench, kind: str) -> None:
    for number in range(FILMS):
        [film] = bench.add_movie(f"Film {number}", imdb=f"tt{number + 1:07}")
        if kind == "trakt":  # its library is what was watched
            bench.person_watches(film, CLICK + timedelta(minutes=number))
    for number in range(SHOWS * EPISODES):
        show, episode = divmod(number, EPISODES)
        added = bench.add_episode(f"Show {show}", 1, episode + 1)
        if kind == "trakt":
            bench.person_watches(added, CLICK + timedelta(minutes=number))
    bench.requests()
    backend = bench.backend(bench.connection())
    assert sum(len(page.items) for page in backend.library()) == FILMS + SHOWS * EPISODES
    backend.close()
    count = len(bench.requests())
    assert count == COUNTS[kind][-1]
    assert bench.writes() == []
