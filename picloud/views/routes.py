"""Every address that PiCloud serves. The factory decides who gets past it: see `picloud.security.contexts`."""

from pyramid.config import Configurator

from picloud.domain.kinds import TriggerKind
from picloud.security.contexts import app_context, instance_context, public_context

ADMIN = "/api/v1/admin"
APP = ADMIN + "/apps/{app}"
KINDS = "|".join(TriggerKind)
ID = r"[0-9a-fA-F-]{36}"

PUBLIC_ROUTES = {
    "healthz": "/healthz",
    "readyz": "/readyz",
    "metrics": "/metrics",
    "openapi": "/api/v1/openapi.json",
    "email_inbound": "/api/v1/email-inbound/{app_id}/{trigger_id}",
    "email_inbound_other": "/api/v1/email-inbound/*rest",
    "tls_ask": "/internal/tls-ask",
    "run": "/run/{app_slug}*path",
    "session": ADMIN + "/session",
    "setup": "/api/v1/setup",
}
"""Open to anybody. Every other address wants credentials; a test holds this list against the whole."""

INSTANCE_ROUTES = {
    "me": ADMIN + "/me",
    "my_password": ADMIN + "/me/password",
    "my_totp": ADMIN + "/me/totp",
    "confirm_my_totp": ADMIN + "/me/totp/confirm",
    "reauthenticate": ADMIN + "/session/reauthenticate",
    "sessions": ADMIN + "/sessions",
    "session_of_mine": ADMIN + "/sessions/{id}",
    "users": ADMIN + "/users",
    "user": ADMIN + "/users/{id}",
    "api_keys": ADMIN + "/api-keys",
    "api_key": ADMIN + "/api-keys/{id}",
    "apps": ADMIN + "/apps",
    "overview": ADMIN + "/overview",
    "instance": ADMIN + "/instance",
    "notifications": ADMIN + "/notifications",
    "test_notifications": ADMIN + "/notifications/test",
    "audit_events": ADMIN + "/audit-events",
    "doctor": ADMIN + "/doctor",
}

APP_ROUTES = {
    "app": APP,
    "app_overview": APP + "/overview",
    "members": APP + "/members",
    "member": APP + "/members/{user_id}",
    "scripts": APP + "/scripts",
    "script": APP + "/scripts/{name}",
    "check_script": APP + "/check-script",
    "versions": APP + "/scripts/{name}/versions",
    "test_script": APP + "/scripts/{name}/test",
    "script_samples": APP + "/scripts/{name}/samples",
    "script_sample": APP + "/scripts/{name}/samples/{id}",
    "activate": APP + "/scripts/{name}/versions/{number}/activate",
    "app_routes": APP + "/routes",
    "app_route_match": APP + "/routes/match",
    "app_route": APP + "/routes/{id}",
    "app_domains": APP + "/domains",
    "app_domain": APP + "/domains/{domain}",
    "triggers": APP + "/triggers",
    "triggers_of_kind": f"{APP}/triggers/{{kind:{KINDS}}}",
    "cron_preview": APP + "/triggers/cron/preview",
    "kv_preview": APP + "/triggers/kv/preview",
    "email_guide": APP + "/triggers/email/guide",
    "rotate_secret": APP + "/triggers/email/{id}/rotate-secret",
    "trigger": APP + "/triggers/{id}",
    "trigger_requests": APP + "/triggers/{id}/requests",
    "restore_trigger": APP + "/triggers/{id}/restore",
    "test_trigger": APP + "/triggers/{id}/test",
    "kv_collections": APP + "/kv",
    "kv_entries": APP + "/kv/{collection}",
    "kv_entry": APP + r"/kv/{collection}/{key:[\s\S]+}",
    "secrets": APP + "/secrets",
    "secret": APP + "/secrets/{name}",
    "executions": APP + "/executions",
    "execution_stream": APP + "/executions/stream",
    "execution": APP + "/executions/{id}",
    "deliveries": APP + "/deliveries",
    "delivery": APP + "/deliveries/{id}",
    "retry_delivery": APP + "/deliveries/{id}/retry",
    "cancel_delivery": APP + "/deliveries/{id}/cancel",
    "restore_delivery": APP + "/deliveries/{id}/restore",
    "resend_delivery": APP + "/deliveries/{id}/resend",
    "dead_letters": APP + "/dead-letters",
    "replay_dead_letters": APP + "/dead-letters/replay",
    "discard_dead_letters": APP + "/dead-letters/discard",
    "restore_dead_letters": APP + "/dead-letters/restore",
    "export_dead_letters": APP + "/dead-letters/export",
    "dead_letter": APP + "/dead-letters/{id}",
    "replay_dead_letter": APP + "/dead-letters/{id}/replay",
    "restore_dead_letter": APP + "/dead-letters/{id}/restore",
}

UNMANAGED_PREFIXES = (
    "/static/",
    "/healthz",
    "/readyz",
    "/internal/",
    "/api/v1/openapi.json",
    "/api/v1/email-inbound/",
    "/run/",
)
"""Without a transaction around the request: they run handlers, wait, or have to work without the database."""


def includeme(config: Configurator) -> None:
    for name, pattern in PUBLIC_ROUTES.items():
        config.add_route(name, pattern, factory=public_context)
    for name, pattern in INSTANCE_ROUTES.items():
        config.add_route(name, pattern, factory=instance_context)
    # Ahead of the triggers' own addresses, which take no POST and would answer with what they take.
    unknown_kind = f"{APP}/triggers/{{kind:(?!(?:{KINDS}|{ID})$)[^/]+}}"
    config.add_route("unknown_trigger_kind", unknown_kind, factory=app_context, request_method="POST")
    for name, pattern in APP_ROUTES.items():
        config.add_route(name, pattern, factory=app_context)
    # Who is not signed in can't tell what exists here from what doesn't.
    config.add_route("unknown_in_app", APP + "/*rest", factory=app_context)
    config.add_route("unknown", "/api/v1/*rest", factory=instance_context)
