import json
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.domain import strict_json
from picloud.domain.errors import BadRequest, Invalid, PicloudError

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=50, deadline=None)
@given(JSON, st.booleans())
def test_what_is_json_reads_as_the_standard_library_reads_it(value: object, ascii_only: bool) -> None:
    raw = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert strict_json.loads(raw) == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=30) | st.text(alphabet='[]{}",:\\u0d8 \n1e-.tNaI', max_size=30).map(str.encode))
def test_anything_reads_or_is_invalid(raw: bytes) -> None:
    try:
        value = strict_json.loads(raw)
    except Invalid:
        return
    assert json.loads(raw) == value


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "line 1 column 1"),
        (b'{"a": 1 x}', "line 1 column 9"),
        (b'{"a":\n  oops}', "line 2 column 3"),
        (b"{} {}", "Extra data, line 1 column 4"),
        (b'"a\nb"', "control character"),
        (b'"\xff"', "Not UTF-8: byte 0xff at offset 1"),
        (b'"\xed\xa0\x80"', "Not UTF-8"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"NaN": NaN}', '"NaN", line 1 column 9'),
        (b"[Infinity]", '"Infinity"'),
        (b"[1, -Infinity]", '"-Infinity", line 1 column 5'),
        (b'["1e999", 1e999]', '"1e999", line 1 column 11'),
        (b'{"x": 1, "x": 1}', 'key "x" stands twice'),
        (b'[{"a": {"\\u0061": 1, "a": 1}}]', 'key "a" stands twice'),
        (b'{"\\ud800": 1, "\\ud800": 1}', r'key "\ud800" stands twice'),
        (b"1" * 5000, "1111"),
        (b"-1." + b"1" * 400, "-1.111"),
        (b"[" * 100_000 + b"]" * 100_000, "Too deep: more than 64 levels, line 1 column 65"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "Too deep"),
        (b'["\\"", ' + b"[" * 64 + b"]" * 65, "Too deep"),
        (b'["\\\\", ' + b"[" * 64 + b"]" * 65, "Too deep"),
        (b"]" + b"[" * 100, "Expecting value, line 1 column 1"),
        (b"[" + b"[]," * 100_000 + b"[]]", "Too many parts"),
        (b"[" + b'"",' * 100_000 + b'""]', "Too many parts"),
        (b"[" + b"1," * 100_001 + b"1]", "Too many parts"),
    ],
)
def test_refused_saying_what_and_where(raw: bytes, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        strict_json.loads(raw)
    assert says in caught.value.detail
    assert caught.value.detail.isascii()
    assert len(caught.value.detail) < 200


@pytest.mark.parametrize(
    "raw",
    [
        b"[" * 64 + b"]" * 64,
        b'"' + b"[" * 100_000 + b'"',
        b'{"a": "' + b"," * 200_000 + b'"}',
        b'"\\n' + b"[" * 100 + b'\\\\"',
        b'"\\"' + b"[" * 100 + b'\\""',
        b"1" * 400,
        b"1.7976931348623157e308",
        b'[{"a": 1}, {"a": 1}]',
        b"[" + b"[]," * 40_000 + b"[]]",
    ],
)
def test_what_comes_near_a_limit_is_read(raw: bytes) -> None:
    assert strict_json.loads(raw) == json.loads(raw)


def test_nul_and_lone_surrogates_are_json() -> None:
    assert strict_json.loads(b'["\\u0000", "\\ud800", "\\ud83d\\ude00"]') == ["\0", "\ud800", "\U0001f600"]


def test_limits_and_error_are_the_callers() -> None:
    with pytest.raises(BadRequest):
        strict_json.loads(b"nope", error=BadRequest)
    with pytest.raises(Invalid):
        strict_json.loads(b"[[]]", max_depth=1)
    with pytest.raises(Invalid):
        strict_json.loads(b"[1,2,3]", max_parts=2)
    assert strict_json.loads(b"[1,2,3]", max_parts=3, max_depth=1) == [1, 2, 3]


@pytest.mark.parametrize("part", [b"[],", b'{"a":1},', b'"",', b'"', b",", b"]", b"1,", b'{"a":['])
def test_memory_stays_near_the_size_of_the_text(part: bytes) -> None:
    """Built without the limits, the worst of these takes 60 times the text and more."""
    raw = b"[" + part * (2**20 // len(part))
    tracemalloc.start()
    try:
        with pytest.raises(PicloudError):
            strict_json.loads(raw)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2 * len(raw)
