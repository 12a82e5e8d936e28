"""What this process has done, for Prometheus; several workers are several targets."""

from prometheus_client import CollectorRegistry, Counter

registry = CollectorRegistry()
_healed = Counter(
    "mydia_healed",
    "Titles that a source was told again because it showed something else and nothing was owed to it.",
    ["source"],
    registry=registry,
)


def count_healed(source_id: int) -> None:
    _healed.labels(str(source_id)).inc()
