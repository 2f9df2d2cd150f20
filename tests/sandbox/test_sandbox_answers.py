"""What a handler may return for an HTTP event, and what is refused of it."""

import pytest

from picloud.sandbox_pool.outcome import Response, Status
from tests.sandbox.kit import RunScript

TEXT = "text/plain; charset=utf-8"
JSON = "application/json"


def handler(returned: str) -> str:
    return f"def handler(ctx):\n    return {returned}"


@pytest.mark.parametrize(
    ("returned", "response", "stored"),
    [
        ("{'a': 1}", Response(200, (), JSON, b'{"a":1}'), b'{"a":1}'),
        ("[1, 2]", Response(200, (), JSON, b"[1,2]"), b"[1,2]"),
        ("True", Response(200, (), JSON, b"true"), b"true"),
        ("'hé'", Response(200, (), TEXT, "hé".encode()), '"hé"'.encode()),
        ("b'\\xff'", Response(200, (), "application/octet-stream", b"\xff"), None),
        ("None", Response(204, (), None, b""), b"null"),
        ("(201, {'a': 1})", Response(201, (), JSON, b'{"a":1}'), b'{"a":1}'),
        ("(404, None)", Response(404, (), None, b""), b"null"),
        ("(200, 'x', {'X-A': 'b'})", Response(200, (("X-A", "b"),), TEXT, b"x"), b'"x"'),
        (
            "(200, 'x', [('A', '1'), ('A', 2)])",
            Response(200, (("A", "1"), ("A", "2")), TEXT, b"x"),
            b'"x"',
        ),
        (
            "(200, '', {'Set-Cookie': ['a=1', 'b=2']})",
            Response(200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")), TEXT, b""),
            b'""',
        ),
        (
            "(200, '', [('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=2')])",
            Response(200, (("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")), TEXT, b""),
            b'""',
        ),
        (
            "(200, '', {'A': '\u00ff' * 8_000, 'B': '\\\\' * 8_000, 'C': '.' + '\t' * 7_000 + '.'})",
            Response(200, (("A", "\u00ff" * 8_000), ("B", "\\" * 8_000), ("C", "." + "\t" * 7_000 + ".")), TEXT, b""),
            b'""',
        ),
        (
            "(200, '', {'Content-Security-Policy': 'a', 'Access-Control-Allow-Credentials': 'true'})",
            Response(200, (("Content-Security-Policy", "a"), ("Access-Control-Allow-Credentials", "true")), TEXT, b""),
            b'""',
        ),
        ("(200, '<p>', {'Content-Type': 'text/html'})", Response(200, (), "text/html", b"<p>"), b'"<p>"'),
        ("ctx.respond('<p>', content_type='text/html')", Response(200, (), "text/html", b"<p>"), b'"<p>"'),
        (
            "ctx.respond({'a': 1}, status=202, headers={'A': 'b'})",
            Response(202, (("A", "b"),), JSON, b'{"a":1}'),
            b'{"a":1}',
        ),
        ("ctx.respond(status=304)", Response(304, (), None, b""), b"null"),
        ("('a', 'b')", Response(200, (), JSON, b'["a","b"]'), b'["a","b"]'),
        ("[200, 'x']", Response(200, (), JSON, b'[200,"x"]'), b'[200,"x"]'),
    ],
)
def test_forms(run: RunScript, returned: str, response: Response, stored: bytes | None) -> None:
    outcome = run(handler(returned), kind="http")
    assert outcome.status is Status.ok, outcome
    assert outcome.response == response
    assert outcome.result == stored


def test_respond_counts_without_return(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    ctx.respond('x', status=418)", kind="http")
    assert outcome.response is not None
    assert outcome.response.status == 418


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("(99, 'x')", "status 99 is not between 200 and 599"),
        ("(600, 'x')", "status 600 is not between 200 and 599"),
        ("(100, 'x')", "status 100 is not between 200 and 599"),
        ("ctx.respond('x', status='200')", "the status must be a number, not '200'"),
        ("(200, 'x', {'A': 'b\\r\\nSet-Cookie: c=d'})", "has characters that a header can't have"),
        ("(200, 'x', {'A': 'b\\nc'})", "has characters that a header can't have"),
        ("(200, 'x', {'A': 'b\\0c'})", "has characters that a header can't have"),
        ("(200, 'x', {'A': '\\u20ac'})", "has characters that a header can't have"),
        ("(200, 'x', {'A': 'x' * 9_000})", "the header 'A' is too long: 9000 characters, of at most 8000"),
        ("(200, 'x', {'A': 'x' * 100_000})", "the header 'A' is too long: 100000 characters, of at most 8000"),
        ("(200, 'x', {f'A-{n}': '' for n in range(2_000)})", "2000 headers are more than an answer may have: 100"),
        ("(200, 'x', {'A': ['b' * 8_000] * 4})", "the headers together are longer than 24000 characters"),
        ("(200, 'x', {'A': None})", "the value of the header 'A' must be text or a number, not NoneType"),
        ("(200, 'x', {'A': b'b'})", "the value of the header 'A' must be text or a number, not bytes"),
        ("(200, 'x', {b'A': 'b'})", "the name of a header must be text or a number, not bytes"),
        ("(200, 'x', [('A', None)])", "the value of the header 'A' must be text or a number, not NoneType"),
        ("(200, 'x', ['A'])", "headers in a list must be pairs: [(name, value), ...]"),
        ("(200, 'x', 'A: b')", "headers must be a dict or a list of (name, value) pairs, not str"),
        ("(200, 'x', 5)", "headers must be a dict or a list of (name, value) pairs, not int"),
        ("(200, 'x', {'Clear-Site-Data': '*'})", "is not a handler's to set"),
        ("(200, 'x', [('strict-transport-security', 'max-age=0')])", "is not a handler's to set"),
        ("(200, 'x', {'Content-Type': 'x' * 501})", "of at most 500"),
        ("ctx.respond('x', content_type='x' * 501)", "of at most 500"),
        ("ctx.respond('x', content_type=b'text/html')", "content_type must be text or a number, not bytes"),
        ("ctx.respond('x', status=10**30)", "is not between 200 and 599"),
        ("(200, 'x', {'A b': 'c'})", "'A b' is not the name of a header"),
        ("(200, 'x', {'': 'c'})", "'' is not the name of a header"),
        ("(200, 'x', {'A:': 'c'})", "'A:' is not the name of a header"),
        ("(200, 'x', {'Transfer-Encoding': 'chunked'})", "is not a handler's to set"),
        ("(200, 'x', {'connection': 'close'})", "is not a handler's to set"),
        ("(200, 'x', {'Upgrade': 'h2c'})", "is not a handler's to set"),
        ("(200, 'x', {'Content-Length': '1'})", "is not a handler's to set"),
        ("(200, 'x', {'Set-Cookie': 'picloud_session=1'})", "a cookie whose name starts with `picloud`"),
        ("(200, 'x', {'set-cookie': ' PiCloud=1'})", "a cookie whose name starts with `picloud`"),
        ("(200, 'x', {'set-cookie': '=picloud_session=1'})", "a cookie needs a name"),
        ("(200, 'x', {'set-cookie': 'picloud'})", "a cookie needs a name"),
        ("(200, 'x', {'set-cookie': '__Host-picloud=1'})", "a cookie whose name starts with `picloud`"),
        ("ctx.respond('x', content_type='text/html\\r\\nA: b')", "has characters that a header can't have"),
        ("(200, {'a': object()})", "object at $.a"),
    ],
)
def test_refused(run: RunScript, returned: str, message: str) -> None:
    outcome = run(handler(returned), kind="http")
    assert outcome.status is Status.error
    assert outcome.response is None
    assert outcome.result is None
    assert outcome.error is not None
    assert message in outcome.error.message


def test_too_large_an_answer_is_output(run: RunScript) -> None:
    assert run(handler("b'x' * 2_000_000"), kind="http").status is Status.output


def test_events_of_other_kinds_have_no_response(run: RunScript) -> None:
    outcome = run(handler("(201, 'x')"), kind="email")
    assert outcome.response is None
    assert outcome.result == b'[201,"x"]'


def test_a_mistake_in_respond_has_its_line(run: RunScript) -> None:
    outcome = run("def handler(ctx):\n    x = 1\n    ctx.respond(x, headers={'A': 'b' * 100_000})", kind="http")
    assert outcome.status is Status.error
    assert outcome.error is not None
    assert (outcome.error.type, outcome.error.line) == ("BadAnswer", 3)


@pytest.mark.parametrize("returned", ["(200, 'x', {'A': 'b' * 100_000})", "(200, object())", "'x' * 2_000_000"])
def test_what_was_returned_wrongly_has_the_line_of_the_handler(run: RunScript, returned: str) -> None:
    outcome = run(f"x = 1\n\ndef handler(ctx):\n    return {returned}", kind="http")
    assert outcome.error is not None
    assert (outcome.error.script, outcome.error.line) == ("main", 3)
