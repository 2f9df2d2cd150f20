"""Forms bring back the tag of what they showed, so that nobody overwrites what somebody else has changed meanwhile."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

from pyramid.request import Request
from sqlalchemy import Select

from picloud.domain.errors import PreconditionFailed
from picloud.views.dashboard.twin import ApiView
from picloud.views.entity_tags import entity_tag

Read = Callable[[Request], Mapping[str, Any]]


class Difference(NamedTuple):
    """A field that is kept with another value than the form has."""

    name: str
    kept: Any
    yours: Any


def unless_changed(read: Read, change: ApiView, row: Select[Any], tag: str) -> ApiView:
    """`change`, with its `row` locked first. It raises PreconditionFailed where `read` shows another state than `tag`'s."""

    @wraps(change)
    def guarded(request: Request) -> Any:
        request.db.execute(row.with_for_update(key_share=True))
        request.db.expire_all()
        if entity_tag(read(request)) != tag:
            raise PreconditionFailed(
                "Somebody has changed it since you opened this page. Yours is not saved, and still stands in the form; "
                "save again to replace theirs."
            )
        return change(request)

    return guarded


def differences(kept: Mapping[str, Any], yours: Mapping[str, Any]) -> list[Difference]:
    """What of `yours` is not what is kept."""
    return [Difference(name, kept[name], yours[name]) for name in yours if name in kept and kept[name] != yours[name]]
