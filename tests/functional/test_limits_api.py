"""What an app's and a script's limits come to."""

from webtest import TestApp

from picloud.process import Process
from tests.functional.bench import Bench
from tests.functional.client import ADMIN, Client, eventually


def effective(owner: Client, path: str) -> dict[str, int]:
    limits: dict[str, int] = owner.get(path)["effective_limits"]
    return limits


def test_limits_are_shown_as_set_by_default_and_as_they_hold(owner: Client, process: Process) -> None:
    slug, most = owner.new_app(), process.runtime.settings
    owner.script(slug, "it", "def handler(ctx):\n    return 1\n")
    instance = {
        "cpu_ms": most.handler_cpu_ms,
        "wall_ms": most.handler_wall_ms,
        "memory_bytes": most.handler_memory_bytes,
        "output_bytes": most.handler_output_bytes,
        "log_bytes": most.handler_log_bytes,
    }
    app = owner.get(f"/apps/{slug}")
    assert (app["limits"], app["default_limits"], app["effective_limits"]) == ({}, instance, instance)
    given = {"cpu_ms": 10**9, "wall_ms": 200, "concurrency": 4}
    app = owner.patch(f"/apps/{slug}", {"limits": given})
    assert (app["limits"], app["default_limits"]) == (given, instance)
    assert app["effective_limits"] == instance | {"wall_ms": 200, "concurrency": 4}
    script = owner.patch(f"/apps/{slug}/scripts/it", {"limits": {"wall_ms": 500, "concurrency": 2, "log_bytes": 2048}})
    assert script["default_limits"] == app["effective_limits"]
    assert script["effective_limits"] == app["effective_limits"] | {"concurrency": 2, "log_bytes": 2048}
    [listed] = owner.get(f"/apps/{slug}/scripts")["items"]
    assert listed["effective_limits"] == script["effective_limits"]


def test_effective_limits_are_those_that_a_run_has(owner: Client, app: TestApp) -> None:
    bench = Bench(owner, app)
    owner.patch(f"/apps/{bench.slug}", {"limits": {"cpu_ms": 10**9, "wall_ms": 2_900}})
    bench.route("it", "return 1")
    owner.patch(f"/apps/{bench.slug}/scripts/it", {"limits": {"memory_bytes": 9_000_000, "concurrency": 3}})
    bench.call("it")
    [run] = eventually(lambda: bench.executions("http"))
    shown = effective(owner, f"/apps/{bench.slug}/scripts/it")
    assert {name: run["limits"][name] for name in shown if name != "concurrency"} == {
        name: value for name, value in shown.items() if name != "concurrency"
    }


def test_what_holds_is_no_part_of_the_tag(owner: Client, app: TestApp) -> None:
    slug = owner.new_app()
    owner.script(slug, "it", "def handler(ctx):\n    return 1\n")
    address = f"{ADMIN}/apps/{slug}/scripts/it"
    tag = app.get(address, headers=owner.headers).headers["ETag"]
    owner.patch(f"/apps/{slug}", {"limits": {"wall_ms": 200}})
    assert app.get(address, headers=owner.headers).headers["ETag"] == tag
