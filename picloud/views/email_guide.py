"""What a sender of mail needs to know: how its provider is set up, and the fields of PiCloud's own message."""

from dataclasses import asdict
from typing import Any

from pyramid.request import Request

from picloud.domain.access import Capability
from picloud.domain.errors import invalid
from picloud.inbound.adapters import PROVIDERS, adapter
from picloud.inbound.payload import payload_fields
from picloud.views.api import api, query_text


@api("email_guide", "GET", Capability.APP_READ_TRIGGERS)
def guide(request: Request) -> dict[str, Any]:
    """Of one provider: loading all of them would cost 8 MiB that stay (docs/adr/0021)."""
    provider = query_text(request, "provider") or PROVIDERS[0]
    if provider not in PROVIDERS:
        raise invalid("/provider", f"has to be one of {', '.join(PROVIDERS)}")
    found = adapter(provider)
    return {
        "provider": provider,
        "setup": " ".join(found.setup.split()),
        "generates_secret": found.generate is not None,
        "providers": PROVIDERS,
        "fields": [asdict(each) for each in payload_fields()],
    }
