from uuid import UUID

import msgspec

from picloud.domain.kinds import RouteAccess
from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.views.app_routes import NewRoute, RouteChange


class Route(msgspec.Struct):
    """Method and path pattern of an app, served by a script."""

    id: UUID
    method: str
    path: str
    script: str
    access: RouteAccess
    created_at: Moment


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
