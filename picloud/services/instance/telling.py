"""Sends one notification."""

import time
from typing import Any

from picloud.domain.notices import Channel
from picloud.outbound.client import Client, OutboundLimits
from picloud.outbound.errors import OutboundError
from picloud.outbound.target import parse_url
from picloud.services.instance.notifications import Destination

TIMEOUT_S = 10.0
_LIMITS = OutboundLimits(timeout_s=TIMEOUT_S, response_max_bytes=64 * 1024, redirects_max=0)


def tell(client: Client, to: Destination, condition: str, title: str, text: str) -> str | None:
    """Why it failed, in words for people; None where it was taken. `condition` is `test` for a try.

    ntfy: the text as the body, the title in a header (docs.ntfy.sh/publish). A webhook gets one JSON object.
    """
    headers = {"Authorization": f"Bearer {to.token}"} if to.token else {}
    call: dict[str, Any] = {"method": "POST", "url": to.url}
    if to.channel is Channel.NTFY:
        call |= {"headers": headers | {"Title": title, "Tags": "cloud"}, "text": text}
    else:
        call |= {"headers": headers, "json": {"condition": condition, "title": title, "text": text}}
    target = parse_url(to.url)
    allow = [f"{target.host}:{target.port}"]
    try:
        answer = client.fetch(call, allow=allow, limits=_LIMITS, deadline_s=time.monotonic() + TIMEOUT_S)
    except OutboundError as error:
        return error.message
    return None if 200 <= answer["status"] < 300 else f"{target.host} answered {answer['status']}"
