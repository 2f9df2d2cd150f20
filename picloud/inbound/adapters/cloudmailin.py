"""CloudMailin (https://docs.cloudmailin.com/http_post_formats/): JSON and multipart, normalized, and multipart raw.

It signs nothing. 2xx is success, 5xx is tried again, a 4xx bounces the mail to its sender.
"""

import re
from typing import Any

from picloud.inbound import credentials, forms, mime, rfc5322
from picloud.inbound.adapter import FORMS, JSON, Adapter
from picloud.inbound.addresses import one
from picloud.inbound.loose import address_list, at, content_of, each, headers_of, json_object, size_of, strings, text_at
from picloud.inbound.mail import Attachment, Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """Make the inbound URL the target, with the trigger's secret in it: `https://user:password@…`. Format: JSON Normalized;
Multipart Normalized and Multipart Raw work as well."""
_NESTED = re.compile(r"(headers|envelope)\[([^\[\]]+)\](?:\[([^\[\]]*)\])?")


def messages(request: Request, *, signed: bool) -> list[Message]:
    is_form = request.content_type.lower().startswith("multipart/")
    document, files = _form(request) if is_form else (json_object(request.body), [])
    raw = at(document, "message")
    mail = mime.parse(raw) if isinstance(raw, bytes) else _mail(document)
    if not isinstance(raw, bytes):
        mail.attachments += files
    mail.envelope_from = at(document, "envelope", "from")
    mail.envelope_to = strings(at(document, "envelope", "recipients")) or strings(at(document, "envelope", "to"))
    mail.remote_ip = at(document, "envelope", "remote_ip")
    mail.spf = text_at(document, "envelope", "spf", "result")
    return [pack(mail, signed=signed)]


def _mail(document: dict[str, Any]) -> Mail:
    headers = (
        {name.lower().replace("-", "_"): value for name, value in (at(document, "headers") or {}).items()}
        if (isinstance(at(document, "headers"), dict))
        else {}
    )
    return Mail(
        sender=one(next(iter(strings(headers.get("from"))), "")),
        to=address_list(headers.get("to")),
        cc=address_list(headers.get("cc")),
        reply_to=address_list(headers.get("reply_to")),
        subject=headers.get("subject"),
        text=at(document, "plain"),
        html=at(document, "html"),
        date=headers.get("date"),
        message_id=headers.get("message_id"),
        in_reply_to=headers.get("in_reply_to"),
        references=headers.get("references"),
        headers=[[name.replace("_", "-").title(), value] for name, value in headers_of(headers)],
        attachments=[_attachment(item) for item in each(at(document, "attachments"))],
    )


def _attachment(item: Any) -> Attachment:
    return Attachment(
        filename=at(item, "file_name"),
        content_type=at(item, "content_type"),
        content=content_of(at(item, "content")),
        content_id=at(item, "content_id"),
        disposition=at(item, "disposition"),
        size=size_of(at(item, "size")),
        url=at(item, "url"),
    )


def _form(request: Request) -> tuple[dict[str, Any], list[Attachment]]:
    """The fields as the JSON form has them: `headers[subject]`, `envelope[recipients][0]`."""
    form = forms.read(request)
    document: dict[str, Any] = {"headers": {}, "envelope": {}}
    for name in form.fields:
        nested, text = _NESTED.fullmatch(name), form.text(name)
        if name == "message":
            document[name] = form.fields[name]
        elif nested is None:
            document.setdefault(name, text)
        elif nested[3] is None:
            document[nested[1]].setdefault(nested[2].lower(), text)
        else:
            _add(document[nested[1]], nested[2].lower(), nested[3], text)
    raw = next((file.content for file in form.files if file.name == "message"), None)
    files = [Attachment(file.filename, file.content_type, file.content, None, "attachment") for file in form.files]
    return (document if raw is None else document | {"message": raw}), files


def _add(into: dict[str, Any], name: str, index: str, text: str | None) -> None:
    """`[recipients][0]` is an item of an array, `[spf][result]` a member."""
    if index.isdigit() or not index:
        items = into.setdefault(name, [])
        if isinstance(items, list):
            items.append(text)
    elif isinstance(into.setdefault(name, {}), dict):
        into[name].setdefault(index, text)


def sample(given: Sample) -> Request:
    email = given.email
    document = {
        "headers": {name.lower().replace("-", "_"): value for name, value in rfc5322.header_fields(email)},
        "envelope": {
            "to": given.envelope_to[0],
            "recipients": given.envelope_to,
            "from": given.envelope_from,
            "remote_ip": email["envelope"]["remote_ip"],
        },
        "plain": email["text"],
        "html": email["html"],
        "attachments": [
            {
                "file_name": each["filename"],
                "content_type": each["content_type"],
                "size": str(each["size"] or 0),
                "disposition": each["disposition"],
                "content_id": each["content_id"],
                "content": each["content"],
            }
            for each in email["attachments"]
        ],
    }
    return given.as_json(document, given.credentials())


ADAPTER = Adapter(
    media_types=JSON | FORMS,
    verify=credentials.verifier(),
    messages=messages,
    read_secret=credentials.read_secret,
    generate=credentials.generate,
    setup=SETUP,
    sample=sample,
)
