"""Every page's address. A test holds this table against the pages, as with the API's."""

from pyramid.config import Configurator

from picloud.security.contexts import app_context, instance_context, public_context

PUBLIC_PAGES = {
    "page_sign_in": "/sign-in",
    "page_setup": "/setup",
    "static": "/static/{digest}/{name}",
}
INSTANCE_PAGES = {
    "page_overview": "/",
    "page_sign_out": "/sign-out",
    "page_theme": "/theme",
    "page_apps": "/apps",
    "page_users": "/users",
    "page_user": "/users/{id}",
    "page_delete_user": "/users/{id}/delete",
    "page_keys": "/api-keys",
    "page_delete_key": "/api-keys/{id}/delete",
    "page_instance": "/settings",
    "page_test_notifications": "/settings/notifications/test",
    "page_stop_notifications": "/settings/notifications/stop",
    "page_audit": "/audit",
    "page_doctor": "/doctor",
    "page_account": "/account",
    "page_password": "/account/password",
    "page_totp": "/account/totp",
    "page_confirm_totp": "/account/totp/confirm",
    "page_remove_totp": "/account/totp/remove",
    "page_end_session": "/account/sessions/{id}/end",
    "page_reauthenticate": "/reauthenticate",
}
APP = "/apps/{app}"
APP_PAGES = {
    "page_app": APP,
    "page_scripts": APP + "/scripts",
    "page_new_script": APP + "/new-script",
    "page_script": APP + "/scripts/{name}",
    "page_samples": APP + "/scripts/{name}/samples",
    "page_delete_sample": APP + "/scripts/{name}/samples/{id}/delete",
    "page_test_script": APP + "/scripts/{name}/test",
    "page_delete_script": APP + "/scripts/{name}/delete",
    "page_script_limits": APP + "/scripts/{name}/limits",
    "page_versions": APP + "/scripts/{name}/versions",
    "page_activate": APP + "/scripts/{name}/versions/{number}/activate",
    "page_routes": APP + "/routes",
    "page_route": APP + "/routes/{id}",
    "page_delete_route": APP + "/routes/{id}/delete",
    "page_triggers": APP + "/triggers",
    "page_new_trigger": APP + "/new-trigger/{kind:kv|cron|email|dead_letter|queue}",
    "page_trigger": APP + "/triggers/{id}",
    "page_switch_trigger": APP + "/triggers/{id}/switch",
    "page_test_trigger": APP + "/triggers/{id}/test",
    "page_rotate_secret": APP + "/triggers/{id}/rotate-secret",
    "page_delete_trigger": APP + "/triggers/{id}/delete",
    "page_restore_trigger": APP + "/triggers/{id}/restore",
    "page_executions": APP + "/executions",
    "page_execution": APP + "/executions/{id}",
    "page_deliveries": APP + "/deliveries",
    "page_delivery": APP + "/deliveries/{id}",
    "page_retry_delivery": APP + "/deliveries/{id}/retry",
    "page_cancel_delivery": APP + "/deliveries/{id}/cancel",
    "page_restore_delivery": APP + "/deliveries/{id}/restore",
    "page_resend_delivery": APP + "/deliveries/{id}/resend",
    "page_dead_letters": APP + "/dead-letters",
    "page_replay_dead_letters": APP + "/dead-letters/replay",
    "page_discard_dead_letters": APP + "/dead-letters/discard",
    "page_restore_dead_letters": APP + "/dead-letters/restore",
    "page_dead_letter": APP + "/dead-letters/{id}",
    "page_replay_dead_letter": APP + "/dead-letters/{id}/replay",
    "page_discard_dead_letter": APP + "/dead-letters/{id}/discard",
    "page_kv": APP + "/kv",
    "page_kv_entries": APP + "/kv/{collection}",
    "page_kv_entry": APP + r"/kv/{collection}/{key:[\s\S]+}",
    "page_delete_kv_entry": APP + r"/delete-kv/{collection}/{key:[\s\S]+}",
    "page_secrets": APP + "/secrets",
    "page_delete_secret": APP + "/secrets/{name}/delete",
    "page_domains": APP + "/domains",
    "page_delete_domain": APP + "/domains/{domain}/delete",
    "page_members": APP + "/members",
    "page_remove_member": APP + "/members/{user_id}/remove",
    "page_settings": APP + "/settings",
    "page_delete_app": APP + "/delete",
}


def includeme(config: Configurator) -> None:
    for pages, factory in (
        (PUBLIC_PAGES, public_context),
        (INSTANCE_PAGES, instance_context),
        (APP_PAGES, app_context),
    ):
        for name, pattern in pages.items():
            config.add_route(name, pattern, factory=factory)
