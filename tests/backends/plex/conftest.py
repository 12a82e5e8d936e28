"""Alice's Plex and a client of it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mydia_web.backends.plex import Plex
from mydia_web.backends.values import Connection
from tests.backends.plex import contract
from tests.fakes.plex import ALICE, FakePlex

Open = Callable[..., Plex]


@pytest.fixture
def plex() -> Iterator[FakePlex]:
    """Yield a Plex whose requests and answers must agree with the published descriptions."""
    with FakePlex() as plex:
        yield plex
    asked = [one for one in plex.exchanges if "json" in one.request.header("Accept")]
    assert contract.faults_of_server(asked) == []
    assert contract.faults_of_tv(plex.tv.exchanges) == []


@pytest.fixture
def open_plex(plex: FakePlex) -> Iterator[Open]:
    """Yield a maker of clients with these credentials and `Connection` fields."""
    opened: list[Plex] = []

    def open_it(credentials: dict[str, str] | None = None, url: str = "", **other: Any) -> Plex:
        connection = Connection(
            url or plex.url, credentials=credentials or signed_in(plex), **other
        )
        opened.append(kind_at(plex)(connection))
        return opened[-1]

    yield open_it
    for backend in opened:
        backend.close()


@pytest.fixture
def backend(open_plex: Open) -> Plex:
    """Return Alice's client, as it is stored after linking."""
    return open_plex()


def kind_at(plex: FakePlex) -> type[Plex]:
    """Return the backend with its accounts on loopback."""
    return type("PlexHere", (Plex,), {"plex_tv": plex.tv.url})


def signed_in(plex: FakePlex, user_id: int = ALICE) -> dict[str, str]:
    token = plex.tv.server_token(user_id, plex.machine_id)
    return {"token": token, "user_id": str(user_id), "server_id": plex.machine_id}
