"""The frames of a worker, as the trusted side reads them: typed, closed, capped. Everything here is hostile input."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from picloud.sandbox_pool.code_problem import CodeProblem
from picloud.sandbox_pool.control import MAX_AFTER_S, REASON_CHARS
from picloud.sandbox_pool.header_rules import MAX_CONTENT_TYPE_CHARS, MAX_HEADERS
from picloud.sandbox_pool.outcome import Control, ErrorInfo
from picloud.sandbox_pool.protocol import HEADER, ProtocolError

FAILED_CAP_BYTES = 256 * 1024
COMPILED_CAP_BYTES = 16 * 1024 * 1024
RESPONSE_HEAD_BYTES = 64 * 1024

_Count = Annotated[int, Meta(ge=0, le=2**53)]


class LogFrame(Struct, forbid_unknown_fields=True):
    level: Literal["debug", "info", "warning", "error"]
    message: str
    fields: dict[str, Any]
    at_ms: _Count


class CallFrame(Struct, forbid_unknown_fields=True):
    verb: Annotated[str, Meta(pattern=r"^[a-z]{1,30}\.[a-z_]{1,30}\Z")]
    args: dict[str, Any]


class ErrorFrame(Struct, forbid_unknown_fields=True):
    type: Annotated[str, Meta(max_length=200)]
    message: Annotated[str, Meta(max_length=4_000)]
    script: Annotated[str, Meta(max_length=500)] | None
    line: _Count | None
    traceback: Annotated[str, Meta(max_length=32_000)]


class ControlFrame(Struct, forbid_unknown_fields=True):
    kind: Literal["retry", "fail", "abort"]
    reason: Annotated[str, Meta(max_length=REASON_CHARS)] = ""
    after_s: Annotated[float, Meta(ge=0, le=MAX_AFTER_S)] | None = None
    status: Annotated[int, Meta(ge=400, le=599)] | None = None


class FailedFrame(Struct, forbid_unknown_fields=True):
    status: Literal["error", "cpu", "wall", "memory", "output"]
    error: ErrorFrame
    control: ControlFrame | None

    def as_error(self) -> ErrorInfo:
        error = self.error
        return ErrorInfo(error.type, error.message, error.line, error.traceback, error.script)

    def as_control(self) -> Control | None:
        asked = self.control
        return Control(asked.kind, asked.after_s, asked.reason, asked.status) if asked is not None else None


class ResponseHead(Struct, forbid_unknown_fields=True):
    status: int
    headers: Annotated[list[tuple[str, str]], Meta(max_length=MAX_HEADERS)]
    content_type: Annotated[str, Meta(max_length=MAX_CONTENT_TYPE_CHARS)] | None
    form: Literal["json", "text", "bytes"]


class CompiledFrame(Struct, forbid_unknown_fields=True):
    codes: dict[str, str]
    script: str | None
    problems: Annotated[list[tuple[_Count, _Count, str, str]], Meta(max_length=100)]

    def as_problems(self) -> list[CodeProblem]:
        return [CodeProblem(*problem) for problem in self.problems]


_decode_json = msgspec.json.Decoder().decode
_decode_log = msgspec.json.Decoder(LogFrame).decode
_decode_call = msgspec.json.Decoder(CallFrame).decode
decode_failed = msgspec.json.Decoder(FailedFrame).decode
decode_compiled = msgspec.json.Decoder(CompiledFrame).decode
_decode_head = msgspec.json.Decoder(ResponseHead).decode


def decode_log(body: bytes) -> LogFrame:
    """Raises ProtocolError, msgspec.DecodeError."""
    try:
        return _decode_log(body)
    except RecursionError:
        raise ProtocolError("a log entry with fields that are nested too deeply") from None


def decode_call(body: bytes) -> CallFrame:
    """Raises ProtocolError, msgspec.DecodeError."""
    try:
        return _decode_call(body)
    except RecursionError:
        raise ProtocolError("a call with arguments that are nested too deeply") from None


def check_json(body: bytes) -> bytes:
    """`body`, if it is JSON. Raises ProtocolError."""
    try:
        _decode_json(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"a result that is not JSON: {error}") from None
    return body


def split_response(body: bytes) -> tuple[ResponseHead, bytes]:
    """The head and the content of a RESPONSE frame: `u32 head length | u8 0 | head | content`. Raises ProtocolError."""
    if len(body) < HEADER.size:
        raise ProtocolError("a response without a head")
    length, _ = HEADER.unpack_from(body)
    if length > RESPONSE_HEAD_BYTES or HEADER.size + length > len(body):
        raise ProtocolError("a response with a head of the wrong length")
    return _decode_head(body[HEADER.size : HEADER.size + length]), body[HEADER.size + length :]
