"""Counters and histograms of this process, in memory, as Prometheus reads them.

The text format: https://prometheus.io/docs/instrumenting/exposition_formats/ . No client library: what is needed of one is
these lines, and it would cost each process some MiB.
"""

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from threading import Lock

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Upper bounds of durations."""

Labels = tuple[str, ...]


class Counter:
    """Counts for each combination of labels. Thread-safe. The labels' values must be few and known."""

    def __init__(self, name: str, sentence: str, labels: Sequence[str]) -> None:
        self._name, self._sentence, self._labels = name, sentence, tuple(labels)
        self._lock = Lock()
        self._counts: dict[Labels, int] = {}

    def add(self, *values: str) -> None:
        with self._lock:
            self._counts[values] = self._counts.get(values, 0) + 1

    def lines(self) -> Iterator[str]:
        yield from header(self._name, self._sentence, "counter")
        with self._lock:
            counts = sorted(self._counts.items())
        for values, count in counts:
            yield sample(self._name, dict(zip(self._labels, values, strict=True)), count)


class Histogram:
    """Durations for each value of a label. Thread-safe."""

    def __init__(self, name: str, sentence: str, label: str) -> None:
        self._name, self._sentence, self._label = name, sentence, label
        self._lock = Lock()
        self._seen: dict[str, tuple[list[int], float]] = {}

    def add(self, value: str, duration_s: float) -> None:
        with self._lock:
            counts, total_s = self._seen.get(value) or ([0] * (len(SECONDS) + 1), 0.0)
            counts[bisect_left(SECONDS, duration_s)] += 1
            self._seen[value] = (counts, total_s + duration_s)

    def lines(self) -> Iterator[str]:
        yield from header(self._name, self._sentence, "histogram")
        with self._lock:
            seen = sorted((value, list(counts), total_s) for value, (counts, total_s) in self._seen.items())
        for value, counts, total_s in seen:
            below = 0
            for bound, count in zip((*SECONDS, "+Inf"), counts, strict=True):
                below += count
                yield sample(f"{self._name}_bucket", {self._label: value, "le": str(bound)}, below)
            yield sample(f"{self._name}_sum", {self._label: value}, total_s)
            yield sample(f"{self._name}_count", {self._label: value}, below)


def gauge(name: str, sentence: str, samples: Mapping[str, float], label: str = "") -> Iterator[str]:
    """What is measured when it is asked for, by the values of `label`; without one, `{"": value}`."""
    yield from header(name, sentence, "gauge")
    for value, number in samples.items():
        yield sample(name, {label: value} if label else {}, number)


def header(name: str, sentence: str, kind: str) -> Iterator[str]:
    yield f"# HELP {name} {sentence}"
    yield f"# TYPE {name} {kind}"


def sample(name: str, labels: Mapping[str, str], number: float) -> str:
    """The labels' values are our own words: there is nothing in them to escape."""
    inside = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inside}}} {number}" if inside else f"{name} {number}"


HTTP_REQUESTS = Counter("picloud_http_requests_total", "Requests answered.", ("route", "method", "status"))
HTTP_DURATIONS = Histogram("picloud_http_request_duration_seconds", "Time until a request was answered.", "route")
EXECUTIONS = Counter("picloud_executions_total", "Runs of scripts, one for each attempt.", ("kind", "status"))
EXECUTION_DURATIONS = Histogram("picloud_execution_duration_seconds", "Time that runs took.", "kind")
KILLS = Counter("picloud_worker_kills_total", "Workers that a run's end took with it, by the reason.", ("reason",))
METERS: tuple[Counter | Histogram, ...] = (HTTP_REQUESTS, HTTP_DURATIONS, EXECUTIONS, EXECUTION_DURATIONS, KILLS)

_SURVIVED = frozenset({"ok", "error", "lost"})


def count_execution(kind: str, status: str, wall_ms: float) -> None:
    """One run has ended."""
    EXECUTIONS.add(kind, status)
    EXECUTION_DURATIONS.add(kind, wall_ms / 1000)
    if status not in _SURVIVED:
        KILLS.add(status)
