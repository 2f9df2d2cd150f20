"""What the limits of an app or a script come to."""

from collections.abc import Mapping
from typing import Any

from pyramid.request import Request

from picloud.services.code.limits import instance_limits, narrowed
from picloud.views.api import runtime


def limits_shape(request: Request, own: Mapping[str, int], *above: Mapping[str, int]) -> dict[str, Any]:
    """What would hold without the `own` limits, and what holds. `above`: those of the app."""
    default = narrowed(instance_limits(runtime(request).settings), *above)
    return {"default_limits": default, "effective_limits": narrowed(default, own)}
