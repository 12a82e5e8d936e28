"""What this process has delivered and how long that took, for Prometheus."""

from prometheus_client import Counter, Histogram

from mydia_web.sync.metrics import registry
from mydia_web.sync.outbound.delivery import Outcome

_pushes = Counter(
    "mydia_pushes",
    "Deliveries by what came of them: ok, or the class of the failure.",
    ["source", "outcome"],
    registry=registry,
)
_push_seconds = Histogram(
    "mydia_push_seconds",
    "From the first request of a delivery to its answer.",
    ["source"],
    registry=registry,
)
claim_seconds = Histogram(
    "mydia_claim_seconds",
    "One claim of due rows, over all sources.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5),
    registry=registry,
)


def count(source_name: str, outcome: Outcome) -> None:
    failure = outcome.failure
    _pushes.labels(source_name, failure.failure_class if failure else "ok").inc()
    _push_seconds.labels(source_name).observe(outcome.seconds)
