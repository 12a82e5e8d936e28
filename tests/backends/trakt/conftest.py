"""A fake Trakt and a client of it. Tests do not wait: only sleeping moves the clock."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mydia_web.backends.trakt import Trakt
from mydia_web.backends.trakt.api import Pace
from mydia_web.backends.values import Connection
from tests.backends.trakt import published
from tests.fakes.trakt import FakeTrakt, Ticks
from tests.fakes.trakt_oauth import Token


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def trakt(ticks: Ticks) -> Iterator[FakeTrakt]:
    """Yield a Trakt whose requests and answers must agree with Trakt's own description."""
    with FakeTrakt(monotonic=ticks.monotonic) as trakt:
        yield trakt
    assert published.faults(trakt.exchanges) == []


@pytest.fixture
def token(trakt: FakeTrakt) -> Token:
    return trakt.oauth.grant(trakt.alice)


@pytest.fixture
def connection(trakt: FakeTrakt, token: Token) -> Connection:
    """Return a connection as it is stored after linking."""
    credentials = {
        **trakt.app,
        "access_token": token.access,
        "refresh_token": token.refresh,
        "issued_at": str(int(trakt.now().timestamp())),
        "expires_at": str(int(token.expires_at.timestamp())),
    }
    return Connection(trakt.url, credentials=credentials, remote_user_id=trakt.alice.uuid)


@pytest.fixture
def client(ticks: Ticks) -> Iterator[Callable[[Connection], Trakt]]:
    """Yield a maker of clients, which are closed at the end."""
    made: list[Trakt] = []

    def make(connection: Connection, **other: Any) -> Trakt:
        made.append(
            Trakt(connection, pace=Pace(monotonic=ticks.monotonic, sleep=ticks.sleep), **other)
        )
        return made[-1]

    yield make
    for backend in made:
        backend.close()


@pytest.fixture
def backend(client: Callable[[Connection], Trakt], connection: Connection) -> Trakt:
    return client(connection)
