"""What a trigger would do, before it is made: for forms, and for who writes one by hand."""

from typing import Any

from pyramid.request import Request

from picloud.domain import cron
from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.domain.globs import GLOB_MAX_CHARS
from picloud.services.kv.matching import count_matching
from picloud.views.api import api, query_text, runtime
from picloud.views.cron_triggers import NEXT_TIMES


@api("cron_preview", "GET", Capability.APP_READ_TRIGGERS)
def cron_times(request: Request) -> dict[str, Any]:
    """A schedule in words, and its next times."""
    schedule, timezone = query_text(request, "schedule") or "", query_text(request, "timezone") or "UTC"
    cron.check(schedule, timezone)
    return {
        "words": cron.in_words(schedule, timezone),
        "next_times": cron.next_times(schedule, timezone, runtime(request).clock(), NEXT_TIMES),
    }


@api("kv_preview", "GET", Capability.KV_READ)
def kv_entries(request: Request) -> dict[str, Any]:
    """How many entries there are now that two globs match."""
    globs = {name: query_text(request, name) or "*" for name in ("collection_glob", "key_glob")}
    for name, glob in globs.items():
        if len(glob) > GLOB_MAX_CHARS:
            raise invalid(f"/{name}", f"has more than {GLOB_MAX_CHARS} characters")
    found = count_matching(request.db, request.context.app.id, **globs)
    return {"entries": found.entries, "more": found.more}
