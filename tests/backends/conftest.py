"""Fakes of servers, and our clients of them."""

from collections.abc import Iterator

import pytest

from mydia_web.backends.kodi import Kodi
from mydia_web.backends.values import Connection
from tests.backends.kodi import contract
from tests.fakes.kodi import FakeKodi


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    """A Kodi in New York. Every call that reached it must be one that Kodi's own description
    allows.
    """
    with FakeKodi(timezone="America/New_York") as kodi:
        yield kodi
    faults = [
        fault
        for call in kodi.requests
        for fault in contract.faults_of_call(call.method, call.params)
    ]
    assert not faults


@pytest.fixture
def backend(kodi: FakeKodi) -> Iterator[Kodi]:
    backend = Kodi(Connection(kodi.url, credentials=kodi.credentials))
    yield backend
    backend.close()
