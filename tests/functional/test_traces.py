"""One trace through four kinds of events."""

from typing import Any

from tests.functional.bench import Bench
from tests.functional.client import eventually


def test_a_call_s_trace_goes_on_to_store_queue_and_dead_letter(bench: Bench) -> None:
    seen = "[ctx.event.trace_id, ctx.event.depth, ctx.event.id]"
    bench.script("watch", f"ctx.queue('jobs').send(1)\nreturn {seen}")
    bench.trigger("kv", script="watch", collection_glob="c")
    bench.script("worker", "raise ValueError('never')")
    bench.trigger("queue", script="worker", queue="jobs", max_attempts=2)
    bench.script(
        "mourner", f"letter = ctx.event.dead_letter\nreturn [*{seen}, letter.event.trace_id, letter.event.depth]"
    )
    bench.trigger("dead_letter", script="mourner", max_attempts=1)
    bench.route("it", f"ctx.kv('c').set('k', 1)\nreturn {seen}")
    trace_id, depth, event_id = bench.call("it")
    assert (trace_id, depth) == (event_id, 0)
    [mourned] = eventually(lambda: bench.executions("dead_letter"))
    assert mourned["result"][:2] == [trace_id, 3]
    assert mourned["result"][3:] == [trace_id, 2]
    [watched] = bench.executions("kv")
    assert watched["result"][:2] == [trace_id, 1]
    tried = bench.executions("queue")
    assert [(run["attempt"], run["event"]["depth"]) for run in tried] == [(2, 2), (1, 2)]
    everything: list[Any] = [run["trace_id"] for kind in ("http", "kv", "queue") for run in bench.executions(kind)]
    assert set(everything) == {trace_id}
    [letter] = bench.owner.get(f"/apps/{bench.slug}/dead-letters")["items"]
    assert bench.owner.get(f"/apps/{bench.slug}/deliveries/{letter['id']}")["trace_id"] == trace_id
