"""A worker's work, done once before any worker is forked.

Python adapts code as it first runs, which writes to the memory that holds it. Done here, all workers share the result:
that makes them smaller and their first event faster.
"""

import json
import socket

from picloud.sandbox_pool.protocol import Channel, Kind
from picloud.sandbox_pool.worker import Worker

_ROUNDS = 20
_LIMITS = dict.fromkeys(
    ("cpu_ms", "wall_ms", "memory_bytes", "output_bytes", "log_bytes", "log_lines", "host_bytes"), 1 << 20
)
_REPLIES: dict[int, int] = dict.fromkeys((Kind.COMPILED, Kind.LOG, Kind.RESULT, Kind.RESPONSE, Kind.FAILED), 1 << 20)
_SCRIPT = """
import json
import tools
from collections import defaultdict


class Box:
    def __init__(self, n):
        self.n = n

    def more(self):
        self.n += 1
        return self


def handler(ctx):
    seen = defaultdict(int)
    for key, value in {"a": 1, "b": 2}.items():
        seen[key] += value
    first, *rest = sorted(seen)
    text = "{0.n} {1}".format(Box(1).more(), f"{len(rest)}")
    print(text, ctx.event.kind, ctx.event["id"], hasattr(ctx, "app"))
    if ctx.event.attempt > 1:
        raise ValueError(text)
    return json.loads(json.dumps({"first": first, "rest": rest, "text": tools.shout(text)}))
"""
_MODULE = "def shout(text):\n    return text.upper()"


def rehearse() -> None:
    """Takes about 20 ms."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        driver, worker = Channel(ours), Worker(theirs)
        sources = {"main": _SCRIPT, "tools": _MODULE}
        driver.send(Kind.COMPILE, json.dumps({"sources": sources, "modules": ["main", "tools"]}).encode())
        worker.step()
        _, compiled = driver.receive(_REPLIES)
        bundle = {"entry": "main", "sources": sources, "codes": json.loads(compiled)["codes"]}
        driver.send(Kind.LOAD, json.dumps(bundle).encode())
        driver.send(Kind.CONTEXT, json.dumps({"context": {"app": "a"}, "limits": _LIMITS}).encode())
        worker.step()
        worker.step()
        for number in range(_ROUNDS):
            kind = ("manual", "http")[number % 2]
            event = {"id": "0", "kind": kind, "attempt": 1 + number // 2 % 2, kind: {}}
            driver.send(Kind.EVENT, json.dumps(event).encode())
            worker.step()
            while driver.receive(_REPLIES)[0] == Kind.LOG:
                pass
