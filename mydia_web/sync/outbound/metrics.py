"""Count deliveries: for whoever started the drain, and for Prometheus."""

from dataclasses import dataclass, field

from prometheus_client import Counter, Histogram

from mydia_web.sync.metrics import registry
from mydia_web.sync.outbound.delivery import Outcome
from mydia_web.sync.outbound.retry import needs_a_person

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
    result = "ok"
    if outcome.failure is not None:
        result = outcome.failure.failure_class
    _pushes.labels(source_name, result).inc()
    _push_seconds.labels(source_name).observe(outcome.seconds)


@dataclass(slots=True, kw_only=True)
class Tally:
    """The deliveries of a drain to one source."""

    synced: int = 0
    #: Will be tried again by themselves, or once the sign-in is renewed.
    deferred: int = 0
    needs_you: int = 0
    #: The last failure, in words.
    last_error: str = ""

    def add(self, outcome: Outcome) -> None:
        failure = outcome.failure
        if failure is None:
            self.synced += 1
            return
        if failure.failure_class == "overtaken":
            return
        self.last_error = failure.message
        if needs_a_person(failure.failure_class, outcome.delivery.attempt):
            self.needs_you += 1
        else:
            self.deferred += 1


@dataclass(slots=True)
class Summary:
    """The deliveries of a drain, by the name of each source."""

    tallies: dict[str, Tally] = field(default_factory=dict)

    def add(self, source_name: str, outcome: Outcome) -> None:
        self.tallies.setdefault(source_name, Tally()).add(outcome)
