"""Counters for Prometheus: requests by route and status, and what the engine is doing."""

from collections.abc import Callable, Iterator
from dataclasses import asdict

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from lineament.serving.engine import EngineFigures

SECONDS = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
# Everything else the engine tells only ever grows.
GAUGES = {
    "num_waiting": "Requests that wait",
    "num_answering": "Answers being written",
    "num_looking": "Media being looked at",
    "num_drawing": "Drawings being made",
    "feature_bytes": "Bytes of looked-at media",
    "prefix_bytes": "Bytes of kept keys and values",
    "slot_bytes": "Bytes of keys and values of answers being written",
}


class Counters:
    """What is counted; nothing a client sent is a label.

    Args:
        measure: Tells what the engine is doing.
    """

    def __init__(self, measure: Callable[[], EngineFigures]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "lineament_requests", "Requests", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "lineament_request_seconds",
            "Time to the end of a response",
            ["route"],
            buckets=SECONDS,
            registry=self._registry,
        )
        self._registry.register(_EngineCollector(measure))

    def count(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request that has ended."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def write(self) -> bytes:
        """Return all counters in Prometheus' text format."""
        return generate_latest(self._registry)


class _EngineCollector(Collector):
    def __init__(self, measure: Callable[[], EngineFigures]) -> None:
        self._measure = measure

    def collect(self) -> Iterator[Metric]:
        for name, value in asdict(self._measure()).items():
            plain = name.removeprefix("num_")
            if name in GAUGES:
                yield GaugeMetricFamily(f"lineament_{plain}", GAUGES[name], value=value)
            else:
                said = plain.replace("_", " ").capitalize()
                yield CounterMetricFamily(f"lineament_{plain}", said, value=value)
