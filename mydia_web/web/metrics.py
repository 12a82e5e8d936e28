"""/metrics: the queue as Prometheus reads it, with a bearer token."""

from collections.abc import Iterator

from flask import Blueprint, Response
from flask.typing import ResponseReturnValue
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

from mydia_web.clock import now
from mydia_web.queue.board import count_by_source
from mydia_web.sync.metrics import registry as process_registry

bp = Blueprint("metrics", __name__)


@bp.get("/metrics")
def scrape() -> ResponseReturnValue:
    """What is owed is read from the database; what was pushed is what this process has pushed."""
    state = CollectorRegistry()
    state.register(QueueCollector())
    return Response(
        generate_latest(state) + generate_latest(process_registry), content_type=CONTENT_TYPE_LATEST
    )


class QueueCollector:
    """What each source is owed at this moment."""

    def collect(self) -> Iterator[Metric]:
        rows = GaugeMetricFamily(
            "mydia_queue_rows", "Queued changes by their state.", labels=["source", "state"]
        )
        late = GaugeMetricFamily(
            "mydia_queue_oldest_due_seconds",
            "How long the longest due row has been due.",
            labels=["source"],
        )
        down = GaugeMetricFamily(
            "mydia_source_paused", "1 while nothing is sent.", labels=["source", "reason"]
        )
        at = now()
        for depth in count_by_source():
            name = depth.source.name
            for state in ("waiting", "sending", "needs_you", "synced"):
                rows.add_metric([name, state], getattr(depth, state))
            since = depth.next_attempt_at
            late.add_metric([name], max(0.0, (at - since).total_seconds()) if since else 0.0)
            down.add_metric(
                [name, depth.source.pause_reason or ""],
                float(depth.source.pause_reason is not None),
            )
        yield from (rows, late, down)
