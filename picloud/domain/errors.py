"""The one hierarchy of errors. `picloud.views.problems` turns them into RFC 9457 problems.

`code` is stable and part of the contract; `detail` is for people and may change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """What is wrong with one field. `pointer` is an RFC 6901 JSON pointer into the request's body.

    `line` and `column`, from 1, where the field holds source code.
    """

    pointer: str
    detail: str
    line: int | None = None
    column: int | None = None


class PicloudError(Exception):
    """Base of all errors that a client may see."""

    status: ClassVar[int] = 500
    code: ClassVar[str] = "internal_error"
    title: ClassVar[str] = "Something broke on our side"
    retry_after_s: int | None = None

    def __init__(self, detail: str = "", *, errors: tuple[FieldError, ...] = (), code: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.errors = errors
        self.problem_code = code or self.code
        self.members: dict[str, Any] = {}
        """Extension members of the problem (RFC 9457, 3.2), such as `execution_id`."""


class BadRequest(PicloudError):
    status, code, title = 400, "bad_request", "The request could not be read"


class Unauthenticated(PicloudError):
    status, code, title = 401, "unauthenticated", "Sign in or send an API key"


class BadSignature(PicloudError):
    """One text for every cause: a sender without the secret must learn nothing from it."""

    status, code, title = 401, "bad_signature", "The signature is missing, wrong or too old"


class Forbidden(PicloudError):
    status, code, title = 403, "forbidden", "You may not do this"


class NotFound(PicloudError):
    status, code, title = 404, "not_found", "There is nothing here"


class MethodNotAllowed(PicloudError):
    """`allowed`: the methods that are offered instead."""

    status, code, title = 405, "method_not_allowed", "This method is not offered here"

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = sorted(allowed)
        super().__init__(f"Only {', '.join(self.allowed) or 'nothing'} is offered here.")


class NotAcceptable(PicloudError):
    """As Invalid, to the one sender that takes nothing else for a final no."""

    status, code, title = 406, "not_acceptable", "The request is well-formed but wrong"


class Conflict(PicloudError):
    status, code, title = 409, "conflict", "This is in the way of something that exists"


class PreconditionFailed(PicloudError):
    status, code, title = 412, "precondition_failed", "It was changed by somebody else since you read it"


class TooLarge(PicloudError):
    status, code, title = 413, "too_large", "The request is too large"


class UnsupportedMediaType(PicloudError):
    status, code, title = 415, "unsupported_media_type", "This kind of content is not taken here"


class Invalid(PicloudError):
    """Well-formed but wrong. `errors` names the fields."""

    status, code, title = 422, "invalid", "The request is well-formed but wrong"


class TooManyRequests(PicloudError):
    """The client should come again after `retry_after_s`."""

    status, code, title = 429, "too_many_requests", "Too many requests"

    def __init__(self, detail: str = "", *, retry_after_s: int, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class HandlerFailed(PicloudError):
    status, code, title = 502, "handler_failed", "The handler failed"


class Unavailable(PicloudError):
    """Our own trouble: the client did nothing wrong and should come again after `retry_after_s`."""

    status, code, title = 503, "unavailable", "PiCloud can't do this right now"

    def __init__(self, detail: str = "", *, retry_after_s: int = 5, code: str | None = None) -> None:
        super().__init__(detail, code=code)
        self.retry_after_s = retry_after_s


class StorageFull(Unavailable):
    code, title = "storage_full", "The disk is nearly full"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail, retry_after_s=60)


class SyncTriggerFailed(PicloudError):
    """The write is undone, as is all that the handler did. `members` name the trigger, the script and the execution."""

    status, code, title = 409, "sync_trigger_failed", "A handler that has to agree to the write did not"


class SyncTriggerBusy(Unavailable):
    """The write is undone; it may be tried again."""

    code, title = "sync_trigger_busy", "The handler that has to agree to the write could not run now"


class HandlerTimeout(PicloudError):
    status, code, title = 504, "handler_timeout", "The handler took too long"


def invalid(pointer: str, detail: str) -> Invalid:
    """An `Invalid` about one field."""
    return Invalid(detail, errors=(FieldError(pointer, detail),))
