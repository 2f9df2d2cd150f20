"""A mail for a trigger to be tried with: each adapter makes of it the request that its provider would send."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from picloud.inbound import rfc5322
from picloud.inbound.addresses import bare
from picloud.inbound.request import Request
from picloud.inbound.signatures import sign_standard


@dataclass(frozen=True, slots=True)
class Sample:
    """`email` is what `message.read` gives, `secret` the trigger's newest, `url` its inbound URL. `id` is new for each."""

    email: Mapping[str, Any]
    id: str
    url: str
    now_s: int
    secret: str | None = None

    @property
    def raw(self) -> bytes:
        return rfc5322.written(self.email)

    @property
    def envelope_from(self) -> str:
        return self.email["envelope"]["from"] or bare(self.email["from"])

    @property
    def envelope_to(self) -> list[str]:
        return [bare(address) for address in self.email["envelope"]["to"] or self.email["to"]]

    def as_json(self, document: Any, headers: Mapping[str, str] | None = None) -> Request:
        """`document` posted with what proves the sender."""
        return self.posted("application/json", json.dumps(document).encode(), headers)

    def posted(self, content_type: str, body: bytes, headers: Mapping[str, str] | None = None) -> Request:
        return Request({"content-type": content_type} | dict(headers or {}), body, self.url)

    def signed(self, content_type: str, body: bytes) -> Request:
        """Posted with Standard Webhooks' headers."""
        identifier = f"sample_{self.id}"
        if self.secret is None:
            return self.posted(content_type, body, {"webhook-id": identifier})
        return self.posted(
            content_type, body, sign_standard(self.secret, body, webhook_id=identifier, timestamp_s=self.now_s)
        )

    def credentials(self) -> dict[str, str]:
        """What a provider sends that signs nothing; see `credentials`."""
        if self.secret is None:
            return {}
        if ":" in self.secret:
            return {"authorization": "Basic " + base64.b64encode(self.secret.encode()).decode()}
        return {"authorization": f"Bearer {self.secret}"}


def people(addresses: list[str], name: str, address: str) -> list[dict[str, str]]:
    """Objects with a name and an address, as several providers write contacts."""
    return [
        {name: each.partition("<")[0].strip(' "') if "<" in each else "", address: bare(each)} for each in addresses
    ]
