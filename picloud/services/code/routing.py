"""Which of an app's routes answers a call."""

from collections.abc import Iterable
from dataclasses import dataclass

from picloud.domain import paths
from picloud.services.code.app_code import RouteCode

ANY_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""What a route for `ANY` takes. TRACE is not among them: it reflects what is secret (RFC 9110, 9.3.8)."""


@dataclass(frozen=True, slots=True)
class Routed:
    """The route that answers and the parameters of its path; without one, `methods` are those that the path takes."""

    route: RouteCode | None
    params: dict[str, str]
    methods: frozenset[str]


def routed(routes: Iterable[RouteCode], method: str, path: str) -> Routed:
    """`path` is percent-encoded, without a query. Literals go before parameters, a method before `ANY`."""
    matching = [(route, params) for route in routes if (params := paths.match(route.path, path)) is not None]
    taken = {method, "ANY"} | ({"GET"} if method == "HEAD" else set()) if method in ANY_METHODS else set()
    offered = [pair for pair in matching if pair[0].method in taken]
    methods = frozenset(route.method for route, _ in matching)
    if not offered:
        return Routed(None, {}, methods)
    generality = {"GET": 1, "ANY": 2} | {method: 0}
    route, params = min(offered, key=lambda pair: (paths.specificity(pair[0].path), generality[pair[0].method]))
    return Routed(route, dict(params), methods)
