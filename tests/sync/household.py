"""alice's servers of any kinds, each a stand-in on loopback, that the real product pulls from and
delivers to.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from mydia_web import clock
from mydia_web.accounts.models import User
from mydia_web.db import begin_write, db
from mydia_web.library.models import Content, Episode, MediaItem
from mydia_web.playback.models import Play
from mydia_web.queue.models import QueuedChange
from mydia_web.sources import registry
from mydia_web.sources.accounts import add_source, get_source
from mydia_web.sources.inbox import make_webhook, webhook_secret
from mydia_web.sources.linking import keep_sign_in, note_server, sign_in
from mydia_web.sources.models import SourceEvent
from mydia_web.sync.inbound.inbox import apply_events
from mydia_web.sync.inbound.report import Report
from mydia_web.sync.inbound.run_pull import run_pull
from mydia_web.sync.outbound.metrics import Summary
from mydia_web.sync.outbound.worker import Worker
from mydia_web.sync.pulls import request_pull
from tests.backends.benches import BENCHES

#: What has the servers disagree about this film, in the tests that need but one.
HEAT = {"year": 1995, "minutes": 170, "imdb": "tt0113277"}


@dataclass
class Server:
    """One server of alice's."""

    name: str
    #: The stand-in, its traits and all.
    bench: Any
    source_id: int
    _client: FlaskClient

    @property
    def fake(self) -> Any:
        """The stand-in itself."""
        return getattr(
            self.bench,
            {"KodiBench": "kodi", "PlexBench": "_plex"}.get(type(self.bench).__name__, "fake"),
        )

    def has_heat(self) -> Any:
        """The film, as the server holds it."""
        [target] = self.bench.add_movie("Heat", **HEAT)
        return target

    def pull(self, **how: bool) -> Report:
        """Read everything there."""
        db.session.commit()
        begin_write()
        pull_id = request_pull(self.source_id, **{"is_sweep": True, **how}).id
        db.session.commit()
        report = run_pull(pull_id)
        assert report is not None
        return report

    def sends(self, payload: dict[str, Any], *, kind: str = "", is_applied: bool = True) -> str:
        """A webhook of the server's, and what came of it in words."""
        source = get_source(self.source_id)
        address = f"/webhooks/{kind or source.kind}/{webhook_secret(source)}"
        answer = self._client.post(address, json=payload)
        assert answer.status_code == 202, answer.text
        if is_applied:
            apply_events()
        return last_event()


def last_event() -> str:
    event = db.session.scalars(select(SourceEvent).order_by(SourceEvent.id.desc()).limit(1)).one()
    return f"{event.status}: {event.message}"


class Household:
    """alice's servers, and what is done with all of them."""

    def __init__(self, alice: User, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
        self._alice, self._client, self._monkeypatch = alice, client, monkeypatch
        self._ahead = timedelta()
        self.servers: list[Server] = []

    def add(self, kind: str, name: str = "", bench: Any = None) -> Server:
        """A server on which alice is signed in. Of Plex and Trakt there can be but one."""
        bench = bench or BENCHES[kind]()
        self._monkeypatch.setitem(registry._BACKENDS, kind, bench.backend)
        signed_in = sign_in(kind, replace(bench.connection(), device_id="device-of-alice"))
        source = add_source(kind, name or kind.capitalize(), bench.connection().base_url)
        note_server(source, signed_in.server.server_id)
        keep_sign_in(source, self._alice.id, signed_in.linked, signed_in.device_id)
        make_webhook(source)
        db.session.commit()
        self.servers.append(Server(source.name, bench, source.id, self._client))
        return self.servers[-1]

    def drain(self, **options: Any) -> Summary:
        """Deliver what is due."""
        db.session.commit()
        with Worker() as worker:
            return worker.drain(**options)

    def later(self, **span: float) -> None:
        """All clocks go forward, ours and the servers'."""
        self._ahead += timedelta(**span)
        self._monkeypatch.setattr(clock, "read", self._now)
        for server in self.servers:
            server.fake.now = self._now

    def _now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def settle(self) -> None:
        """Pull from all, then tell all: each has heard the others."""
        for server in self.servers:
            server.pull()
        self.drain()

    def close(self) -> None:
        for server in self.servers:
            server.bench.close()


def heat() -> MediaItem:
    """As our library has it."""
    return db.session.scalars(select(MediaItem).where(MediaItem.title == "Heat")).one()


def plays_of(user: User, content: Content) -> list[Any]:
    column = Play.episode_id if isinstance(content, Episode) else Play.media_item_id
    query = select(Play.watched_at).where(Play.user_id == user.id, column == content.id)
    return list(db.session.scalars(query.order_by(Play.watched_at)))


def queue() -> list[QueuedChange]:
    query = select(QueuedChange).order_by(QueuedChange.id).execution_options(populate_existing=True)
    return list(db.session.scalars(query))
