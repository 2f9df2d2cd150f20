"""`incr` and `cas` are atomic, whichever node the handler runs on."""

from tests.integration.conftest import World

TIMES = 100
INCR = "def handler(ctx):\n    return ctx.kv('c').incr('n')\n"
CAS = """
def handler(ctx):
    kv = ctx.kv("c")
    while True:
        seen = kv.get("n")
        if kv.cas("n", seen, (seen or 0) + 1):
            return (seen or 0) + 1
"""


def counted(world: World, source: str) -> list[int]:
    """What the runs returned, in order of size, after as many on each of two nodes as those say."""
    script = world.script(source)
    world.enqueue(script, times=TIMES)
    with world.node(), world.node():
        world.until(lambda: not world.waiting())
    [(stored,)] = world.rows("SELECT value FROM kv_entries WHERE app_id = :app", app=world.app_id)
    assert stored == TIMES
    return sorted(run.result for run in world.executions() if run.status == "ok")


def test_every_increment_counts_once(world: World) -> None:
    assert counted(world, INCR) == list(range(1, TIMES + 1))


def test_every_swap_counts_once(world: World) -> None:
    assert counted(world, CAS) == list(range(1, TIMES + 1))
