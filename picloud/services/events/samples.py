"""A sample of every kind of event: its part, with every field that it can have."""

from collections.abc import Callable, Mapping
from typing import Any

from picloud.domain.clock import rfc3339, utc_now
from picloud.domain.kinds import EventKind
from picloud.domain.kv import KvOp


def _http() -> dict[str, Any]:
    return {"method": "GET", "path": "/", "params": {}, "query": {}, "headers": {}, "client_ip": "127.0.0.1"}


def _kv() -> dict[str, Any]:
    return {"op": KvOp.INSERT, "collection": "sample", "key": "sample", "value": "sample", "old_value": None}


def _cron() -> dict[str, Any]:
    return {"schedule": "@daily", "scheduled_for": rfc3339(utc_now()), "late_by_s": 0.0}


def _queue() -> dict[str, Any]:
    return {"name": "sample", "payload": {"sample": True}}


def _email() -> dict[str, Any]:
    return {
        "from": "sample@example.com",
        "to": ["you@example.com"],
        "subject": "A sample from PiCloud",
        "text": "Nobody sent this: it is a test.",
        "message_id": "<sample@example.com>",
        "received_at": rfc3339(utc_now()),
    }


def _dead_letter() -> dict[str, Any]:
    now = rfc3339(utc_now())
    event = {"kind": EventKind.MANUAL, "occurred_at": now, "manual": {"sample": True}}
    error = {"type": "SampleError", "message": "Nothing failed: it is a test."}
    return {"event": event, "error": error, "attempts": 1, "script": "sample", "failed_at": now}


def _manual() -> dict[str, Any]:
    return {"sample": True}


SAMPLES: Mapping[EventKind, Callable[[], dict[str, Any]]] = {
    EventKind.HTTP: _http,
    EventKind.KV: _kv,
    EventKind.CRON: _cron,
    EventKind.QUEUE: _queue,
    EventKind.EMAIL: _email,
    EventKind.DEAD_LETTER: _dead_letter,
    EventKind.MANUAL: _manual,
}
"""Makes the part of a kind."""
