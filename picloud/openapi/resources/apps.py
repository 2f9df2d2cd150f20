from typing import Literal
from uuid import UUID

import msgspec

from picloud.openapi.operation import PAGE, Moment, Operation, Resource, page
from picloud.openapi.resources.limits import EffectiveLimits, Limits
from picloud.views.apps import AppChange, NewApp


class App(msgspec.Struct):
    """A tenant: owns scripts, routes, triggers, data, secrets, keys. `http_allow`: hosts that `ctx.http` may call.

    `limits` are the app's own, `default_limits` what would hold without them, `effective_limits` what holds.
    """

    id: UUID
    slug: str
    name: str
    http_allow: list[str]
    isolation: Literal["reuse", "per_event"]
    limits: Limits
    default_limits: EffectiveLimits
    effective_limits: EffectiveLimits
    created_at: Moment


APPS = Resource(
    "apps",
    "Tenants: nothing crosses from one to another.",
    (
        Operation(
            route="apps",
            method="GET",
            id="list_apps",
            summary="List the apps that one may see",
            query=PAGE,
            answers={200: page(App, "AppPage")},
        ),
        Operation(
            route="apps",
            method="POST",
            id="create_app",
            summary="Create an app",
            body=NewApp,
            example={"slug": "shop", "name": "The shop"},
            answers={201: App},
        ),
        Operation(route="app", method="GET", id="get_app", summary="Show an app", answers={200: App}, guarded=True),
        Operation(
            route="app",
            method="PATCH",
            id="update_app",
            summary="Change an app's name, limits, isolation or allowed hosts",
            body=AppChange,
            example={"http_allow": ["api.example.com"], "limits": {"wall_ms": 5000}},
            answers={200: App},
            guarded=True,
        ),
        Operation(
            route="app",
            method="DELETE",
            id="delete_app",
            summary="Delete an app with all that it owns",
            guarded=True,
        ),
    ),
)
