"""/healthz: whether the process works. /metrics: the queue as Prometheus reads it."""

from collections.abc import Iterator
from datetime import datetime

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from sqlalchemy import select

from mydia_web.accounts.models import User
from mydia_web.clock import now
from mydia_web.db import db
from mydia_web.queue.board import count_by_source
from mydia_web.sync.metrics import registry as process_registry
from mydia_web.web.frame.auth import public

bp = Blueprint("monitoring", __name__)

_STATES = ("waiting", "sending", "needs_you", "synced")


@bp.get("/healthz")
@public
def health() -> ResponseReturnValue:
    # SQLite needs no file for `SELECT 1`; a table proves that the database is there.
    db.session.execute(select(User.id).limit(1))
    return {"status": "ok"}


@bp.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Report what is owed, from the database, and what this process has pushed."""
    state = CollectorRegistry()
    state.register(QueueCollector())
    text = generate_latest(state) + generate_latest(process_registry)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


class QueueCollector:
    """The changes owed to each source at this moment."""

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            "mydia_queue_rows", "Queued changes by their state.", labels=["source", "state"]
        )
        overdue = GaugeMetricFamily(
            "mydia_queue_oldest_due_seconds",
            "How long the longest due row has been due.",
            labels=["source"],
        )
        paused = GaugeMetricFamily(
            "mydia_source_paused", "1 while nothing is sent.", labels=["source", "reason"]
        )
        for counts in count_by_source():
            name = counts.source.name
            reason = counts.source.pause_reason
            for state in _STATES:
                rows.add_metric([name, state], getattr(counts, state))
            overdue.add_metric([name], _seconds_since(counts.next_attempt_at))
            paused.add_metric([name, reason or ""], float(reason is not None))
        yield from (rows, overdue, paused)


def _seconds_since(at: datetime | None) -> float:
    if at is None:
        return 0.0
    return max(0.0, (now() - at).total_seconds())
