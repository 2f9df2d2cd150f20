"""`ctx` as a handler sees it, in a real worker."""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from picloud.sandbox_pool.driver import HostError
from picloud.sandbox_pool.limits import Limits
from picloud.sandbox_pool.outcome import Outcome, Status
from tests.sandbox.kit import RunScript

MAIL = {
    "from": "ada@example.com",
    "to": ["in@box.example.org"],
    "subject": "Hé",
    "attachments": [{"filename": "a.txt", "content": "SGk="}],
    "items": 3,
}


def result(outcome: Outcome) -> Any:
    assert outcome.status is Status.ok, outcome
    return json.loads(outcome.result or b"")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("ctx.event.kind", "email"),
        ("ctx.event['kind']", "email"),
        ("[ctx.event.id, ctx.event.attempt, ctx.event.depth, ctx.event.trace_id]", ["0193", 1, 0, "t"]),
        ("ctx.event.occurred_at", "2026-11-22T10:00:00Z"),
        ("ctx.event.email['from']", "ada@example.com"),
        ("ctx.event.email.from_", "ada@example.com"),
        ("ctx.event.email.get('cc', 'none')", "none"),
        ("ctx.event.email.attachments[0].filename", "a.txt"),
        ("ctx.event.email['items']", 3),
        ("'subject' in ctx.event.email", True),
        ("ctx.event.email", MAIL),
        ("hasattr(ctx.event.email, 'cc')", False),
        ("[ctx.app, ctx.script, ctx.version, ctx.principal]", ["app", "main", 3, "ada@example.com"]),
        ("0 < ctx.time_left_ms <= 30_000", True),
    ],
)
def test_reads(run: RunScript, expression: str, expected: object) -> None:
    assert result(run(f"def handler(ctx):\n    return {expression}", kind="email", part=MAIL)) == expected


def test_a_missing_field_names_those_that_are_there(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    return ctx.event.email.sender", kind="email", part=MAIL)
    assert outcome.error is not None
    assert outcome.error.message == "there is no 'sender' here; there is: from, to, subject, attachments, items"


@pytest.mark.parametrize("statement", ["ctx.event = 1", "ctx.app = 'x'", "ctx.log = None", "setattr(ctx, 'app', 1)"])
def test_ctx_cannot_be_changed(run: RunScript, statement: str) -> None:
    outcome = run(f"def handler(ctx):\n    {statement}")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert outcome.error.type == "TypeError"


def test_http_body_in_every_form(run: RunScript) -> None:
    source = (
        "def handler(ctx):\n    http = ctx.event.http\n"
        "    return [http.body.decode(), http.text, http['text'], http.form, http.method, http.query['q']]"
    )
    body = base64.b64encode(b"a=1&b=&c=%C3%A9").decode()
    headers = {"content-type": "application/x-www-form-urlencoded; charset=UTF-8"}
    part = {"method": "POST", "query": {"q": "x"}, "headers": headers, "body_base64": body}
    form = {"a": "1", "b": "", "c": "é"}
    text = "a=1&b=&c=%C3%A9"
    assert result(run(source, kind="http", part=part)) == [text, text, text, form, "POST", "x"]


PARTS = (
    b'preamble\r\n--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n2\r\n'
    b'--x y\r\ncontent-type: text/plain\r\ncontent-disposition: form-data; name="b%22c"\r\n\r\n\xc3\xa9--x y\r\n'
    b'--x y\r\nContent-Disposition: form-data; name="a"\r\n\r\nsecond\r\n'
    b'--x y\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nHi\r\n'
    b'--x y\r\nContent-Disposition: form-data; filename="name=\\"g\\""\r\n\r\nHi\r\n'
    b"--x y--\r\nepilogue"
)


@pytest.mark.parametrize(
    ("content_type", "body", "form"),
    [
        ('multipart/form-data; boundary="x y"', PARTS, {"a": "1\r\n2", 'b"c': "é--x y"}),
        ("Multipart/Form-Data; charset=utf-8; boundary=x", PARTS.replace(b"x y", b"x"), {"a": "1\r\n2", 'b"c': "é--x"}),
        ("multipart/form-data", PARTS, {}),
        ("multipart/form-data; boundary=other", PARTS, {}),
        ("multipart/form-data; boundary=x", b"", {}),
        ("application/x-www-form-urlencoded", b"a=1&a=2&b", {"a": "1", "b": ""}),
        ("text/plain", b"a=1", {}),
        ("application/json", b'{"a": 1}', {}),
        ("", b"a=1", {}),
    ],
)
def test_only_a_form_gives_one(run: RunScript, content_type: str, body: bytes, form: dict[str, str]) -> None:
    part = {"headers": {"content-type": content_type}, "body_base64": base64.b64encode(body).decode()}
    assert result(run("def handler(ctx):\n    return ctx.event.http.form", kind="http", part=part)) == form


def test_http_json(run: RunScript) -> None:
    source = "def handler(ctx):\n    ctx.event.http.json['n'] += 1\n    return ctx.event.http.json.n"
    assert result(run(source, kind="http", part={"body_base64": base64.b64encode(b'{"n": 1}').decode()})) == 2
    broken = run(source, kind="http", part={"body_base64": base64.b64encode(b"{").decode()})
    assert broken.error is not None
    assert broken.error.type == "JSONDecodeError"


def test_log_and_print(run: RunScript) -> None:
    source = """
def handler(ctx):
    ctx.log.debug("a", n=1, deep={"x": [1]})
    ctx.log.info("b")
    ctx.log.warning("c", odd=object, nan=float("nan"))
    ctx.log.error("d é")
    print("e", 1, None, sep="-")
    ctx.print("f")
"""
    outcome = run(source)
    assert [(entry["level"], entry["message"]) for entry in outcome.logs] == [
        ("debug", "a"),
        ("info", "b"),
        ("warning", "c"),
        ("error", "d é"),
        ("info", "e-1-None"),
        ("info", "f"),
    ]
    assert outcome.logs[0]["fields"] == {"n": 1, "deep": {"x": [1]}}
    assert outcome.logs[2]["fields"] == {"odd": "<class 'object'>", "nan": "nan"}
    assert all(0 <= entry["at_ms"] < 30_000 for entry in outcome.logs)


def test_host_calls(run: RunScript) -> None:
    asked = []

    def host(verb: str, args: Mapping[str, Any]) -> Any:
        asked.append((verb, args))
        if verb == "secrets.get":
            raise HostError("KeyError", "NAME")
        if verb == "kv.set":
            raise HostError("QuotaExceeded", "too many")
        return {"value": 41}

    source = """
def handler(ctx):
    said = [ctx.kv("box").get("k")]
    for action in (lambda: ctx.secrets["NAME"], lambda: ctx.kv("box").set("k", {"a": 1})):
        try:
            action()
        except KeyError as error:
            said.append(str(error))
        except RuntimeError as error:
            said.append(str(error))
    return said
"""
    assert result(run(source, host)) == [41, "'NAME'", "too many"]
    assert asked == [
        ("kv.get", {"collection": "box", "key": "k"}),
        ("secrets.get", {"name": "NAME"}),
        ("kv.set", {"collection": "box", "key": "k", "value": {"a": 1}, "ttl_s": None}),
    ]


def test_without_a_host_a_call_says_so(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    ctx.queue('q').send(1)")
    assert outcome.error is not None
    assert outcome.error.message == "queue.send is not available here"


def test_host_calls_are_counted(run: RunScript) -> None:
    source = "def handler(ctx):\n    for n in range(10):\n        ctx.kv('x').get('y')"
    outcome = run(source, lambda verb, args: None, limits=Limits(host_calls=5))
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert "more than 5 calls" in outcome.error.message


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("ctx.kv('x').set('\\ud800', 1)", "kv.set: half of a surrogate pair can't be sent"),
        ("ctx.queue('q').send('x' * 5_000_000)", "bytes, of at most 4194304"),
        ("ctx.kv('x').set('k', float('nan'))", "Out of range float values are not JSON compliant"),
        ("ctx.kv('x').set('k', print)", "is not JSON serializable"),
    ],
)
def test_calls_that_cannot_be_sent_are_errors_with_their_line(run: RunScript, call: str, message: str) -> None:
    outcome = run(f"def handler(ctx):\n    {call}", lambda verb, args: None)
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert message in outcome.error.message
    assert outcome.error.line == 2


def test_modules_of_the_app(run: RunScript) -> None:
    modules = {
        "tools": "import more\nfrom more import helper\nlimit = 3\ndef double(x):\n    return helper(x) * more.factor",
        "more": "factor = 2\ndef helper(x):\n    return x",
    }
    source = "import tools\nfrom tools import double as two, limit\ndef handler(ctx):\n    return [two(4), limit, tools.limit]"
    assert result(run(source, modules=modules)) == [8, 3, 3]


@pytest.mark.parametrize(
    ("modules", "message"),
    [
        ({"tools": "import other", "other": "import tools"}, "in a circle: tools -> other -> tools"),
        ({"tools": "import main"}, "in a circle: main -> tools -> main"),
        ({"tools": "x = 1"}, "cannot import 'missing' from 'tools'"),
        ({"tools": "import nothing"}, "there is no module 'nothing'"),
        ({"tools": "1 / 0"}, "division by zero"),
    ],
)
def test_modules_that_cannot_be_imported(run: RunScript, modules: dict[str, str], message: str) -> None:
    outcome = run("from tools import missing\ndef handler(ctx):\n    return 1", modules=modules)
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert message in outcome.error.message


def test_a_module_that_fails_says_so_again(run: RunScript) -> None:
    source = """
def handler(ctx):
    for _ in range(2):
        try:
            import tools
        except ZeroDivisionError as error:
            said = str(error)
    return said
"""
    assert result(run(source, modules={"tools": "1 / 0"})) == "division by zero"


def test_an_error_in_a_module_is_shown_there(run: RunScript) -> None:
    modules = {"tools": "def f():\n    return [][1]"}
    outcome = run("import tools\ndef handler(ctx):\n    return tools.f()", modules=modules)
    assert outcome.error is not None
    assert (outcome.error.script, outcome.error.line) == ("tools", 2)
    assert 'File "tools", line 2, in f\n    return [][1]' in outcome.error.traceback


def test_a_confined_worker_has_all_that_the_modules_need(run: RunScript) -> None:
    source = """
import base64, decimal, hashlib, hmac, json, math, random, re, secrets, statistics, string, textwrap, time, uuid, zlib
import urllib.parse
from datetime import datetime, timezone
from zoneinfo import ZoneInfo, available_timezones

def handler(ctx):
    time.sleep(0.001)
    local = datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("Europe/Berlin")) if "Europe/Berlin" in available_timezones() else None
    return [
        local.isoformat() if local else "2026-07-01T12:00:00+02:00",
        datetime.strptime("2026-01-02", "%Y-%m-%d").strftime("%d.%m.%y"),
        time.strftime("%Y", time.gmtime(0)),
        [bool(x) for x in (datetime.now(), datetime.now(timezone.utc), time.localtime(), time.time(), time.monotonic())],
        "bücher.example".encode("idna").decode(),
        ["é".encode(name).decode(name) for name in ("utf-16", "cp1252", "latin-1", "utf-8-sig", "utf-32")],
        hashlib.scrypt(b"p", salt=b"s", n=2, r=1, p=1).hex()[:4] != "",
        hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1).hex()[:4],
        len(str(uuid.uuid4())), len(secrets.token_urlsafe(8)) > 8, 0 <= random.random() < 1,
        str(decimal.Decimal(1) / 3)[:5], f"{1234.5:,.2f}", zlib.crc32(b"a"),
    ]
"""
    assert result(run(source)) == [
        "2026-07-01T12:00:00+02:00",
        "02.01.26",
        "1970",
        [True] * 5,
        "xn--bcher-kva.example",
        ["é"] * 5,
        True,
        "372c",
        36,
        True,
        True,
        "0.333",
        "1,234.50",
        3904355907,
    ]


@pytest.mark.parametrize("shown", ["str(ctx)", "repr(ctx)", "f'{ctx}'", "'{}'.format(ctx)"])
def test_ctx_shows_nothing_internal(run: RunScript, shown: str) -> None:
    assert result(run(f"def handler(ctx):\n    return {shown}")) == "<ctx of app/main>"


def test_the_parts_of_ctx_show_nothing_internal(run: RunScript) -> None:
    parts = "ctx.kv('box'), ctx.queue('q'), ctx.secrets, ctx.http, ctx.log"
    shown = result(run(f"def handler(ctx):\n    return [str(part) for part in ({parts})]"))
    assert shown == ["<ctx.kv of 'box'>", "<ctx.queue of 'q'>", "<ctx.secrets>", "<ctx.http>", "<ctx.log>"]
