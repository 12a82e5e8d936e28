"""A fake Emby in which alice and an administrator live, and our client of it."""

from collections.abc import Iterator

import pytest

from mydia_web.backends.emby import Emby
from mydia_web.backends.values import Connection
from tests.backends.emby.bench import EmbyBench
from tests.fakes.emby import FakeEmby
from tests.fakes.mediabrowser_library import Person


@pytest.fixture(params=["4.9.1.90", "4.8.11.0"])
def bench(request: pytest.FixtureRequest) -> Iterator[EmbyBench]:
    """A fake whose requests and answers must match Emby's description, where that is at hand."""
    bench = EmbyBench(request.param)
    yield bench
    bench.close()
    assert bench.violations() == []


@pytest.fixture
def emby(bench: EmbyBench) -> FakeEmby:
    fake: FakeEmby = bench.fake
    return fake


@pytest.fixture
def alice(bench: EmbyBench) -> Person:
    return bench.alice


@pytest.fixture
def admin(emby: FakeEmby) -> Person:
    return emby.add_person("root", "toor", is_admin=True)


@pytest.fixture
def backend(bench: EmbyBench) -> Iterator[Emby]:
    backend = Emby(bench.connection())
    yield backend
    backend.close()


@pytest.fixture
def typed(emby: FakeEmby, alice: Person) -> Connection:
    return Connection(emby.url, credentials={"username": "alice", "password": alice.password})
