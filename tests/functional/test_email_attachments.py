"""Attachments as a handler reads them."""

import base64
import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from webtest import TestApp

from picloud.domain.errors import NotFound
from picloud.inbound.signatures import sign_plain
from picloud.process import Process
from picloud.services.email.attachments import content_of
from tests.functional.client import Client
from tests.functional.test_email_inbound import SECRET, Inbox, mail, post

HANDLER = """
import hashlib

def handler(ctx):
    found = []
    for attachment in ctx.event.email.attachments:
        content = attachment.content
        same = attachment["content"] == content
        digest = None if content is None else hashlib.sha256(content).hexdigest()
        found.append([attachment.filename, attachment.size, digest, same])
    return found
"""
THIEF = """
def handler(ctx):
    attachment = ctx.event.email.attachments[0]
    attachment["id"] = ctx.event.email.subject
    return len(attachment.content)
"""


def run(app: TestApp, inbox: Inbox, content: bytes, **more: Any) -> Any:
    attached = [{"filename": "a.bin", "content_type": "a/b", "content": base64.b64encode(content).decode()}]
    body = json.dumps(mail(attachments=attached, **more)).encode()
    answer = post(app, inbox.path, body, sign_plain(SECRET, body), status=202).json
    return inbox.execution_of(answer["delivery_id"])


def test_content_is_fetched_when_it_is_read(app: TestApp, owner: Client) -> None:
    for content in (b"", b"\x00", bytes(range(256)) * 4_000, b"x" * 65_536):
        check_content(app, owner, content)


def check_content(app: TestApp, owner: Client, content: bytes) -> None:
    digest = hashlib.sha256(content).hexdigest()
    assert run(app, Inbox(owner, source=HANDLER), content)["result"] == [["a.bin", len(content), digest, True]]
    for policy, expected in (("meta", [["a.bin", len(content), None, True]]), ("drop", [])):
        assert run(app, Inbox(owner, source=HANDLER, attachments=policy), content)["result"] == expected


def test_another_app_s_attachment_is_not_there(app: TestApp, owner: Client, process: Process) -> None:
    """A handler can't name one that its event doesn't; were it to get past that, the host looks again."""
    inbox, other = Inbox(owner), Inbox(owner, source=THIEF, max_attempts=1)
    kept = UUID(run(app, inbox, b"secret")["event"]["email"]["attachments"][0]["id"])
    stolen = run(app, other, b"own", subject=str(kept))
    assert stolen["status"] == "error"
    assert "can't be changed" in stolen["error"]["message"]
    with process.runtime.sessions() as session:
        assert content_of(session, UUID(inbox.trigger["app_id"]), kept) == b"secret"
        with pytest.raises(NotFound):
            content_of(session, UUID(other.trigger["app_id"]), kept)
