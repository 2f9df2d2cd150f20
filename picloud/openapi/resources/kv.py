from typing import Any

import msgspec

from picloud.openapi.operation import LIMIT, Moment, Operation, Query, Resource, page
from picloud.views.kv import NewValue


class Collection(msgspec.Struct):
    """A collection of the app's store, and how many entries it has."""

    collection: str
    entries: int


class Entry(msgspec.Struct):
    """One value of the app's store. `version` counts its changes."""

    key: str
    value: Any
    version: int
    expires_at: Moment | None
    updated_at: Moment


_AFTER = Query("after", str, "The `next` of the page before: the last name or key in it.")

KV = Resource(
    "kv",
    "The app's store, as handlers see it by `ctx.kv`.",
    (
        Operation(
            route="kv_collections",
            method="GET",
            id="list_kv_collections",
            summary="List the collections",
            query=(LIMIT, _AFTER),
            answers={200: page(Collection, "CollectionPage")},
        ),
        Operation(
            route="kv_entries",
            method="GET",
            id="list_kv_entries",
            summary="List a collection's entries in the order of their keys",
            query=(LIMIT, _AFTER, Query("prefix", str, "Only keys that start with it.")),
            answers={200: page(Entry, "EntryPage")},
        ),
        Operation(
            route="kv_entry",
            method="GET",
            id="get_kv_entry",
            summary="Show an entry",
            answers={200: Entry},
            guarded=True,
        ),
        Operation(
            route="kv_entry",
            method="PUT",
            id="put_kv_entry",
            summary="Put a value there, whatever was before",
            body=NewValue,
            example={"value": {"n": 1}, "ttl_s": 3600},
            answers={200: Entry},
            guarded=True,
        ),
        Operation(route="kv_entry", method="DELETE", id="delete_kv_entry", summary="Delete an entry", guarded=True),
    ),
)
