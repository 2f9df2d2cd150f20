"""Every way a run can end, and that the next event doesn't notice."""

import pytest

from picloud.sandbox_pool.limits import MIB, Limits
from picloud.sandbox_pool.outcome import Status
from tests.sandbox.kit import RunScript

FINE = "def handler(ctx):\n    return 'fine'"

LOOP = "def handler(ctx):\n    while True:\n        pass"
STUBBORN_LOOP = """
def handler(ctx):
    while True:
        try:
            while True:
                pass
        except:
            pass
"""
C_LOOP = "def handler(ctx):\n    return sum(range(10**12))"
POWER = "def handler(ctx):\n    return 7**10**8"
SLEEP = "import time\ndef handler(ctx):\n    time.sleep(60)"
HOARD = "def handler(ctx):\n    kept = []\n    while True:\n        kept.append('x' * 100_000 + str(len(kept)))"
ONE_HUGE = "def handler(ctx):\n    return len('x' * 10**10)"
LARGE = "def handler(ctx):\n    return 'x' * 2_000_000"
LOG_FLOOD = "def handler(ctx):\n    while True:\n        print('x' * 1000)"
LINE_FLOOD = "def handler(ctx):\n    while True:\n        ctx.log.info('x')"

LIMITS = Limits(cpu_ms=200, wall_ms=10_000)


@pytest.fixture(autouse=True)
def next_event_is_fine(run: RunScript):
    yield
    for app in ("app", "another app"):
        outcome = run(FINE, app=app)
        assert (outcome.status, outcome.result) == (Status.ok, b'"fine"')


def test_ok_tells_result_and_use(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    return {'n': [1, 2.5, None, True, 'é']}")
    assert outcome.status is Status.ok
    assert outcome.result == '{"n":[1,2.5,null,true,"é"]}'.encode()
    assert outcome.error is outcome.control is outcome.response is None
    assert outcome.wall_ms > 0
    assert outcome.cpu_ms > 0
    assert outcome.limits == Limits()


def test_raising_is_an_error_with_line_and_traceback(run: RunScript) -> None:
    outcome = run("def inverse(x):\n    return 1 / x\n\ndef handler(ctx):\n    return inverse(0)")
    assert outcome.status is Status.error
    assert outcome.result is None
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.message) == ("ZeroDivisionError", "division by zero")
    assert (outcome.error.script, outcome.error.line) == ("main", 2)
    assert outcome.error.traceback.splitlines() == [
        "Traceback (most recent call last):",
        '  File "main", line 5, in handler',
        "    return inverse(0)",
        '  File "main", line 2, in inverse',
        "    return 1 / x",
        "ZeroDivisionError: division by zero",
    ]


def test_an_exception_is_told_by_the_script_s_own_words(run: RunScript) -> None:
    source = """
WORDS = "out of"
class Missing(Exception):
    def __str__(self):
        return f"{WORDS} {self.args[0]}"
def handler(ctx):
    raise Missing("stock")
"""
    outcome = run(source)
    assert outcome.error is not None
    assert outcome.error.message == "out of stock"


@pytest.mark.parametrize("ending", ["ctx.abort(400)", "raise ValueError()", "raise self"])
def test_an_exception_that_has_no_words(run: RunScript, ending: str) -> None:
    source = f"""
def handler(ctx):
    class Mute(Exception):
        def __str__(self):
            {ending}
    raise Mute()
"""
    outcome = run(source)
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert outcome.error.message == "(its message can't be shown)"


def test_long_names_are_cut(run: RunScript) -> None:
    name = "n" * 5_000
    outcome = run(f"def {name}(n):\n    return {name}(n + 1)\n\ndef handler(ctx):\n    return {name}(0)")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert outcome.error.type == "RecursionError"


def test_deep_recursion_is_an_error(run: RunScript) -> None:
    outcome = run("def f(n):\n    return f(n + 1)\ndef handler(ctx):\n    return f(0)")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert outcome.error.type == "RecursionError"
    assert len(outcome.error.traceback) < 4_000


@pytest.mark.parametrize("source", [LOOP, STUBBORN_LOOP, C_LOOP, POWER], ids=["loop", "stubborn", "c", "power"])
def test_cpu(run: RunScript, source: str) -> None:
    outcome = run(source, limits=LIMITS)
    assert outcome.status is Status.cpu
    assert outcome.cpu_ms >= 200


def test_a_loop_is_told_its_line(run: RunScript) -> None:
    outcome = run(LOOP, limits=LIMITS)
    assert outcome.error is not None
    assert outcome.error.line in (2, 3)


def test_wall(run: RunScript) -> None:
    outcome = run(SLEEP, limits=Limits(wall_ms=600))
    assert outcome.status is Status.wall
    assert outcome.error is not None
    assert outcome.error.line == 3
    assert outcome.wall_ms >= 600
    assert outcome.cpu_ms < 600


@pytest.mark.parametrize("source", [HOARD, ONE_HUGE], ids=["hoard", "one huge"])
def test_memory(run: RunScript, source: str) -> None:
    outcome = run(source, limits=Limits(cpu_ms=10_000, memory_bytes=32 * MIB))
    assert outcome.status is Status.memory
    assert outcome.error is not None
    assert outcome.memory_peak_bytes <= 33 * MIB


def test_memory_used_is_told(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    return len('x' * 20_000_000)")
    assert outcome.status is Status.ok
    assert 19 * MIB < outcome.memory_peak_bytes < 24 * MIB


@pytest.mark.parametrize("source", [LARGE, LOG_FLOOD, LINE_FLOOD], ids=["result", "log bytes", "log lines"])
def test_output(run: RunScript, source: str) -> None:
    outcome = run(source)
    assert outcome.status is Status.output
    assert outcome.result is None
    assert len(outcome.logs) <= outcome.limits.log_lines
    assert sum(len(entry["message"]) for entry in outcome.logs) <= outcome.limits.log_bytes


def test_logs_of_a_killed_run_are_kept(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    print('before')\n    sum(range(10**12))", limits=LIMITS)
    assert outcome.status is Status.cpu
    assert [entry["message"] for entry in outcome.logs] == ["before"]


@pytest.mark.parametrize(
    ("value", "place"),
    [
        ("{'a': [1, 2, 3, object()]}", "object at $.a[3]"),
        ("[float('nan')]", "nan at $[0]"),
        ("{'a': float('inf')}", "inf at $.a"),
        ("{(1, 2): 3}", "a key of type tuple at $"),
        ("{1, 2}", "set at $"),
        ("b'x', [b'y']", "bytes at $[0]"),
        ("'\\ud800'", "half of a surrogate pair at $"),
        ("(x for x in [1])", "generator at $"),
        ("ctx", "Context at $"),
    ],
)
def test_what_json_cannot_say_is_an_error(run: RunScript, value: str, place: str) -> None:
    outcome = run(f"def handler(ctx):\n    return {value}")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert outcome.error.message == f"the handler returned something JSON can't say: {place}"


def test_a_value_that_contains_itself(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    a = []\n    a.append(a)\n    return a")
    assert outcome.status is Status.error
    outcome = run("def handler(ctx):\n    a = []\n    for i in range(100_000):\n        a = [a]\n    return a")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert "nested too deeply" in outcome.error.message


def test_no_handler(run: RunScript) -> None:
    outcome = run("x = 1")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert "no function handler(ctx)" in outcome.error.message


def test_a_refused_script_is_an_error_with_its_line(run: RunScript) -> None:
    outcome = run("\nimport os\ndef handler(ctx):\n    return os")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.line, outcome.error.script) == ("SyntaxError", 2, "main")


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("ctx.retry(after_s=30)", ("retry", 30.0, None)),
        ("ctx.fail('no such customer')", ("fail", None, None)),
        ("ctx.abort(404, 'not here')", ("abort", None, 404)),
    ],
)
def test_what_the_handler_asks_for(run: RunScript, call: str, expected: tuple[str, float | None, int | None]) -> None:
    outcome = run(f"def handler(ctx):\n    try:\n        {call}\n    except Exception:\n        return 'swallowed'")
    assert outcome.status is Status.error
    assert outcome.control is not None
    assert (outcome.control.kind, outcome.control.after_s, outcome.control.status) == expected
