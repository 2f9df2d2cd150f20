"""What is told of an exception: type, message, line, and a traceback of the app's own scripts."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from picloud.sandbox_pool.interrupts import MESSAGES, ControlRequest, LimitHit

MAX_MESSAGE = 2_000
MAX_FRAMES = 24
MAX_NAME = 200


def describe(error: BaseException, sources: Mapping[str, str], memory_bytes: int) -> dict[str, Any]:
    """The body of a FAILED frame. Only frames of `sources` are shown."""
    status, message = "error", _message(error)
    if isinstance(error, LimitHit):
        status = error.status
    elif isinstance(error, MemoryError):
        status, message = "memory", MESSAGES["memory"].format(limit=memory_bytes)
    places = _places(error.__traceback__, sources)
    script, line, _ = places[-1] if places else (None, None, "")
    if not places and isinstance(error, SyntaxError):
        script, line = error.filename, error.lineno
    return {
        "status": status,
        "error": {
            "type": type(error).__name__[:MAX_NAME],
            "message": message,
            "script": script,
            "line": line,
            "traceback": _text(error, message, places, sources),
        },
        "control": error.control if isinstance(error, ControlRequest) else None,
    }


def _message(error: BaseException) -> str:
    try:
        text = str(error)
    except BaseException:  # its own code may raise what ends a run
        text = "(its message can't be shown)"
    return text[:MAX_MESSAGE].encode("utf-8", "replace").decode()


def _places(trace: TracebackType | None, sources: Mapping[str, str]) -> list[tuple[str, int, str]]:
    """(script, line, function) of each of the app's own frames, outermost first."""
    places = []
    while trace is not None:
        code = trace.tb_frame.f_code
        if code.co_filename in sources:
            places.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    return places


def _text(error: BaseException, message: str, places: list[tuple[str, int, str]], sources: Mapping[str, str]) -> str:
    lines = list(_lines(places, sources))
    heading = ["Traceback (most recent call last):"] if lines else []
    return "\n".join([*heading, *lines, f"{type(error).__name__[:MAX_NAME]}: {message}"])


def _lines(places: list[tuple[str, int, str]], sources: Mapping[str, str]) -> Iterator[str]:
    half = MAX_FRAMES // 2
    for index, (script, line, function) in enumerate(places):
        left_out = len(places) - MAX_FRAMES
        if left_out > 0 and index == half:
            yield f"  … {left_out} more calls …"
        if half <= index < half + left_out:
            continue
        yield f'  File "{script}", line {line}, in {function[:MAX_NAME]}'
        text = sources[script].splitlines()
        if 0 < line <= len(text):
            yield f"    {text[line - 1].strip()[:200]}"
