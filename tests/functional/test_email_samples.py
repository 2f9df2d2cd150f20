"""`POST …/triggers/{id}/test` of email triggers: each provider's own request, through the trigger's own door."""

import pytest

from picloud.inbound.adapters import PROVIDERS
from tests.functional.client import Client
from tests.functional.test_email_inbound import SECRET, Inbox
from tests.unit.test_inbound_samples import ARN, SECRETS

SIGNED_BY_US = ("normalized", "mime", "cloudflare")


def secret_of(provider: str) -> str:
    return SECRET if provider in SIGNED_BY_US else SECRETS.get(provider, "key-0123456789abcdef")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_sample_is_delivered_and_can_be_followed(owner: Client, provider: str) -> None:
    inbox = Inbox(owner, provider=provider, secret=secret_of(provider), enabled=False)
    test = f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/test"
    sent = owner.post(test, {"event": {"email": {"subject": "Mine"}}}, status=202)
    if provider in ("sendgrid", "postal"):
        assert sent["signature"] == "skipped"
        assert "private key" in sent["detail"]
    else:
        assert (sent["signature"], sent["detail"]) == ("verified", None)
    execution = inbox.execution_of(sent["delivery_id"])
    assert (execution["status"], execution["result"]["subject"]) == ("ok", "Mine")
    assert owner.post(test, status=202)["delivery_id"] != sent["delivery_id"]


def test_the_answer_says_where_to_follow_it(owner: Client) -> None:
    inbox = Inbox(owner, provider="ses", secret=ARN)
    path = f"/api/v1/admin/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/test"
    answer = owner.app.post(path, headers=owner.headers, status=202)
    assert answer.json["signature"] == "skipped"
    delivery_id = answer.json["delivery_id"]
    assert answer.headers["Location"].endswith(f"/api/v1/admin/apps/{inbox.slug}/deliveries/{delivery_id}")


def test_without_a_secret_there_is_nothing_to_sign(owner: Client) -> None:
    inbox = Inbox(owner, provider="postmark", secret=None)
    sent = owner.post(f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/test", status=202)
    assert sent["signature"] == "none"


def test_the_same_mail_again_is_a_duplicate(owner: Client) -> None:
    inbox = Inbox(owner, provider="sparkpost", secret=None)
    test = f"/apps/{inbox.slug}/triggers/{inbox.trigger['id']}/test"
    given = {"event": {"email": {"message_id": "<mine@example.com>"}}}
    first = owner.post(test, given, status=202)
    again = owner.post(test, given, status=202)
    assert (again["delivery_id"], again["duplicate"]) == (first["delivery_id"], True)
