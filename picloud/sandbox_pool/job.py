"""One run to be done: whose, which code, which event, within which limits."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picloud.sandbox_pool.limits import Limits


@dataclass(frozen=True, slots=True)
class CodeBundle:
    """The sources that one worker is loaded with.

    `key` is their identity: it must change when any source changes, because compiled code is kept by it. `entry` names
    the script whose `handler(ctx)` is called; every other script of `sources` can be imported by its name.
    """

    key: str
    entry: str
    sources: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Job:
    """`app` is an opaque key: a worker serves one app for life. `event` is JSON: an object with `id`, `kind`, `attempt`,
    `occurred_at`, `trace_id`, `depth` and the part named after its kind. `context` is what `ctx` shows of
    `app`, `script`, `version` and `principal` (JSON values). `per_event` asks for a process of its own for this run.
    """

    app: str
    code: CodeBundle
    event: bytes
    context: Mapping[str, Any]
    limits: Limits
    per_event: bool = False
