"""The providers by the names that a trigger's `provider` has. Each stands in a module of its own, with its `ADAPTER`.

A module is loaded when its provider is first used: those that verify with public keys need `cryptography`, which costs
8 MiB (docs/adr/0021).
"""

import importlib
from functools import cache

from picloud.inbound.adapter import FORMS, JSON, MIME, Adapter

PROVIDERS = (
    "normalized",
    "mime",
    "cloudflare",
    "forward_email",
    "postmark",
    "cloudmailin",
    "postal",
    "mailgun",
    "sendgrid",
    "mailersend",
    "mandrill",
    "brevo",
    "mailjet",
    "sparkpost",
    "ses",
    "improvmx",
)
MEDIA_TYPES = JSON | FORMS | MIME
"""What is taken for mail where it is not known which provider sends it. SES alone sends more."""


@cache
def adapter(provider: str) -> Adapter:
    """LookupError for a provider that is not known."""
    if provider not in PROVIDERS:
        raise LookupError(provider)
    found: Adapter = importlib.import_module(f"{__name__}.{provider}").ADAPTER
    return found
