from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.views import apps, overview
from picloud.views.dashboard.formats import duration, milliseconds
from picloud.views.dashboard.page import draw, page

CHART_HEIGHT = 32


@page("page_overview", "GET", Capability.SELF_READ_OVERVIEW)
def show(request: Request) -> Response:
    found = overview.read(request)
    return draw(request, "overview", it=found, apps=apps.index(request)["items"], charts=charts(found))


@page("page_app", "GET", Capability.APP_READ)
def show_app(request: Request) -> Response:
    it = overview.read_app(request) if request.has_permission(Capability.LOG_READ) else None
    return draw(request, "app", it=it, charts=charts(it) if it else [])


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure, what it is, and how it was hour by hour: `bars` from 0 to CHART_HEIGHT, `said` in words."""

    figure: str
    label: str
    bars: Sequence[float]
    said: str
    values: Sequence[str]
    bad: bool = False


def charts(it: dict[str, Any]) -> list[Chart]:
    oldest = f", the oldest for {duration(it['oldest_s'])}" if it["oldest_s"] else ""
    hours = it["hours"]
    return [
        _chart(str(it["runs"]), "calls", hours, "runs"),
        _chart(str(it["failed"]), "errors", hours, "failed", bad=True),
        _chart(milliseconds(it["p95_ms"]), "95 % take at most", hours, "p95_ms", milliseconds),
        _chart(str(it["waiting"]), f"deliveries wait{oldest}", hours, "waiting"),
        _chart(_longest(hours), "longest wait for a run", hours, "longest_wait_s", _seconds),
        _chart(str(it["dead"]), "dead letters", hours, "dead", bad=True),
    ]


def _chart(
    figure: str,
    label: str,
    hours: Sequence[dict[str, Any]],
    name: str,
    spelt: Callable[[Any], str] = str,
    *,
    bad: bool = False,
) -> Chart:
    values = [hour[name] for hour in hours]
    most = max((value or 0 for value in values), default=0)
    bars = [_bar(value or 0, most) for value in values]
    said = f"24 hours: at most {spelt(most)} in an hour, {spelt(values[-1])} in this one"
    return Chart(figure, label, bars, said, [spelt(value) if value else "" for value in values], bad)


def _bar(value: float, most: float) -> float:
    """What is not nothing can be seen."""
    return round(max(1.5, CHART_HEIGHT * value / most), 1) if value else 0


def _longest(hours: Sequence[dict[str, Any]]) -> str:
    waits = [hour["longest_wait_s"] for hour in hours if hour["longest_wait_s"] is not None]
    return _seconds(max(waits, default=None))


def _seconds(value: float | None) -> str:
    return "-" if value is None else milliseconds(value * 1000) if value < 60 else duration(value)
