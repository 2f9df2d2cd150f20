import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.domain.text import clean, one_line

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=8)
ANY_JSON = st.recursive(
    st.none() | st.integers() | ANY_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(ANY_TEXT, inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "cleaned"),
    [
        ("a\0b", "a\ufffdb"),
        ("\ud800", "\ufffd"),
        ("\udfffx\ud83d", "\ufffdx\ufffd"),
        ([1, ["\0"]], [1, ["\ufffd"]]),
        ({"a\0": {"b": "\udc00"}}, {"a\ufffd": {"b": "\ufffd"}}),
        ({"\0": 1, "\ufffd": 2}, {"\ufffd": 2}),
    ],
)
def test_nul_and_lone_surrogates_become_replacement_characters(value: object, cleaned: object) -> None:
    assert clean(value) == cleaned


@pytest.mark.parametrize("value", ["", "\U0001f600 \x01\n é", 1, None, True, 1.5, [1, "a"], {"a": ["b"]}])
def test_what_needs_nothing_comes_back_itself(value: object) -> None:
    assert clean(value) is value


@settings(max_examples=50, deadline=None)
@given(ANY_JSON)
def test_cleaned_can_be_stored_and_stays_as_it_is(value: object) -> None:
    cleaned = clean(value)
    spelled = json.dumps(cleaned, ensure_ascii=False)
    assert "\\u0000" not in spelled.replace("\\\\", "")
    assert spelled.encode("utf-8")  # raises on a lone surrogate
    assert clean(cleaned) is cleaned


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\r\nb", "a b"),
        ("a\r\n\tb\n\n c\rd", "a b c d"),
        ("Hi\r\nBcc: x", "Hi Bcc: x"),
        ("a\u2028b\x85c\x0bd", "a b c d"),
        ("a  b", "a  b"),
    ],
)
def test_line_breaks_become_one_space(text: str, line: str) -> None:
    assert one_line(text) == line
