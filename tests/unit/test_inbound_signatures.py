import base64
import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from picloud.domain.errors import BadSignature
from picloud.inbound import signatures
from picloud.inbound.signing_secrets import plain_keys, standard_keys

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"from": "ada@example.com"}'
NOW_S = 1_800_000_000.5
VECTORS = Path(__file__).parents[3] / "shared" / "vectors" / "email"

Headers = dict[str, str]


def accepts(headers: Headers, *secrets: str, body: bytes = BODY, now_s: float = NOW_S) -> bool:
    try:
        signatures.verify(headers, body, secrets or (SECRET,), now_s)
    except BadSignature:
        return False
    return True


def standard(secret: str = SECRET, timestamp_s: int = int(NOW_S), **changes: str | None) -> Headers:
    headers = signatures.sign_standard(secret, BODY, webhook_id="msg_1", timestamp_s=timestamp_s)
    headers |= {f"webhook-{name}": value for name, value in changes.items() if value is not None}
    return {name: value for name, value in headers.items() if changes.get(name[8:], "") is not None}


def svix(headers: Headers) -> Headers:
    return {name.replace("webhook", "svix"): value for name, value in headers.items()}


def by_hand(key: bytes, identifier: str, timestamp: str) -> str:
    digest = hmac.new(key, f"{identifier}.{timestamp}.".encode() + BODY, hashlib.sha256).digest()
    return "v1," + base64.b64encode(digest).decode()


def vectors() -> list[Any]:
    """Each published vector and each of its variants, one whole case each."""
    cases = []
    for path in sorted(VECTORS.glob("0[125]_*.json")):
        vector = json.loads(path.read_text())
        for number, variant in enumerate([{}, *vector.get("variants", [])]):
            case = vector | variant
            name = vector.get("header_name", "").lower()
            case["headers"] = {name: case["signature"]} if name else vector["headers"] | variant.get("headers", {})
            case["headers"].pop(variant.get("drop_header"), None)
            cases.append(pytest.param(case, id=f"{path.stem[:2]}-{number}"))
    return cases


@pytest.mark.parametrize("case", vectors())
def test_published_vectors(case: dict[str, Any]) -> None:
    accepted = accepts(case["headers"], case["secret"], body=case["body"].encode(), now_s=case.get("now", 0))
    assert accepted == (case["expect"] == "accept")


@pytest.mark.parametrize("secret", [SECRET, SECRET + "==", "whsec_c2VjcmV0", "whsec_YQ", "correct horse", "ключ"])
def test_what_is_signed_verifies_in_both_forms(secret: str) -> None:
    assert accepts(standard(secret), secret)
    assert accepts(svix(standard(secret)), secret)
    assert accepts(signatures.sign_plain(secret, BODY), secret)
    for headers in (standard(secret), svix(standard(secret)), signatures.sign_plain(secret, BODY)):
        assert not accepts(headers, secret, body=BODY + b" ")
        assert not accepts(headers, "x" + secret)
        assert accepts(headers, "other", "whsec_b3RoZXI=", "third", secret)


def test_without_a_usable_secret_nothing_verifies() -> None:
    headers = standard() | {"webhook-signature": by_hand(b"", "msg_1", "1800000000")}
    for secret in ("", "whsec_", "whsec_===", "whsec_ab!cd", "whsec_a", "whsec_ab_-", "whsec_é"):
        assert standard_keys(secret) == []
        assert not accepts(headers, secret)
        with pytest.raises(ValueError):
            signatures.sign_standard(secret, BODY, webhook_id="msg_1", timestamp_s=1)
    assert plain_keys("") == plain_keys("whsec_") == []
    with pytest.raises(BadSignature):
        signatures.verify(standard(), BODY, [], NOW_S)


def test_key_of_the_plain_form_is_the_decoded_or_the_full_text() -> None:
    for key in (SECRET.encode(), base64.b64decode(SECRET[6:])):
        digest = hmac.new(key, BODY, hashlib.sha256).hexdigest()
        for name in ("x-picloud-signature", "x-hub-signature-256", "x-webhook-signature"):
            assert accepts({name: digest})
            assert accepts({name: "sha256=" + digest.upper()})
    unprefixed = SECRET[6:]
    decoded = hmac.new(base64.b64decode(unprefixed), BODY, hashlib.sha256).hexdigest()
    assert not accepts({"x-picloud-signature": decoded}, unprefixed)


def test_first_plain_header_decides() -> None:
    good = signatures.sign_plain(SECRET, BODY)
    assert accepts(good | {"x-webhook-signature": "t=1,v1=abc"})
    assert not accepts({"x-picloud-signature": "", "x-hub-signature-256": good["x-picloud-signature"]})


@pytest.mark.parametrize("distance_s", [0, 299, -299, 300, -299.5])
def test_within_five_minutes(distance_s: float) -> None:
    assert accepts(standard(timestamp_s=1_800_000_000), now_s=1_800_000_000 + distance_s)


@pytest.mark.parametrize("distance_s", [300.01, -300.01, 301, 86_400, -86_400])
def test_stale_or_from_the_future(distance_s: float) -> None:
    assert not accepts(standard(timestamp_s=1_800_000_000), now_s=1_800_000_000 + distance_s)


def test_timestamp_is_taken_literally() -> None:
    key = standard_keys(SECRET)[0]
    padded = "001800000000"
    assert accepts(standard(timestamp=padded, signature=by_hand(key, "msg_1", padded)))
    assert not accepts(standard(timestamp=padded))


@pytest.mark.parametrize(
    "timestamp",
    [
        "",
        " 1800000000",
        "1800000000 ",
        "1800000000\n",
        "+1800000000",
        "-1",
        "1.8e9",
        "1800000000.0",
        "1_800_000_000",
        "0001800000000",
        "18000000000000",
        "١٨٠٠٠٠٠٠٠٠",
        "²",
        "0x6b49d200",
        "1800000000, 1800000000",
        "nan",
        "é",
    ],
)
def test_malformed_timestamp(timestamp: str) -> None:
    signature = by_hand(standard_keys(SECRET)[0], "msg_1", timestamp)
    assert not accepts(standard(timestamp=timestamp, signature=signature))


@pytest.mark.parametrize("identifier", ["", "msg_1, msg_1", "a b", "a\n", "a\0", "é", "x" * 257])
def test_malformed_id(identifier: str) -> None:
    signature = by_hand(standard_keys(SECRET)[0], identifier, "1800000000")
    headers = standard(id=identifier, signature=signature)
    assert not accepts(headers)
    assert signatures.webhook_id(headers) is None


def test_list_of_signatures() -> None:
    good = standard()["webhook-signature"]
    bad = "v1," + "A" * 43 + "="
    for value in (f"{bad} {good}", f"v2,{bad[3:]} v1a,AAAA {good} {bad}", f"  {good} ", f"junk {good} v1,"):
        assert accepts(standard(signature=value))


@pytest.mark.parametrize(
    "spoil",
    [
        "{0}, {0}",
        "{0},{0}",
        "{0}, v1,AAAA",
        "v1, {1}",
        "v2,{1}",
        "V1,{1}",
        "v1a,{1}",
        "{1}",
        "v1={1}",
        "{0}\n",
        "{0}=",
        "v1,é",
        "",
        " ",
        "{0}" + " v1,AAAA" * 600,
    ],
)
def test_malformed_signature(spoil: str) -> None:
    good = standard()["webhook-signature"]
    assert not accepts(standard(signature=spoil.format(good, good[3:])))


def test_one_spelling_of_a_signature() -> None:
    good = standard()["webhook-signature"]
    other = good[:-2] + chr(ord(good[-2]) + 1) + "="
    assert base64.b64decode(other[3:]) == base64.b64decode(good[3:])
    assert not accepts(standard(signature=other))
    assert not accepts(standard(signature=good.rstrip("=")))


@pytest.mark.parametrize("name", ["id", "timestamp", "signature"])
@pytest.mark.parametrize("family", ["webhook", "svix"])
def test_any_standard_header_rules_the_plain_form_out(family: str, name: str) -> None:
    plain = signatures.sign_plain(SECRET, BODY)
    assert accepts(plain)
    assert not accepts(plain | {f"{family}-{name}": ""})
    assert not accepts(standard(**{name: None}) | plain)


def test_two_families_are_never_put_together() -> None:
    whole = standard()
    assert accepts(whole | {"svix-id": "other"})
    assert not accepts(svix(whole) | {"webhook-id": "msg_1"})
    assert not accepts({"webhook-id": "msg_1"} | {k: v for k, v in svix(whole).items() if k != "svix-id"})


def test_id_is_the_same_under_both_names() -> None:
    assert signatures.webhook_id(standard()) == signatures.webhook_id(svix(standard())) == "msg_1"
    assert signatures.webhook_id({"x-picloud-signature": "sha256=00"}) is None


ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=12)
NAMES = [f"{family}-{part}" for family in ("webhook", "svix") for part in ("id", "timestamp", "signature")]
NEARLY = [
    "msg_1",
    "1800000000",
    "1800000000, 1",
    "v1," + "A" * 43 + "=",
    "v1,\xe9 v1,",
    "sha256=" + "0" * 64,
    "0" * 63,
]
HEADERS = st.dictionaries(
    st.sampled_from([*NAMES, *signatures.PLAIN_HEADERS]), st.sampled_from(NEARLY) | ANY_TEXT, max_size=6
)
# With the form filled in well, so that what follows is reached: the keys and the comparison.
FILLED = st.sampled_from([standard(), svix(standard()), signatures.sign_plain(SECRET, BODY)])
SECRETS = st.lists(ANY_TEXT.map("whsec_".__add__) | ANY_TEXT, max_size=4)


@settings(max_examples=200, deadline=None)
@given(HEADERS | FILLED, st.binary(max_size=8), SECRETS, st.sampled_from([0.0, NOW_S, 1e13]))
def test_nothing_but_bad_signature_comes_out(headers: Headers, body: bytes, secrets: list[str], now_s: float) -> None:
    with pytest.raises(BadSignature):
        signatures.verify(headers, body, secrets, now_s)
