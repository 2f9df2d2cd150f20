from typing import Any

import msgspec
from pyramid.request import Request
from pyramid.response import Response

from picloud.domain.access import Capability
from picloud.domain.errors import NotFound
from picloud.models import KvEntry
from picloud.services.app_events import AppEvents, Cause
from picloud.services.kv import KvQuota, KvService
from picloud.settings import Settings
from picloud.views.api import api, json_body, page_limit, path_text, query_text, runtime


class NewValue(msgspec.Struct, forbid_unknown_fields=True):
    value: Any
    ttl_s: float | None = None


def shape(entry: KvEntry) -> dict[str, Any]:
    return {
        "key": entry.key,
        "value": entry.value,
        "version": entry.version,
        "expires_at": entry.expires_at,
        "updated_at": entry.updated_at,
    }


@api("kv_collections", "GET", Capability.KV_READ)
def collections(request: Request) -> dict[str, Any]:
    """Pages by name: `after` is the last name of the page before."""
    limit = page_limit(request)
    found = _kv(request).collections(limit=limit + 1, after=query_text(request, "after"))
    page = [{"collection": name, "entries": entries} for name, entries in found[:limit]]
    return {"items": page, "next": page[-1]["collection"] if len(found) > limit else None}


@api("kv_entries", "GET", Capability.KV_READ)
def index(request: Request) -> dict[str, Any]:
    """Pages by key: `after` is the last key of the page before. `?prefix=` narrows."""
    limit = page_limit(request)
    prefix, after = query_text(request, "prefix") or "", query_text(request, "after")
    found = _kv(request).list(path_text(request, "collection"), prefix=prefix, limit=limit + 1, after=after)
    page = found[:limit]
    return {"items": [shape(entry) for entry in page], "next": page[-1].key if len(found) > limit else None}


@api("kv_entry", "GET", Capability.KV_READ)
def read(request: Request) -> dict[str, Any]:
    return shape(_entry(request, _kv(request)))


@api("kv_entry", "PUT", Capability.KV_WRITE)
def put(request: Request) -> dict[str, Any]:
    body = json_body(request, NewValue)
    kv = _kv(request)
    kv.set(path_text(request, "collection"), path_text(request, "key"), body.value, body.ttl_s)
    kv.count()
    return shape(_entry(request, kv))


@api("kv_entry", "DELETE", Capability.KV_WRITE)
def delete(request: Request) -> Response:
    kv = _kv(request)
    if not kv.delete(path_text(request, "collection"), path_text(request, "key")):
        raise NotFound("There is no such entry.")
    kv.count()
    return Response(status=204)


def quota(settings: Settings) -> KvQuota:
    return KvQuota(settings.kv_max_entries, settings.kv_max_bytes, settings.kv_value_max_bytes)


def _kv(request: Request) -> KvService:
    made_of, app_id = runtime(request), request.context.app.id
    triggers = made_of.app_codes.by_id(app_id).triggers
    events = AppEvents(request.db, app_id, triggers, Cause.by_hand(), backlog_max=made_of.settings.backlog_max)
    return KvService(request.db, app_id, quota(made_of.settings), events.kv_changed)


def _entry(request: Request, kv: KvService) -> KvEntry:
    entry = kv.get(path_text(request, "collection"), path_text(request, "key"))
    if entry is None:
        raise NotFound("There is no such entry.")
    return entry
