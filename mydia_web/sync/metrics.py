"""Counters of this process for Prometheus; each worker is a target of its own."""

from prometheus_client import CollectorRegistry, Counter

registry = CollectorRegistry()
_healed = Counter(
    "mydia_healed",
    "Titles that a source was told again because it showed something else and nothing was owed "
    "to it.",
    ["source"],
    registry=registry,
)


def count_healed(source_name: str, titles: int) -> None:
    _healed.labels(source_name).inc(titles)
