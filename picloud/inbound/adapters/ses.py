"""Amazon SES receiving, by an SNS topic (https://docs.aws.amazon.com/ses/latest/dg/receiving-email-notifications.html).

The trigger's secret is the topic's ARN, and SNS's signature is verified
(https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html); or it is `user:password`, in the topic's
subscription. Nothing is fetched but the certificate, from SNS's own hosts alone. A subscription is confirmed by the operator,
who finds its link among the trigger's requests: a stranger's topic must not be able to subscribe us.
"""

import base64
import json
import re
from collections.abc import Sequence
from typing import Any

from picloud.domain.errors import BadSignature, Invalid, PicloudError
from picloud.domain.strict_json import loads
from picloud.inbound import credentials, mime, public_keys
from picloud.inbound.adapter import JSON, Adapter
from picloud.inbound.loose import address_list, at, content_of, each, json_object, strings, text_at
from picloud.inbound.mail import Mail
from picloud.inbound.message import Message
from picloud.inbound.packing import pack
from picloud.inbound.request import Request
from picloud.inbound.sample import Sample

SETUP = """SES, Email receiving, rule set: deliver to an SNS topic, encoding Base64. The trigger's secret is the topic's ARN.
Subscribe the inbound URL (HTTPS) to the topic, then open the link that appears among the trigger's requests."""

_HOST = r"https://sns\.[a-z]{2}(?:-[a-z]+){1,3}-[0-9]{1,2}\.amazonaws\.com(?:\.cn)?"
_CERTIFICATE = re.compile(rf"{_HOST}/[A-Za-z0-9_-]{{1,200}}\.pem")
_SUBSCRIBE = re.compile(rf"{_HOST}/\?Action=ConfirmSubscription&[A-Za-z0-9_=&:%.-]{{1,2000}}")
_ARN = re.compile(r"arn:aws[a-z-]{0,10}:sns:[a-z0-9-]{1,30}:[0-9]{12}:[A-Za-z0-9_.-]{1,256}")
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_OF_NOTIFICATIONS = frozenset(_SIGNED) - {"SubscribeURL", "Token"}
_OF_CONFIRMATIONS = frozenset(_SIGNED) - {"Subject"}
_DIGESTS = {"1": "sha1", "2": "sha256"}
_basic = credentials.verifier()


def verify(request: Request, secrets: Sequence[str], now_s: float) -> None:
    topics = [secret for secret in secrets if _ARN.fullmatch(secret)]
    others = [secret for secret in secrets if secret not in topics]
    if not topics:
        return _basic(request, others, now_s)
    try:
        document = json_object(request.body)
    except PicloudError:
        raise BadSignature from None
    if not (text_at(document, "TopicArn") in topics and _sns_signed(request, document)):
        raise BadSignature
    return None


def messages(request: Request, *, signed: bool) -> list[Message]:
    document = json_object(request.body)
    raw_delivery = "notificationType" in document
    if not raw_delivery and text_at(document, "Type") != "Notification":
        return []
    notification = document if raw_delivery else _json(text_at(document, "Message"))
    if text_at(notification, "notificationType") != "Received":
        return []  # SES's own word that the rule was set up
    mail = _mail(notification)
    found, receipt = at(notification, "mail"), at(notification, "receipt")
    mail.envelope_from = text_at(found, "source")
    mail.envelope_to = address_list(at(receipt, "recipients"))
    mail.received_at = text_at(found, "timestamp")
    mail.spf, mail.dkim, mail.dmarc, spam = (
        (text_at(receipt, f"{name}Verdict", "status") or "").lower() or None
        for name in ("spf", "dkim", "dmarc", "spam")
    )
    mail.spam_flagged = {"pass": False, "fail": True}.get(spam or "")
    mail.id = text_at(found, "messageId")
    identifier = "\n".join([mail.id, *sorted(mail.envelope_to)]) if mail.id else None
    return [pack(mail, signed=signed, identifier=identifier)]


def notice(request: Request) -> str | None:
    """What the operator has to do about a request, where that is to confirm a subscription."""
    try:
        document = json_object(request.body)
    except PicloudError:
        return None
    url = text_at(document, "SubscribeURL") or ""
    if text_at(document, "Type") != "SubscriptionConfirmation" or not _SUBSCRIBE.fullmatch(url):
        return None
    return f"To confirm the subscription of {text_at(document, 'TopicArn')}, open {url}"


def string_to_sign(document: dict[str, Any]) -> bytes:
    """Names and values of the fields that SNS signs for this type, each on a line."""
    names = _OF_NOTIFICATIONS if text_at(document, "Type") == "Notification" else _OF_CONFIRMATIONS
    lines = ((name, text_at(document, name)) for name in _SIGNED if name in names)
    return "".join(f"{name}\n{value}\n" for name, value in lines if value is not None).encode("utf-8", "replace")


def is_certificate_url(url: str) -> bool:
    return _CERTIFICATE.fullmatch(url) is not None


def read_secret(given: str) -> str:
    """Raises ValueError."""
    if given.startswith("arn:") and not _ARN.fullmatch(given):
        raise ValueError("has to be the topic's ARN, `arn:aws:sns:region:account:name`")
    return given if _ARN.fullmatch(given) else credentials.read_secret(given)


def _sns_signed(request: Request, document: dict[str, Any]) -> bool:
    url = text_at(document, "SigningCertURL") or ""
    digest = _DIGESTS.get(text_at(document, "SignatureVersion") or "")
    signature = public_keys.from_base64(text_at(document, "Signature") or "")
    if not (signature and digest and is_certificate_url(url)):
        return False
    return public_keys.certificate_signed(request.certificate(url), signature, string_to_sign(document), digest)


def _mail(notification: Any) -> Mail:
    content = text_at(notification, "content")
    if content is None:
        return _mail_without_content(at(notification, "mail"))
    encoding = text_at(notification, "receipt", "action", "encoding") or ""
    is_base64 = encoding.upper() == "BASE64"
    return mime.parse((content_of(content) or b"") if is_base64 else content.encode("utf-8", "replace"))


def _mail_without_content(found: Any) -> Mail:
    """SNS carries up to 150 KB; beyond, and from an S3 action, only the headers come."""
    common = at(found, "commonHeaders")
    return Mail(
        sender=next(iter(address_list(at(common, "from"))), ""),
        to=address_list(at(common, "to")),
        cc=address_list(at(common, "cc")),
        reply_to=address_list(at(common, "replyTo")),
        subject=at(common, "subject"),
        date=at(common, "date"),
        message_id=at(common, "messageId"),
        headers=[[text_at(item, "name") or "", text_at(item, "value") or ""] for item in each(at(found, "headers"))],
        envelope_to=strings(at(found, "destination")),
        truncated=True,
    )


def _json(text: str | None) -> Any:
    try:
        return loads((text or "").encode("utf-8", "replace"))
    except Invalid:
        return None


def sample(given: Sample) -> Request:
    notification = {
        "notificationType": "Received",
        "mail": {"messageId": given.id, "source": given.envelope_from, "destination": given.envelope_to},
        "receipt": {"recipients": given.envelope_to, "action": {"type": "SNS", "encoding": "BASE64"}},
        "content": base64.b64encode(given.raw).decode(),
    }
    is_topic = given.secret is not None and _ARN.fullmatch(given.secret) is not None
    document = {"Type": "Notification", "MessageId": given.id, "Message": json.dumps(notification)}
    return given.as_json(document, {} if is_topic else given.credentials())


def cannot_sign(secret: str) -> str | None:
    return "SNS signs with a private key that it alone has." if _ARN.fullmatch(secret) else None


ADAPTER = Adapter(
    media_types=JSON | {"text/plain"},
    verify=verify,
    messages=messages,
    read_secret=read_secret,
    generate=None,
    setup=SETUP,
    sample=sample,
    cannot_sign=cannot_sign,
    notice=notice,
)
