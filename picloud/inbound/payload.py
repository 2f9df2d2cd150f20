"""The normalized message, field by field, for people: what the schema says of each, and a sentence."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

_SENTENCES = {
    "from": "Who wrote it: an address, also with a name, as in `Ada <ada@example.com>`.",
    "to": "To whom: one address at least.",
    "cc": "To whom besides.",
    "bcc": "To whom unseen.",
    "reply_to": "Where answers shall go.",
    "subject": "One line; line breaks become spaces.",
    "text": "The plain text.",
    "html": "The same as HTML. Handlers get it as it came: treat it as hostile.",
    "received_at": "When it reached the sender's server, RFC 3339. Left out: now.",
    "date": "The mail's own Date header, as it stands there.",
    "message_id": "The mail's own Message-ID.",
    "in_reply_to": "The Message-ID of the mail that it answers.",
    "references": "The Message-IDs of its thread.",
    "id": "Your own id of the mail: the same once more is a duplicate.",
    "envelope": "What SMTP said.",
    "envelope.from": "The bounce address.",
    "envelope.to": "To whom it was really sent.",
    "envelope.remote_ip": "Who delivered it.",
    "headers": "Pairs of name and value, in their order.",
    "auth": "What your mail server found; it is believed.",
    "auth.spf": "`pass`, `fail`, …",
    "auth.dkim": "`pass`, `fail`, …",
    "auth.dmarc": "`pass`, `fail`, …",
    "spam": "What your filter found.",
    "spam.score": "Its points.",
    "spam.flagged": "Whether it takes it for spam.",
    "attachments": "Files.",
    "attachments[].filename": "Its name, or null.",
    "attachments[].content_type": "Its media type.",
    "attachments[].size": "Its bytes; counted where `content` is there.",
    "attachments[].content_id": "What `cid:` links in the HTML name.",
    "attachments[].disposition": "Beside the text, or in it.",
    "attachments[].content": "The file, in base64.",
    "attachments[].url": "Where it can be fetched instead.",
}


@dataclass(frozen=True, slots=True)
class PayloadField:
    """`name`: its path in the message. `type`: what JSON it is and its bounds, in words."""

    name: str
    type: str
    required: bool
    description: str


@cache
def schema() -> dict[str, Any]:
    """`inbound-email.schema.json`."""
    text = (resources.files("picloud.inbound") / "inbound-email.schema.json").read_text("utf-8")
    read: dict[str, Any] = json.loads(text)
    return read


@cache
def payload_fields() -> tuple[PayloadField, ...]:
    """Every field of the schema, in its order."""
    return tuple(_fields(schema(), ""))


def _fields(shape: Mapping[str, Any], prefix: str) -> Iterator[PayloadField]:
    for name, given in shape["properties"].items():
        part, path = _resolved(given), prefix + name
        yield PayloadField(path, _type(part), name in shape.get("required", ()), _SENTENCES[path])
        items = _resolved(part.get("items", {}))
        if "properties" in part:
            yield from _fields(part, f"{path}.")
        elif "properties" in items:
            yield from _fields(items, f"{path}[].")


def _resolved(part: Mapping[str, Any]) -> dict[str, Any]:
    if "$ref" in part:
        found: dict[str, Any] = schema()["$defs"][part["$ref"].rpartition("/")[2]]
        return found
    if "oneOf" in part:
        first, *others = map(_resolved, part["oneOf"])
        return first | {"type": [first["type"], *(each["type"] for each in others)]}
    return dict(part)


def _type(part: Mapping[str, Any]) -> str:
    if "enum" in part:
        return " or ".join("null" if each is None else str(each) for each in part["enum"])
    kinds = part["type"] if isinstance(part["type"], list) else [part["type"]]
    words = " or ".join(kinds)
    if "items" in part:
        words += f" of {_type(_resolved(part['items']))}" if "properties" not in part["items"] else " of objects"
    most = part.get("maxLength") or (part.get("maxItems") if part.get("maxItems") != part.get("minItems") else None)
    return f"{words}, at most {most:,}" if most and "items" in part else f"{words} up to {most:,}" if most else words
