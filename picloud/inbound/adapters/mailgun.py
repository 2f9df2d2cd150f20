"""Mailgun routes (https://documentation.mailgun.com/docs/mailgun/user-manual/receive-forward-store/): parsed and raw MIME.

The signature covers a timestamp and a token, not the body, so one token is taken once: it is the mail's dedupe key. The
tolerance is 9 h because Mailgun repeats what is not answered with 200 or 406 for 8 h. 406 is its "never".
"""

import re
from collections.abc import Sequence
from typing import Any

from picloud.domain.errors import BadSignature, Invalid, PicloudError
from picloud.domain.strict_json import loads
from picloud.inbound import addresses, forms, hex_hmac, mime
from picloud.inbound.adapter import FORMS, Adapter
from picloud.inbound.encoded_words import readable
from picloud.inbound.loose import at, content_of, each, size_of, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Receiving, Create route, Forward: the inbound URL. End it with `?mime` for mails exactly as they came. The trigger's
secret is the HTTP webhook signing key (API Security)."""
TOLERANCE_S = 9 * 3600
_AHEAD_S = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")
_TOKEN = re.compile(r"[!-~]{1,256}")
_HEX = re.compile(r"[0-9A-Fa-f]{64}")


def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
    try:
        form = forms.read(request)
    except PicloudError:
        raise BadSignature from None
    timestamp, token, signature = (form.text(name) or "" for name in ("timestamp", "token", "signature"))
    if not (_TIMESTAMP.fullmatch(timestamp) and _TOKEN.fullmatch(token) and _HEX.fullmatch(signature)):
        raise BadSignature
    if not -_AHEAD_S <= now_s - int(timestamp) <= TOLERANCE_S:
        raise BadSignature
    if not any(hex_hmac.signs(secret, f"{timestamp}{token}".encode(), signature) for secret in secrets):
        raise BadSignature


def messages(request: Request, *, signed: bool) -> list[Message]:
    form = forms.read(request)
    raw = form.fields.get("body-mime")
    mail = mime.parse(raw) if raw is not None else _mail(form)
    mail.envelope_from = form.text("sender")
    mail.envelope_to = addresses.split(form.text("recipient") or "")
    mail.received_at = form.text("timestamp")
    mail.spf = (mail.header("x-mailgun-spf") or "").lower() or None
    mail.dkim = (mail.header("x-mailgun-dkim-check-result") or "").lower() or None
    mail.spam_score = mail.header("x-mailgun-sscore")
    flag = mail.header("x-mailgun-sflag")
    mail.spam_flagged = flag.strip().lower() == "yes" if flag else None
    mail.id = form.text("token") or None
    if not (mail.headers or mail.sender or mail.envelope_from):
        raise Invalid("There is no mail in this form.")
    return [pack(mail, signed=signed, identifier=mail.id)]


def _mail(form: forms.Form) -> Mail:
    pairs = (pair for pair in each(_json(form, "message-headers")) if isinstance(pair, list) and len(pair) == 2)
    headers = [[str(name), readable(str(value))] for name, value in pairs]
    mail = Mail(
        headers=headers,
        subject=form.text("subject"),
        text=form.text("body-plain"),
        html=form.text("body-html"),
        attachments=_attachments(form),
    )
    mail.sender = addresses.one(mail.header("from") or form.text("from") or "")
    mail.to, mail.cc, mail.reply_to = (addresses.split(mail.joined(name)) for name in ("to", "cc", "reply-to"))
    mail.subject = mail.header("subject") if mail.subject is None else mail.subject
    mail.date, mail.message_id = mail.header("date"), mail.header("message-id")
    mail.in_reply_to, mail.references = mail.header("in-reply-to"), mail.header("references")
    return mail


def _attachments(form: forms.Form) -> list[Attachment]:
    """Files, or what stands at Mailgun where the route stores them."""
    ids = _json(form, "content-id-map")
    names = (
        {name: content_id for content_id, name in ids.items() if isinstance(name, str)} if isinstance(ids, dict) else {}
    )
    files = [
        Attachment(
            file.filename,
            file.content_type,
            file.content,
            names.get(file.name),
            "inline" if file.name in names else "attachment",
        )
        for file in form.files
    ]
    stored = each(_json(form, "attachments"))
    return files + [
        Attachment(
            filename=at(item, "name"),
            content_type=at(item, "content-type"),
            content=content_of(None),
            size=size_of(at(item, "size")),
            url=text_at(item, "url"),
        )
        for item in stored
    ]


def _json(form: forms.Form, name: str) -> Any:
    """What the field holds, or None where it is no JSON."""
    try:
        return loads((form.text(name) or "null").encode("utf-8", "replace"))
    except PicloudError:
        return None


def sample(given: Sample) -> Request:
    timestamp, token = str(given.now_s), given.id
    signature = hex_hmac.signed(given.secret, f"{timestamp}{token}".encode())
    fields = {"timestamp": timestamp, "token": token, "signature": signature}
    fields |= {"sender": given.envelope_from, "recipient": ", ".join(given.envelope_to)}
    form = {name: value.encode() for name, value in fields.items()} | {"body-mime": given.raw}
    return given.posted(*forms.written(form, given.id))


ADAPTER = Adapter(
    media_types=FORMS,
    verify=verify,
    messages=messages,
    read_secret=hex_hmac.read_secret,
    generate=None,
    setup=SETUP,
    sample=sample,
    unreadable_status=406,
)
