"""The parser held against the published JSON schema, with good and with spoilt messages."""

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import picloud.inbound
from picloud.domain.errors import Invalid
from picloud.inbound.adapters.normalized import parse
from picloud.inbound.message import read

SCHEMA_FILE = Path(picloud.inbound.__file__).with_name("inbound-email.schema.json")
SCHEMA = json.loads(SCHEMA_FILE.read_text())
DESIGN = Path(__file__).parents[3] / "shared" / "design" / SCHEMA_FILE.name

GOOD_MOMENTS = ["2026-11-22T10:00:00Z", "2026-11-22T10:00:00.25+05:30", "1998-12-31T23:59:60Z"]
GOOD_BASE64 = ["", "SGk=", "YWJj\r\nZGVm"]

# What the contract asks for beyond the schema.
STRICTER = {
    "to": {"minItems": 1},
    "envelope": {"properties": {"from": {"pattern": "^[^\\x00-\\x1f\\x7f]*$"}}},
    "attachments": {"items": {"properties": {"content": {"format": "base64"}}}},
}


def ecma_pattern(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[Any]:
    """JSON Schema's patterns are ECMA 262, where `$` is the very end; Python's also matches before a last newline."""
    if isinstance(instance, str) and not re.search(pattern.replace("$", r"\Z"), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern}")


FORMATS = jsonschema.FormatChecker(formats=())
FORMATS.checks("date-time")(lambda value: not isinstance(value, str) or value in GOOD_MOMENTS)
FORMATS.checks("base64")(lambda value: not isinstance(value, str) or value in GOOD_BASE64)
VALIDATOR = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})(
    SCHEMA | {"allOf": [{"properties": STRICTER}]}, format_checker=FORMATS
)

TEXT = st.text(alphabet=st.characters(exclude_categories=()) | st.sampled_from("\0\r\n\u2028"), max_size=6)
ADDRESS = st.text(min_size=1, max_size=6).map(lambda text: re.sub(r"[\x00-\x1f\x7f]", "-", text))
MESSAGE_ID = st.text(max_size=6).map(lambda text: re.sub(r"[\x00-\x20\x7f]", "-", text))
ADDRESSES = st.lists(ADDRESS, max_size=3)


def optional(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=fields)


ATTACHMENT = st.fixed_dictionaries(
    {"filename": st.none() | TEXT, "content_type": TEXT},
    optional={
        "size": st.integers(0, 10**20) | st.just(3.0),
        "content_id": st.none() | TEXT,
        "disposition": st.sampled_from(["attachment", "inline", None]),
        "content": st.sampled_from(GOOD_BASE64),
        "url": TEXT,
    },
)
MESSAGE = st.fixed_dictionaries(
    {"from": ADDRESS, "to": st.lists(ADDRESS, min_size=1, max_size=3)},
    optional={
        **dict.fromkeys(["cc", "bcc", "reply_to"], ADDRESSES),
        **dict.fromkeys(["subject", "text", "html", "date"], st.none() | TEXT),
        **dict.fromkeys(["message_id", "in_reply_to"], st.none() | MESSAGE_ID),
        "received_at": st.none() | st.sampled_from(GOOD_MOMENTS),
        "references": st.lists(MESSAGE_ID, max_size=3),
        "id": st.text(min_size=1, max_size=6),
        "envelope": optional(**{"from": st.none() | ADDRESS | st.just("")}, to=ADDRESSES, remote_ip=st.none() | TEXT),
        "headers": st.lists(st.lists(TEXT, min_size=2, max_size=2), max_size=3),
        "auth": optional(spf=st.none() | TEXT, dkim=st.none() | TEXT, dmarc=st.none() | TEXT),
        "spam": optional(
            score=st.none() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
            flagged=st.none() | st.booleans(),
        ),
        "attachments": st.lists(ATTACHMENT, max_size=2),
        "something_else": TEXT,
    },
)
ODD = st.sampled_from(
    [
        *(None, True, False, 0, 1, -1, 1.5, 3.0, -0.0, 1e300, [], {}, [[]], [None], [""], ["a"], {"from": 1}),
        *(
            "",
            "a",
            "a\n",
            "a\r\nb",
            "a b",
            "a\0",
            "\ud800",
            "é",
            "=",
            "SGk",
            "2026-02-30T10:00:00Z",
            "inline",
        ),
        *(
            "x" * 256,
            "x" * 257,
            "x" * 998,
            "x" * 999,
            "x" * 9981,
            ["a"] * 101,
            ["a"] * 201,
            [["a", "b"]] * 501,
        ),
    ]
)


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) in a document."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield value, key
        yield from places(value[key])


@st.composite
def spoilt(draw: st.DrawFn) -> Any:
    """A message with one to three places changed, dropped or filled with what doesn't belong there."""
    document = draw(MESSAGE)
    for _ in range(draw(st.integers(1, 3))):
        found = list(places(document))
        if draw(st.booleans()) or not found:
            document[draw(st.sampled_from(list(SCHEMA["properties"])))] = copy.deepcopy(draw(ODD))
            continue
        container, key = draw(st.sampled_from(found))
        if draw(st.integers(0, 4)):
            container[key] = copy.deepcopy(draw(ODD))
        else:
            del container[key]
    return document


def blamed(errors: Any) -> set[str]:
    """The pointers that the validator complains about."""
    pointers = set()
    for error in errors:
        steps = [str(step) for step in error.absolute_path]
        if error.validator == "required":
            pointers |= {"/".join(["", *steps, name]) for name in error.validator_value}
        pointers |= {"/".join(["", *steps])} | blamed(error.context)
    return pointers


def test_the_shipped_schema_is_the_designs() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    if DESIGN.exists():
        assert SCHEMA_FILE.read_bytes() == DESIGN.read_bytes()


@settings(max_examples=100, deadline=None)
@given(MESSAGE)
def test_what_the_schema_takes_is_taken_and_reads_back_as_itself(document: dict[str, Any]) -> None:
    assert not list(VALIDATOR.iter_errors(document))
    email = parse(json.dumps(document).encode())
    assert email.keys() == SCHEMA["properties"].keys()
    assert json.dumps(email, ensure_ascii=False).encode()
    assert read(without_none(email)) == email


def without_none(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: without_none(item) for key, item in value.items() if item is not None}
        return kept | ({"filename": value["filename"]} if "filename" in value else {})
    return [without_none(item) for item in value] if isinstance(value, list) else value


@settings(max_examples=300, deadline=None)
@given(spoilt())
def test_taken_or_refused_as_by_the_schema(document: Any) -> None:
    errors = list(VALIDATOR.iter_errors(document))
    raw = json.dumps(document).encode()
    if not errors:
        assert parse(raw).keys() == SCHEMA["properties"].keys()
        return
    with pytest.raises(Invalid) as caught:
        parse(raw)
    assert {error.pointer for error in caught.value.errors} <= blamed(errors)


@pytest.mark.parametrize(
    ("field", "most"),
    [
        ("from", "x" * 998),
        ("to", ["a"] * 200),
        ("cc", ["a"] * 200),
        ("subject", "x" * 9980),
        ("date", "x" * 200),
        ("message_id", "x" * 998),
        ("references", ["a"] * 100),
        ("id", "x" * 256),
        ("headers", [["a", "b"]] * 500),
        ("headers", [["a", "x" * 65536]]),
        ("envelope", {"from": "x" * 998}),
        ("envelope", {"remote_ip": "x" * 64}),
        ("attachments", [{"filename": "x", "content_type": "y"}] * 100),
        ("attachments", [{"filename": "x" * 1024, "content_type": "y"}]),
        ("attachments", [{"filename": "x", "content_type": "y" * 255}]),
        ("attachments", [{"filename": "x", "content_type": "y", "content_id": "x" * 998}]),
        ("attachments", [{"filename": "x", "content_type": "y", "url": "x" * 4096}]),
    ],
)
def test_limits_are_the_schemas(field: str, most: Any) -> None:
    """`most` is as much as is allowed; one more of its longest part is too much."""
    document = {"from": "a", "to": ["b"], field: most}
    assert VALIDATOR.is_valid(document)
    parse(json.dumps(document).encode())
    document[field] = one_more(most)
    assert not VALIDATOR.is_valid(document)
    with pytest.raises(Invalid):
        parse(json.dumps(document).encode())


def one_more(value: Any) -> Any:
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, list) and len(value) > 2:
        return [*value, value[-1]]
    if isinstance(value, list):
        return [*value[:-1], one_more(value[-1])]
    longest = max(value, key=lambda key: len(value[key]))
    return value | {longest: one_more(value[longest])}


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=40) | st.recursive(ODD, lambda inner: st.dictionaries(TEXT, inner)).map(json.dumps))
def test_nothing_but_invalid_comes_out(raw: bytes | str) -> None:
    with pytest.raises(Invalid):
        parse(raw.encode() if isinstance(raw, str) else raw)
