"""A fake Kodi on loopback, alice's account on it, and her library pulled from it."""

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db
from mydia_web.sources.models import Source
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.metrics import Summary
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.cast import add_server
from tests.fakes.kodi import FakeKodi
from tests.sync.household import Household


@pytest.fixture
def kodi() -> Iterator[FakeKodi]:
    with FakeKodi() as server:
        yield server


@pytest.fixture
def server(alice: User, kodi: FakeKodi) -> Source:
    """alice's Kodi."""
    source = add_server("Living room", alice, url=kodi.url)
    db.session.commit()
    return source


@pytest.fixture
def pull(server: Source):
    """Pull all of alice's Kodi, or `is_sweep=False` what it says has changed; what it brought."""

    def pull_now(*, is_sweep=True):
        db.session.commit()
        begin_write()
        pull_id = request_pull(server.id, is_sweep=is_sweep).id
        db.session.commit()
        return run_pull(pull_id)

    return pull_now


@pytest.fixture
def drain(session: object):
    """Deliver what is due."""

    def drain_now(**options) -> Summary:
        db.session.commit()
        with Worker() as worker:
            return worker.drain(**options)

    return drain_now


@pytest.fixture
def household(
    alice: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Household]:
    """alice's servers; none at first."""
    household = Household(alice, client, monkeypatch)
    yield household
    household.close()
