"""Why a request was not made, or came to nothing.

`type` is the builtin exception that the handler sees. All but ValueError are kinds of OSError, so that
`except OSError` in a handler takes every request that did not work out.
"""

from typing import Literal

RefusalType = Literal["PermissionError", "ValueError"]
FailureType = Literal["OSError", "TimeoutError"]


class OutboundError(Exception):
    """Base of both. `message` may be shown to the handler: it holds no address, header, query or body."""

    def __init__(self, message: str, type: str) -> None:
        super().__init__(message)
        self.message = message
        self.type = type


class OutboundRefused(OutboundError):
    """The request may not be made: PermissionError. Or it is malformed: ValueError."""

    def __init__(self, message: str, type: RefusalType = "PermissionError") -> None:
        super().__init__(message, type)


class OutboundFailed(OutboundError):
    """The request was begun and did not succeed. It may have reached the server."""

    def __init__(self, message: str, type: FailureType = "OSError") -> None:
        super().__init__(message, type)


def malformed(message: str) -> OutboundRefused:
    """What the handler asked for makes no sense."""
    return OutboundRefused(message, "ValueError")
