"""Episodes with a number and no season: of a show that has no numbered season, they are of season
1.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mydia_web.backends.backend import Backend
from mydia_web.backends.mediabrowser import listing
from tests.backends.emby.bench import EmbyBench
from tests.backends.jellyfin.bench import JellyfinBench
from tests.backends.mediabrowser.bench import MediaBrowserBench
from tests.fakes.mediabrowser_library import Title

SHOW = "Cowboy Bebop"
AT = datetime.now(UTC)
Numbers = list[tuple[int | None, int | None]]
Add = Callable[[str, Numbers], list[Title]]


@pytest.fixture(params=[JellyfinBench, EmbyBench])
def bench(request: pytest.FixtureRequest) -> Iterator[MediaBrowserBench]:
    bench = request.param()
    yield bench
    bench.close()
    assert bench.violations() == []


@pytest.fixture
def backend(bench: MediaBrowserBench) -> Iterator[Backend]:
    backend = bench.backend(bench.connection())
    yield backend
    backend.close()


@pytest.fixture
def add(bench: MediaBrowserBench) -> Add:
    """Episodes of one show, each named so."""

    def added(name: str, numbers: Numbers) -> list[Title]:
        show = bench._library.add_show(SHOW)
        return [
            bench._library.add_episode(show, season, number, name) for season, number in numbers
        ]

    return added


def numbers(pages: Any) -> Numbers:
    items = [item for page in pages for item in page.items]
    return sorted(((item.season_number, item.episode_number) for item in items), key=str)


CASES: list[tuple[str, Numbers, Numbers]] = [
    (SHOW, [(None, 1), (None, 2)], [(1, 1), (1, 2)]),
    (SHOW, [(0, 1), (0, 2)], [(1, 1), (1, 2)]),
    ("Special", [(0, 1), (0, 2)], [(0, 1), (0, 2)]),
    ("Part", [(None, 1), (None, 2)], [(1, 1), (1, 2)]),
    (SHOW, [(1, 1), (None, 2)], [(1, 1), (None, 2)]),
    (SHOW, [(2, 1), (0, 2)], [(2, 1), (0, 2)]),
    ("Part", [(0, 1), (None, 2)], [(0, 1), (1, 2)]),
    (SHOW, [(None, None)], [(None, None)]),
]


@pytest.mark.parametrize(("name", "there", "here"), CASES)
def test_a_whole_reading_knows_which_shows_have_seasons(
    backend: Backend, add: Add, name: str, there: Numbers, here: Numbers
) -> None:
    add(name, there)
    assert numbers(backend.library()) == sorted(here, key=str)


@pytest.mark.parametrize(("name", "there", "here"), CASES)
def test_so_do_changes(
    bench: MediaBrowserBench, backend: Backend, add: Add, name: str, there: Numbers, here: Numbers
) -> None:
    *_, last = add(name, there)
    bench._library.watch(bench.alice, last, AT)
    pages = list(backend.changes(AT - timedelta(minutes=1)) or ())
    titles = [item for page in pages for item in page.items if item.state and item.state.watched]
    assert [(item.season_number, item.episode_number) for item in titles] == here[-1:]


def test_what_stands_on_the_first_page_waits_for_the_last(
    backend: Backend, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    add("Part", [(None, 1), (None, 2), (None, 3), (1, 4)])
    pages = list(backend.library())
    assert numbers(pages) == [(1, 4), (None, 1), (None, 2), (None, 3)]
    assert [page.done for page in pages] == sorted(page.done for page in pages)
    assert pages[-1].done == pages[-1].total == 4
