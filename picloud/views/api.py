"""How views of the API are declared and how they read what a client sent."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from typing import Any, TypeVar
from uuid import UUID

import msgspec
from pyramid.request import Request
from pyramid.security import NO_PERMISSION_REQUIRED
from pyramid.view import view_config

from picloud.domain import ids, strict_json
from picloud.domain.access import Capability
from picloud.domain.errors import BadRequest, NotFound, TooLarge, UnsupportedMediaType, invalid
from picloud.domain.refusals import escaped, refused
from picloud.domain.text import storable
from picloud.services.paging import DEFAULT_LIMIT, MAX_LIMIT, Page, PageRequest
from picloud.services.runtime import Runtime

S = TypeVar("S")
View = Callable[..., Any]
MAX_INT = 2**31 - 1


def api(route: str, method: str | None, capability: Capability) -> Callable[[View], View]:
    """A view of the admin API: for who has `capability`, answering JSON."""
    decorator: Callable[[View], View] = view_config(
        route_name=route, request_method=method, permission=capability, renderer="json", strict_query=method is not None
    )
    return decorator


def public(route: str, method: str | None) -> Callable[[View], View]:
    """A view for anybody; `method` None: all methods. A test lists the routes that have one."""
    decorator: Callable[[View], View] = view_config(
        route_name=route, request_method=method, permission=NO_PERMISSION_REQUIRED, renderer="json"
    )
    return decorator


def storing(view: View) -> View:
    """For a view that stores more: while the disk is nearly full it raises StorageFull."""

    @wraps(view)
    def guarded(request: Request) -> Any:
        runtime(request).disk.admit()
        return view(request)

    return guarded


def runtime(request: Request) -> Runtime:
    """What this process is made of."""
    found: Runtime = request.registry["picloud.runtime"]
    return found


def json_body(
    request: Request, shape: type[S], *, fits: Callable[[str], bool] = storable, max_parts: int = strict_json.MAX_PARTS
) -> S:
    """The body as `shape`. Raises UnsupportedMediaType, TooLarge, BadRequest, Invalid with a pointer.

    `fits`: whether a text, as it came, can be kept. `max_parts`: see `strict_json.loads`.
    """
    media_type = request.content_type.lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise UnsupportedMediaType("Send JSON, with `Content-Type: application/json`.")
    if request.headers.get("Content-Encoding", "identity").lower() not in ("", "identity"):
        raise UnsupportedMediaType("Send the body as it is, without a content encoding.")
    limit = runtime(request).settings.http_max_body_bytes
    if (request.content_length or 0) > limit:
        raise TooLarge(f"The body is larger than {limit} bytes.")
    value = strict_json.loads(request.body, error=BadRequest, max_parts=max_parts)
    _refuse_unfit(value, "", fits)
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise refused(shape, str(error)) from None


def optional_json_body(request: Request, shape: type[S]) -> S:
    """As `json_body`; no body at all is an empty object."""
    return json_body(request, shape) if request.content_length else msgspec.convert({}, shape)


def path_id(request: Request, name: str = "id") -> UUID | None:
    """The id in the path, or None for what is none: the service then finds nothing."""
    return ids.parse(request.matchdict[name])


def path_text(request: Request, name: str) -> str:
    """A name in the path. Raises NotFound for what no name can be."""
    text: str = request.matchdict[name]
    if not storable(text):
        raise NotFound()
    return text


def query_text(request: Request, name: str) -> str | None:
    """A query parameter, or None. Raises Invalid."""
    request.query_read.add(name)
    values: list[str] = request.GET.getall(name)
    if len(values) > 1:
        raise invalid(f"/{name}", "may be given once")
    if not all(map(storable, values)):
        raise invalid(f"/{name}", "holds a character that no text here can hold")
    return values[0] or None if values else None


def filter_text(request: Request, name: str) -> str | None:
    """A query parameter that narrows a list, or None. Raises Invalid, also for an empty one: it would narrow nothing."""
    value = query_text(request, name)
    if value is None and name in request.GET:
        raise invalid(f"/{name}", "is empty; leave it out to list everything")
    return value


def query_as(request: Request, name: str, kind: type[S]) -> S | None:
    """A query parameter as an enum, int, datetime or UUID. Raises Invalid."""
    value = query_text(request, name)
    if value is None and name not in request.GET:
        return None
    try:
        found = msgspec.convert(value or "", kind, strict=kind is not int)
    except msgspec.ValidationError as error:
        raise refused(kind, str(error), below=f"/{name}") from None
    if isinstance(found, int) and abs(found) > MAX_INT:
        raise invalid(f"/{name}", "is too large a number")
    if isinstance(found, datetime):
        in_utc: Any = utc_moment(f"/{name}", found)
        return in_utc  # type: ignore[no-any-return]
    return found


def utc_moment(pointer: str, moment: datetime) -> datetime:
    """`moment` in UTC. Raises Invalid without a time zone, or where PostgreSQL and Python can't both hold it."""
    if moment.tzinfo is None:
        raise invalid(pointer, "needs a time zone, such as Z")
    try:
        in_utc = moment.astimezone(UTC)
    except OverflowError:
        in_utc = datetime.min.replace(tzinfo=UTC)
    if not 1970 <= in_utc.year <= 9000:
        raise invalid(pointer, "has to lie between the years 1970 and 9000")
    return in_utc


def page_limit(request: Request) -> int:
    """`?limit=`. Raises Invalid."""
    limit = query_as(request, "limit", int)
    if limit is not None and not 1 <= limit <= MAX_LIMIT:
        raise invalid("/limit", f"has to be from 1 to {MAX_LIMIT}")
    return limit or DEFAULT_LIMIT


def page_request(request: Request) -> PageRequest:
    """`?limit=&after=`. Raises Invalid."""
    after = query_text(request, "after")
    cursor = ids.parse(after) if after else None
    if after and cursor is None:
        raise invalid("/after", "is no cursor; take the one that `next` gave")
    return PageRequest(page_limit(request), cursor)


def page_shape(page: Page[Any], shape: Callable[[Any], Any]) -> dict[str, Any]:
    """A page as the API answers it."""
    return {"items": [shape(item) for item in page.items], "next": page.next}


def _refuse_unfit(value: Any, pointer: str, fits: Callable[[str], bool]) -> None:
    if isinstance(value, str) and not fits(value):
        raise invalid(pointer, "holds NUL or half of a surrogate pair, which PostgreSQL can't store")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        _refuse_unfit(key, pointer, fits)
        _refuse_unfit(item, f"{pointer}/{escaped(str(key))}", fits)
