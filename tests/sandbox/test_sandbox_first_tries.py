"""What somebody who knows Python, and has read no manual, writes first: it works, or the error says what to write."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from picloud.sandbox_pool.driver import HostError
from picloud.sandbox_pool.outcome import Status
from tests.sandbox.kit import RunScript

PART = {
    "method": "POST",
    "query": {"q": "1"},
    "headers": {"content-type": "application/json", "x-own": "a"},
    "body_base64": base64.b64encode(b'{"n": 1}').decode(),
}


def host(verb: str, args: Mapping[str, Any]) -> Any:
    if verb == "secrets.get" and args["name"] != "A":
        raise HostError("LookupError", f"the app has no secret {args['name']!r}")
    if verb == "http.request":
        return {"status": 200, "url": args["url"], "headers": [], "body_base64": ""}
    return {"secrets.get": "value", "kv.get": {"value": None} if args.get("key") == "null" else None}.get(verb)


def run_body(run: RunScript, body: str) -> Any:
    return run(f"def handler(ctx):\n    {body}", host, kind="http", part=PART)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("ctx.secrets['A']", "value"),
        ("ctx.secrets.get('A')", "value"),
        ("[ctx.secrets.get('B'), ctx.secrets.get('B', 1)]", [None, 1]),
        ("['A' in ctx.secrets, 'B' in ctx.secrets, 'B' not in ctx.secrets]", [True, False, True]),
        ("['null' in ctx.kv('c'), 'other' in ctx.kv('c')]", [True, False]),
        ("[bool(ctx.kv('c')), bool(ctx.secrets), bool(ctx.queue('q'))]", [True, True, True]),
        ("[hasattr(ctx.kv('c'), name) for name in ('get', 'put')]", [True, False]),
        ("ctx.event.http.headers['Content-Type']", "application/json"),
        ("[ctx.event.http.headers.get(name) for name in ('X-Own', 'x-own', 'x')]", ["a", "a", None]),
        ("[name in ctx.event.http.headers for name in ('X-Own', 'X')]", [True, False]),
        ("ctx.event.http.get('json')", {"n": 1}),
        ("ctx.event.http.get('text')", '{"n": 1}'),
        ("[ctx.event.http.get(name, 5) for name in ('method', 'nothing')]", ["POST", 5]),
        ("[name in ctx.event.http for name in ('json', 'form', 'method', 'data')]", [True, True, True, False]),
    ],
)
def test_what_works(run: RunScript, expression: str, value: Any) -> None:
    outcome = run_body(run, f"return [{expression}]")
    assert outcome.status is Status.ok, outcome
    assert json.loads(outcome.result) == [value]


LIST_KV = "list(prefix, limit, after)"


@pytest.mark.parametrize(
    ("statement", "kind", "said"),
    [
        ("ctx.secrets['B']", "SecretNotFound", "the app has no secret 'B'"),
        ("list(ctx.secrets)", "TypeError", 'ctx.secrets["NAME"]'),
        ("[name for name in ctx.secrets]", "TypeError", 'ctx.secrets["NAME"]'),
        ("len(ctx.secrets)", "TypeError", 'ctx.secrets["NAME"]'),
        ("ctx.secrets.keys()", "AttributeError", 'ctx.secrets["NAME"]'),
        ("ctx.secrets.A", "AttributeError", 'ctx.secrets["NAME"]'),
        ("ctx.secrets('A')", "TypeError", 'ctx.secrets["NAME"]'),
        ("ctx.secrets['A'] = 1", "TypeError", "can't be changed"),
        ("ctx.kv.get('k')", "AttributeError", "name a collection"),
        ("ctx.kv['c']", "TypeError", "name a collection"),
        ("ctx.kv('c')['k']", "TypeError", "get(key, default)"),
        ("ctx.kv('c')['k'] = 1", "TypeError", "set(key, value, ttl_s=None)"),
        ("ctx.kv('c')['k'] += 1", "TypeError", "incr(key, by)"),
        ("del ctx.kv('c')['k']", "TypeError", "delete(key)"),
        ("ctx.kv('c').put('k', 1)", "AttributeError", "set(key, value, ttl_s=None)"),
        ("len(ctx.kv('c'))", "TypeError", LIST_KV),
        ("for key in ctx.kv('c'): pass", "TypeError", LIST_KV),
        ("ctx.kv('c').items()", "AttributeError", LIST_KV),
        ("ctx.kv('c').set('k', {1, 2})", "TypeError", "kv.set takes numbers, text, lists"),
        ("ctx.queue.send('q', 1)", "AttributeError", "name a queue"),
        ("ctx.queue('q').put(1)", "AttributeError", "send(payload"),
        ("ctx.event.http.json()", "TypeError", "leave out the ( )"),
        ("ctx.event.http.args", "AttributeError", "query, headers, body, text, json, form"),
        ("ctx.event.json", "AttributeError", "there is: id, kind"),
        ("ctx.request", "AttributeError", "there is event, kv"),
        ("ctx['event']", "TypeError", "there is event, kv"),
        ("ctx.log('x')", "TypeError", "info"),
        ("ctx.log.warn('x')", "AttributeError", "warning"),
        ("ctx.http('https://x')", "TypeError", "get(url)"),
        ("ctx.http.get('https://x', timeout=5)", "TypeError", "timeout_s, not timeout"),
        ("ctx.http.post('https://x', verify=False)", "TypeError", "timeout_s, not verify"),
        ("ctx.http.get('https://x').status_code", "AttributeError", "there is status, ok"),
    ],
)
def test_what_does_not_says_what_does(run: RunScript, statement: str, kind: str, said: str) -> None:
    error = run_body(run, statement).error
    assert error is not None
    assert error.type == kind
    assert said in error.message
    assert "\n" not in error.message


def test_a_missing_secret_is_a_key_error(run: RunScript) -> None:
    outcome = run_body(run, "try:\n        ctx.secrets['B']\n    except KeyError as error:\n        return str(error)")
    assert outcome.response.body.decode() == "the app has no secret 'B'"
