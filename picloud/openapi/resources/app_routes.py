from uuid import UUID

import msgspec

from picloud.domain.kinds import RouteAccess
from picloud.openapi.operation import PAGE, Moment, Operation, Query, Resource, page
from picloud.views.app_routes import NewRoute, RouteChange


class Route(msgspec.Struct):
    """Method and path pattern of an app, served by a script."""

    id: UUID
    method: str
    path: str
    script: str
    access: RouteAccess
    created_at: Moment


class RouteMatch(msgspec.Struct):
    """The route that answers, null where none does, and what it takes from the path. `methods`: of all routes that match
    the path, so that none means 404 and others than yours 405."""

    route: Route | None
    params: dict[str, str]
    methods: list[str]


ROUTES = Resource(
    "routes",
    "What of an app can be called over HTTP.",
    (
        Operation(
            route="app_routes",
            method="GET",
            id="list_routes",
            summary="List an app's routes",
            query=PAGE,
            answers={200: page(Route, "RoutePage")},
        ),
        Operation(
            route="app_routes",
            method="POST",
            id="create_route",
            summary="Create a route",
            body=NewRoute,
            example={"method": "GET", "path": "/hello/{name}", "script": "hello", "access": "public"},
            answers={201: Route},
        ),
        Operation(
            route="app_route_match",
            method="GET",
            id="match_route",
            summary="Show which route would answer a call",
            description="Nothing is run. Literals go before parameters, a method before `ANY`.",
            query=(
                Query("method", str, "`GET` without it."),
                Query("path", str, "The path below the app, as it is sent. A query is passed over."),
            ),
            answers={200: RouteMatch},
        ),
        Operation(
            route="app_route", method="GET", id="get_route", summary="Show a route", answers={200: Route}, guarded=True
        ),
        Operation(
            route="app_route",
            method="PATCH",
            id="update_route",
            summary="Change a route",
            body=RouteChange,
            example={"access": "key"},
            answers={200: Route},
            guarded=True,
        ),
        Operation(route="app_route", method="DELETE", id="delete_route", summary="Delete a route", guarded=True),
    ),
)
