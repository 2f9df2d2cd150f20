"""What one event does to the process that it ran in is not seen by the next one of its app."""

import pytest

from tests.sandbox.kit import RunScript

EVENTS = """
def handler(ctx):
    return first(ctx) if ctx.event.manual.turn == 1 else second(ctx)
"""
LIAR = """
class Liar({kind}):
    def __hash__(self):
        return hash({key})
    def __eq__(self, other):
        return True
"""

CHANGES = {
    "flags of a pattern": LIAR.format(kind="int", key="0")
    + """
import re
def first(ctx):
    re.compile("admin", Liar(2))
def second(ctx):
    return re.match("admin", "ADMIN") is None
""",
    "a pattern's template": LIAR.format(kind="str", key="'<\\\\1>'")
    + """
import re
def first(ctx):
    re.sub("(a)", Liar("\\\\1 forged"), "a")
def second(ctx):
    return re.sub("(a)", "<\\\\1>", "a") == "<a>"
""",
    "what is safe in an address": LIAR.format(kind="bytes", key="b'/'")
    + """
from urllib.parse import quote
class Safe(str):
    def encode(self, *encoding):
        return Liar(b"/&?")
def first(ctx):
    quote("&", safe=Safe())
def second(ctx):
    return quote("a/b&?") == "a/b%26%3F"
""",
    "the format of a date": LIAR.format(kind="str", key="'%Y-%m-%d'")
    + """
from datetime import datetime
def first(ctx):
    datetime.strptime("2026-22-11", Liar("%Y-%d-%m"))
def second(ctx):
    return datetime.strptime("2026-10-11", "%Y-%m-%d").month == 10
""",
    "the format of a time": LIAR.format(kind="str", key="'%Y-%m-%d'")
    + """
import time
def first(ctx):
    time.strptime("2026-22-11", Liar("%Y-%d-%m"))
def second(ctx):
    return time.strptime("2026-10-11", "%Y-%m-%d").tm_mon == 10
""",
    "a decimal context, by a generator in a circle": """
import decimal
def rounded():
    with decimal.localcontext() as context:
        context.prec = 3
        yield
def first(ctx):
    circle = [rounded()]
    next(circle[0])
    circle.append(circle)
def second(ctx):
    return len(str(decimal.Decimal(1) / 3)) > 20
""",
    "a decimal context, by a generator in a module": """
import decimal
import helper
def rounded():
    with decimal.localcontext() as context:
        context.prec = 3
        yield
def first(ctx):
    helper.kept.append(rounded())
    next(helper.kept[0])
def second(ctx):
    return len(str(decimal.Decimal(1) / 3)) > 20
""",
    "the name of a function": """
import functools, json
def first(ctx):
    functools.wraps(first)(json.dumps)
def second(ctx):
    return "first" not in repr(json.dumps)
""",
    "the name of a guard": """
import functools
def first(ctx):
    functools.wraps(first)(getattr)
def second(ctx):
    return "first" not in repr(getattr)
""",
    "the name of a class": """
import functools, uuid
def first(ctx):
    functools.wraps(first)(uuid.UUID)
def second(ctx):
    return "first" not in repr(uuid.UUID)
""",
    "an abstract class": """
from collections import ChainMap
def first(ctx):
    ChainMap.register(int)
def second(ctx):
    return not isinstance(1, ChainMap)
""",
}


@pytest.mark.parametrize("source", CHANGES.values(), ids=CHANGES.keys())
def test_a_change_is_not_seen(run: RunScript, source: str) -> None:
    modules = {"helper": "kept = []"}
    run(source + EVENTS, part={"turn": 1}, modules=modules)
    outcome = run(source + EVENTS, part={"turn": 2}, modules=modules)
    assert outcome.result == b"true", outcome.error


def test_what_was_left_suspended_ends_with_its_event(run: RunScript) -> None:
    """A `finally` that ran when the garbage of another event was collected could read its replies and write to its log."""
    source = """
def waiting(ctx, circle):
    try:
        yield
    finally:
        ctx.log.info("woken")
def first(ctx):
    circle = []
    circle.append(waiting(ctx, circle))
    next(circle[0])
def second(ctx):
    for _ in range(10_000):
        circle = []
        circle.append([circle])
"""
    assert [entry["message"] for entry in run(source + EVENTS, part={"turn": 1}).logs] == ["woken"]
    assert run(source + EVENTS, part={"turn": 2}).logs == []
