"""Cloudflare Email Routing, by an Email Worker of one's own that signs the raw mail and throws unless it was taken."""

from dataclasses import replace

from picloud.inbound.adapters import mime

SETUP = """Email Routing, Email Workers, Create: paste the Worker of docs/howto/email-cloudflare.md. Set its secrets
PICLOUD_URL (the inbound URL) and PICLOUD_SECRET, then route an address to it."""

ADAPTER = replace(mime.ADAPTER, setup=SETUP, done_status=200)
