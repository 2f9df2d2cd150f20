"""What the store takes and gives back: by handlers, and by the admin API."""

import json
from typing import Any
from urllib.parse import quote

import pytest

from tests.functional.bench import Bench

DEEP: Any = 0
for _ in range(63):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -1,
        2**53 + 1,
        2**64,
        -(10**30),
        0.1,
        1e308,
        5e-324,
        "",
        "é\u2028\U0001f600",
        [],
        {},
        {"": [None]},
        {"nul\0": ["a\0b"]},
        10**399,
        DEEP,
    ],
)
def test_values_come_back_as_they_were(bench: Bench, value: Any) -> None:
    bench.route(
        "it", "kv = ctx.kv('c')\nkv.set('k', ctx.event.http.json)\nkv.set('copy', kv.get('k'))\nreturn [kv.get('copy')]"
    )
    assert bench.call("it", value) == [value]
    path = f"/apps/{bench.slug}/kv/c/k"
    assert bench.owner.get(path)["value"] == value
    assert json.dumps(bench.owner.put(path, {"value": value})["value"]) == json.dumps(value)


@pytest.mark.parametrize(
    "value", ["chr(0xD800)", "[{chr(0xDFFF): 1}]", "10**400", "[-10**400]", "float('nan')", "1e999"]
)
def test_what_the_api_would_refuse_a_handler_can_t_set(bench: Bench, value: str) -> None:
    bench.route("it", f"try:\n    ctx.kv('c').set('k', {value})\nexcept ValueError:\n    return ['refused']")
    assert bench.call("it") == ["refused"]


def test_the_api_takes_as_many_parts_as_a_handler_may_set(bench: Bench) -> None:
    bench.route("it", "kv = ctx.kv('c')\nkv.set('k', [0] * 120_000)\nreturn [len(kv.get('k'))]")
    assert bench.call("it") == [120_000]
    path = f"/apps/{bench.slug}/kv/c/k"
    assert bench.owner.put(path, {"value": bench.owner.get(path)["value"]})["version"] == 2


def test_what_a_run_sets_for_a_short_while_it_sees_go(bench: Bench) -> None:
    bench.route(
        "it",
        """
import time
kv = ctx.kv("c")
kv.set("k", 1, ttl_s=0.05)
kv.set("other", 1, ttl_s=60)
time.sleep(0.1)
seen = [kv.get("k"), [entry["key"] for entry in kv.list()], kv.incr("k", 5)]
kv.set("late", 1, ttl_s=60)
return [*seen, kv.get("late")]""",
    )
    assert bench.call("it") == [None, ["other"], 5, 1]


@pytest.mark.parametrize("depth", [64, 300, 900, 5_000])
def test_what_is_nested_too_deeply_is_refused(bench: Bench, depth: int) -> None:
    bench.route(
        "it",
        f"""
value = []
for _ in range({depth}):
    value = [value]
said = []
for call in (lambda: ctx.kv("c").set("k", value), lambda: ctx.kv("c").cas("k", value, 1)):
    try:
        said.append(call())
    except (ValueError, RecursionError) as error:
        said.append("refused")
return said""",
    )
    response = bench.app.post_json(f"/run/{bench.slug}/it", {}, status="*", expect_errors=True)
    assert response.status_int in (200, 502)
    if response.status_int == 200:
        assert response.json[0] == "refused"
    assert bench.value("k") is None


@pytest.mark.parametrize(
    "key", ["a/b", " ", "..%2f", "?#&", "é\u4e2d", "line\nbreak", "\t", "a" * 512, "%", "\U0001f600"]
)
def test_keys_may_have_any_characters(bench: Bench, key: str) -> None:
    bench.route(
        "it",
        "kv = ctx.kv('c')\nk = ctx.event.http.json\nkv.set(k, k)\nreturn [kv.get(k), [e['key'] for e in kv.list()]]",
    )
    assert bench.call("it", key) == [key, [key]]
    path = f"/apps/{bench.slug}/kv/c/{quote(key, safe='')}"
    assert bench.owner.get(path)["value"] == key
    assert bench.owner.get(f"/apps/{bench.slug}/kv/c")["items"][0]["key"] == key
    bench.owner.delete(path)


def test_lists_come_in_pages_and_by_prefix(bench: Bench) -> None:
    keys = sorted(["a", "a/", "a/1", "a/\U0010ffff", "a/\U0010ffffz", "a0", "b", "\U0010ffff", "\U0010ffff1", "\ud7ff"])
    bench.route(
        "it",
        """
kv = ctx.kv("c")
for key in ctx.event.http.json:
    kv.set(key, key)
found, after = [], None
while True:
    page = kv.list(limit=3, after=after)
    if not page:
        break
    found += [entry["key"] for entry in page]
    after = found[-1]
by = {prefix: [e["key"] for e in kv.list(prefix=prefix)] for prefix in ("a/", "a/\U0010ffff", "\U0010ffff", "\\ud7ff", "x")}
return [found, by]""",
    )
    found, by = bench.call("it", keys)
    assert found == keys
    assert by == {prefix: [key for key in keys if key.startswith(prefix)] for prefix in by}


def test_incr_of_what_is_no_number_and_beyond_numbers(bench: Bench) -> None:
    bench.route(
        "it",
        """
kv = ctx.kv("c")
kv.set("text", "x")
kv.set("big", 10**399)
kv.set("max", 1e308)
said = []
for key, by in (("text", 1), ("big", 0.5), ("max", 1e308)):
    try:
        said.append(kv.incr(key, by=by))
    except TypeError:
        said.append("TypeError")
    except ValueError:
        said.append("ValueError")
return said + [kv.incr("f", by=0.5), kv.incr("f", by=0.25), kv.incr("i", by=2**70)]""",
    )
    assert bench.call("it") == ["TypeError", "ValueError", "ValueError", 0.5, 0.75, 2**70]
    assert bench.value("f") == 0.75


def test_a_time_to_live_is_kept_by_incr_and_ended_by_set(bench: Bench) -> None:
    bench.route(
        "it",
        "kv = ctx.kv('c')\nkv.set('a', 1, ttl_s=60)\nkv.incr('a')\nkv.set('b', 1, ttl_s=60)\nkv.set('b', 2)\nkv.cas('a', 2, 3)",
    )
    bench.call("it", status=204)
    a, b = bench.owner.get(f"/apps/{bench.slug}/kv/c")["items"]
    assert (a["value"], a["version"], b["value"], b["version"]) == (3, 3, 2, 2)
    assert a["expires_at"] is not None
    assert b["expires_at"] is None
