"""Status, headers and content type of an answer, as a handler gave them: every mistake is named before it is sent."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from picloud.sandbox_pool.header_rules import BadAnswer, check_head


class Answer(NamedTuple):
    """What `ctx.respond()` makes."""

    body: Any = None
    status: int | None = None
    headers: Any = None
    content_type: str | None = None


def answer_head(answer: Answer) -> dict[str, Any]:
    """`status`, `headers` and `content_type`, fit to be sent. Raises BadAnswer."""
    status = answer.status if answer.status is not None else (204 if answer.body is None else 200)
    if type(status) is not int:
        raise BadAnswer(f"the status must be a number, not {status!r}")
    content_type = None if answer.content_type is None else _text("content_type", answer.content_type)
    headers = list(_headers(answer.headers))
    check_head(status, headers, content_type)
    return {"status": status, "headers": headers, "content_type": content_type}


def _headers(headers: Any) -> Iterator[tuple[str, str]]:
    """Pairs; a value may be a list, for a header that comes more than once."""
    for name, value in headers.items() if isinstance(headers, Mapping) else _pairs(headers or ()):
        text = _text("the name of a header", name)
        for one in value if isinstance(value, list | tuple) else (value,):
            yield text, _text(f"the value of the header {text[:100]!r}", one)


def _pairs(headers: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(headers, str | bytes) or not isinstance(headers, Iterable):
        raise BadAnswer(f"headers must be a dict or a list of (name, value) pairs, not {type(headers).__name__}")
    for pair in headers:
        if not isinstance(pair, list | tuple) or len(pair) != 2:
            raise BadAnswer("headers in a list must be pairs: [(name, value), ...]")
        yield pair[0], pair[1]


def _text(what: str, value: object) -> str:
    if not isinstance(value, str | int | float):
        raise BadAnswer(f"{what} must be text or a number, not {type(value).__name__}")
    return str(value)
