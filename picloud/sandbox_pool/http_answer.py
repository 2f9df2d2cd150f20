"""Checks an HTTP answer that a worker made, before anything of it is sent on."""

from picloud.sandbox_pool.frames import ResponseHead
from picloud.sandbox_pool.header_rules import check_head
from picloud.sandbox_pool.outcome import Response


def checked(head: ResponseHead, body: bytes) -> Response:
    """Raises BadAnswer."""
    check_head(head.status, head.headers, head.content_type)
    content_type = head.content_type
    headers = []
    for name, value in head.headers:
        if name.lower() == "content-type":
            content_type = value
        else:
            headers.append((name, value.strip()))
    return Response(head.status, tuple(headers), content_type, body)
