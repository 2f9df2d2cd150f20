"""What nobody should send to an email trigger, for hypothesis to make."""

import json
import re
from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from picloud.inbound.adapters import adapter
from picloud.inbound.message import read
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

_NAMES = re.split(
    r"\s+",
    """From FromFull ToFull To Cc CcFull Bcc BccFull Email Name Headers Value RawEmail Attachments Content Data
    ContentLength MessageID OriginalRecipient headers envelope from to recipients plain html attachments content
    file_name size id rcpt_to mail_from message base64 token data raw sender email rcptTo created_at items Uuid
    Address Subject RawTextBody Sender Recipient Parts ContentRef Text-part SpamAssassinScore Attachment1 msys
    relay_message email_rfc822 msg_from email_rfc822_is_base64 Type Message MessageId TopicArn SigningCertURL
    Signature SignatureVersion SubscribeURL mail receipt notificationType source commonHeaders name inlines
    return-path timestamp session mailFrom value address headerLines line references spf dkim dmarc status result
    results spam_report score event msg raw_msg ts subject text date""",
)
TOKENS = [
    b"From: ",
    b"To: ",
    b"Subject: ",
    b"Content-Type: ",
    b"multipart/mixed; boundary=",
    b"b",
    b"--b",
    b"--b--",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"Content-Disposition: attachment; filename=",
    b'"a\r\nb.txt"',
    b"filename*0*=",
    b"utf-8''%e4%f6",
    b"text/plain",
    b"message/rfc822",
    b"; charset=",
    b"punycode",
    b"utf-16",
    b"unicode_escape",
    b"x" * 60,
    b"=?utf-8?q?=e4?=",
    b"=?utf-8?b?4oKs?=",
    b"=?",
    b"?=",
    b"Content-Transfer-Encoding: ",
    b"base64",
    b"quoted-printable",
    b"SGk=",
    b"=",
    b"\x00",
    b"\xff\xfe",
    b"\x80",
    b"Date: ",
    b"Mon, 31 Feb 99999 25:61:61 +9999",
    b"Message-ID: <a b>",
    b"<",
    b">",
    b'"',
    b"(",
    b")",
    b",",
    b";",
    b":",
    b"\\",
    b" ",
    b"Received: ",
    b"name*99999999999999999999=a",
    b"X-Spam-Score: NaN",
]
RAW = st.one_of(st.binary(max_size=300), st.lists(st.sampled_from(TOKENS), max_size=60).map(b"".join))
TEXT = st.one_of(
    st.text(max_size=20), st.sampled_from(["\x00", "\ud800", "a\r\nb", "1e999", "NaN", "=?x?q?=?=", "a@b"])
)
NAMES = st.sampled_from(_NAMES)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXT, RAW.map(lambda raw: raw.decode("latin-1"))),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(NAMES, inner, max_size=6)),
    max_leaves=20,
)
HEADERS = st.dictionaries(
    st.sampled_from(
        [
            "authorization",
            "signature",
            "x-postal-signature-256",
            "x-mandrill-signature",
            "x-webhook-signature",
            "webhook-id",
            "x-twilio-email-event-webhook-signature",
            "x-twilio-email-event-webhook-timestamp",
            "webhook-signature",
        ]
    ),
    st.one_of(
        TEXT, st.just("Basic /w=="), st.just("Bearer é"), st.just("AAAA"), st.just("1600112502"), st.just("0" * 64)
    ),
    max_size=4,
)
FIELDS = st.lists(
    st.tuples(
        st.sampled_from(
            [
                "timestamp",
                "token",
                "signature",
                "recipient",
                "sender",
                "body-mime",
                "message-headers",
                "body-plain",
                "email",
                "to",
                "headers",
                "charsets",
                "envelope",
                "from",
                "attachment1",
                "attachment-info",
                "content-id-map",
                "attachments",
                "message",
                "mandrill_events",
                "headers[to]",
                "envelope[recipients][0]",
                "envelope[spf][result]",
                "envelope[spf]",
                'é"\r\n',
            ]
        ),
        st.one_of(RAW, VALUES.map(lambda value: json.dumps(value).encode())),
        st.booleans(),
    ),
    max_size=8,
)
KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7"
    "dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
SECRETS = [KEY, "user:password", "arn:aws:sns:us-east-1:123456789012:MyTopic", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"]


def form_of(fields: list[tuple[str, bytes, bool]]) -> bytes:
    parts = []
    for name, value, is_file in fields:
        filename = '; filename="a"' if is_file else ""
        parts.append(
            f'--x\r\nContent-Disposition: form-data; name="{name}"{filename}\r\n\r\n'.encode() + value + b"\r\n"
        )
    return b"".join(parts) + b"--x--\r\n"


REQUESTS = st.one_of(
    st.builds(Request, HEADERS, VALUES.map(lambda value: json.dumps(value).encode())),
    st.builds(Request, HEADERS, RAW),
    st.builds(
        lambda headers, fields: Request(headers | {"content-type": "multipart/form-data; boundary=x"}, form_of(fields)),
        HEADERS,
        FIELDS,
    ),
    st.builds(
        lambda headers, body: Request(headers | {"content-type": "application/x-www-form-urlencoded"}, body),
        HEADERS,
        RAW,
    ),
)


def samples(provider: str) -> st.SearchStrategy[Request]:
    """What the provider sends, with odd texts in the mail, and then some of it changed."""
    texts = st.lists(st.one_of(TEXT, RAW.map(lambda raw: raw.decode("latin-1"))), min_size=8, max_size=8)
    changes = st.lists(st.tuples(st.integers(0, 1 << 20), VALUES, RAW), max_size=3)
    return st.builds(lambda given, changed: _changed(_sample(provider, given), changed), texts, changes)


def _sample(provider: str, texts: list[str]) -> Request:
    email = read({"from": "a@example.com", "to": ["b@example.com"]})
    sender, to, subject, text, html, message_id, name, value = texts
    email |= {"from": sender, "to": [to], "subject": subject, "text": text.encode("utf-8", "replace").decode()}
    email |= {"html": html.encode("utf-8", "replace").decode(), "message_id": message_id, "headers": [[name, value]]}
    email["attachments"] = [
        {
            "filename": name,
            "content_type": value,
            "content": "SGk=",
            "content_id": subject,
            "disposition": None,
            "size": 2,
        }
    ]
    given = Sample(_storable(email), "0" * 32, "https://example.org/x", 1_600_112_502)
    return adapter(provider).sample(given)


def _storable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _storable(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _changed(request: Request, changes: list[tuple[int, Any, bytes]]) -> Request:
    body = request.body
    for at, value, raw in changes:
        try:
            document = json.loads(body)
        except ValueError:
            place = at % (len(body) + 1)
            body = body[:place] + raw + body[place + at % 7 :]
        else:
            body = json.dumps(_with(document, at, value)).encode()
    return replace(request, body=body)


def _with(node: Any, at: int, value: Any) -> Any:
    """`node` with something in it, chosen by `at`, replaced."""
    if not isinstance(node, dict | list) or not node or at % 5 == 0:
        return value
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = keys[at % len(keys)]
    changed = dict(node) if isinstance(node, dict) else list(node)
    changed[key] = _with(node[key], at // 5, value)  # type: ignore[index]
    return changed
