"""Codes of second factors, against the RFCs' own figures."""

import pytest

from picloud.domain.totp import code, key_text, matching_step, otpauth_uri, step_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("step", "expected"),
    list(
        enumerate(["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"])
    ),
)
def test_codes_of_rfc_4226(step: int, expected: str) -> None:
    """Appendix D."""
    assert code(SECRET, step) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (20000000000, "353130")],
)
def test_codes_of_rfc_6238(seconds: int, expected: str) -> None:
    """Appendix B, the last six of its eight digits."""
    assert code(SECRET, step_of(seconds)) == expected


def test_a_code_counts_once_and_for_its_neighbours() -> None:
    for step, matches in ((98, None), (99, 99), (100, 100), (101, 101), (102, None)):
        assert matching_step(SECRET, code(SECRET, step), now_step=100, last_step=0) == matches
    assert matching_step(SECRET, code(SECRET, 100), now_step=100, last_step=100) is None
    assert matching_step(SECRET, code(SECRET, 99), now_step=100, last_step=100) is None
    assert matching_step(SECRET, "é", now_step=100, last_step=0) is None


def test_what_apps_scan() -> None:
    assert key_text(SECRET) == "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
    uri = otpauth_uri(SECRET, "ada@example.com", "PiCloud")
    assert uri == f"otpauth://totp/PiCloud:ada%40example.com?secret={key_text(SECRET)}&issuer=PiCloud"
