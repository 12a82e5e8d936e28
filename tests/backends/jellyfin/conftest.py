"""A fake Jellyfin in which alice and an administrator live, and our client of it."""

from collections.abc import Iterator

import pytest

from mydia_web.backends.jellyfin import Jellyfin
from mydia_web.backends.values import Connection
from tests.backends.jellyfin.bench import JellyfinBench
from tests.fakes.jellyfin import FakeJellyfin
from tests.fakes.mediabrowser_library import Person


@pytest.fixture(params=["12.0.0", "10.11.11"])
def bench(request: pytest.FixtureRequest) -> Iterator[JellyfinBench]:
    """What goes over the wire must be as Jellyfin describes it, wherever its description is at
    hand.
    """
    bench = JellyfinBench(request.param)
    yield bench
    bench.close()
    assert bench.violations() == []


@pytest.fixture
def jellyfin(bench: JellyfinBench) -> FakeJellyfin:
    fake: FakeJellyfin = bench.fake
    return fake


@pytest.fixture
def alice(bench: JellyfinBench) -> Person:
    return bench.alice


@pytest.fixture
def admin(jellyfin: FakeJellyfin) -> Person:
    return jellyfin.add_person("root", "toor", is_admin=True)


@pytest.fixture
def backend(bench: JellyfinBench) -> Iterator[Jellyfin]:
    backend = Jellyfin(bench.connection())
    yield backend
    backend.close()


@pytest.fixture
def typed(jellyfin: FakeJellyfin, alice: Person) -> Connection:
    """A connection before linking, with the name and the password that were typed."""
    return Connection(jellyfin.url, credentials={"username": "alice", "password": alice.password})
