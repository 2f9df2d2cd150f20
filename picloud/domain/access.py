"""Who may do what: capabilities, the roles that grant them, the scopes that let an API key use them.

A view asks for one capability. A user has it by a role; a key has it when its user has it
and one of its scopes covers it.
"""

from collections.abc import Mapping
from enum import StrEnum

from picloud.domain.kinds import AppRole, InstanceRole


class Scope(StrEnum):
    """What an API key may be used for. There are seven, and there will be no eighth."""

    SCRIPT_READ = "script:read"
    SCRIPT_WRITE = "script:write"
    ROUTE_WRITE = "route:write"
    DOMAIN_MANAGE = "domain:manage"
    LOG_READ = "log:read"
    APP_ADMIN = "app:admin"
    INSTANCE_ADMIN = "instance:admin"


class Capability(StrEnum):
    """What a view asks for. Those that start with `instance.` or `self.` concern no single app."""

    SELF_READ = "self.read"
    """See oneself and list the apps one has a role in."""
    SELF_READ_OVERVIEW = "self.read_overview"
    """See the figures of the apps one has a role in, and their last failures."""
    SELF_MANAGE_KEYS = "self.manage_keys"
    """List, make and delete one's own API keys."""
    SELF_MANAGE_SIGN_IN = "self.manage_sign_in"
    """Change one's own password and second factor, see and end one's own sessions. No key may: who finds one must not
    be able to keep what it opens."""
    SELF_READ_AUDIT = "self.read_audit"
    """See the audit events of the apps that one administers."""
    INSTANCE_MANAGE_USERS = "instance.manage_users"
    INSTANCE_CREATE_APP = "instance.create_app"
    INSTANCE_READ_AUDIT = "instance.read_audit"
    """See the audit events of the instance and of all apps."""
    INSTANCE_READ_METRICS = "instance.read_metrics"
    """See counts, durations and the queue of the whole instance."""
    INSTANCE_MANAGE_SETTINGS = "instance.manage_settings"
    """See how the instance is set up, and say whom it tells of trouble."""
    APP_READ = "app.read"
    """See the app itself: name, slug, limits."""
    APP_UPDATE = "app.update"
    APP_DELETE = "app.delete"
    APP_READ_AUDIT = "app.read_audit"
    APP_READ_MEMBERS = "app.read_members"
    APP_MANAGE_MEMBERS = "app.manage_members"
    APP_READ_TRIGGERS = "app.read_triggers"
    APP_MANAGE_TRIGGERS = "app.manage_triggers"
    SCRIPT_READ = "script.read"
    SCRIPT_WRITE = "script.write"
    ROUTE_READ = "route.read"
    ROUTE_WRITE = "route.write"
    ROUTE_CALL = "route.call"
    """Call a route whose access is `key`."""
    DOMAIN_MANAGE = "domain.manage"
    """List, add and remove the app's host names."""
    KV_READ = "kv.read"
    KV_WRITE = "kv.write"
    APP_MANAGE_SECRETS = "app.manage_secrets"
    """See the names of secrets, set and delete them. Their values are seen by handlers alone."""
    LOG_READ = "log.read"
    """See executions, deliveries and dead letters, with what went in and came out."""
    DELIVERY_MANAGE = "delivery.manage"
    """Retry, cancel, edit and resend, replay, discard and restore."""


_VIEWER = frozenset(
    {
        Capability.APP_READ,
        Capability.APP_READ_MEMBERS,
        Capability.APP_READ_TRIGGERS,
        Capability.SCRIPT_READ,
        Capability.ROUTE_READ,
        Capability.ROUTE_CALL,
        Capability.LOG_READ,
    }
)
_EDITOR = _VIEWER | {Capability.SCRIPT_WRITE, Capability.ROUTE_WRITE, Capability.KV_READ}
_APP_ADMIN = _EDITOR | {
    Capability.APP_UPDATE,
    Capability.APP_DELETE,
    Capability.APP_READ_AUDIT,
    Capability.APP_MANAGE_MEMBERS,
    Capability.APP_MANAGE_TRIGGERS,
    Capability.APP_MANAGE_SECRETS,
    Capability.DOMAIN_MANAGE,
    Capability.KV_WRITE,
    Capability.DELIVERY_MANAGE,
}
_MEMBER_BY_KEY = frozenset(
    {Capability.SELF_READ, Capability.SELF_READ_OVERVIEW, Capability.SELF_MANAGE_KEYS, Capability.SELF_READ_AUDIT}
)
_MEMBER = _MEMBER_BY_KEY | {Capability.SELF_MANAGE_SIGN_IN}

APP_GRANTS: Mapping[AppRole, frozenset[Capability]] = {
    AppRole.VIEWER: _VIEWER,
    AppRole.EDITOR: _EDITOR,
    AppRole.APP_ADMIN: _APP_ADMIN,
}
"""What a role in an app grants there."""

INSTANCE_GRANTS: Mapping[InstanceRole, frozenset[Capability]] = {
    InstanceRole.MEMBER: _MEMBER,
    InstanceRole.ADMIN: frozenset(Capability),
    InstanceRole.OWNER: frozenset(Capability),
}
"""What an instance role grants, in every app."""

_READ = frozenset({Capability.SELF_READ, Capability.APP_READ})
_SCRIPT_READ = _READ | {Capability.SCRIPT_READ, Capability.ROUTE_READ, Capability.ROUTE_CALL}

SCOPE_COVERS: Mapping[Scope, frozenset[Capability]] = {
    Scope.SCRIPT_READ: _SCRIPT_READ,
    Scope.SCRIPT_WRITE: _SCRIPT_READ | {Capability.SCRIPT_WRITE},
    Scope.ROUTE_WRITE: _READ | {Capability.ROUTE_READ, Capability.ROUTE_WRITE},
    Scope.DOMAIN_MANAGE: _READ | {Capability.DOMAIN_MANAGE},
    Scope.LOG_READ: _READ | {Capability.LOG_READ, Capability.SELF_READ_OVERVIEW},
    Scope.APP_ADMIN: _MEMBER_BY_KEY | _APP_ADMIN,
    Scope.INSTANCE_ADMIN: frozenset(Capability) - {Capability.SELF_MANAGE_SIGN_IN},
}
"""What a key with a scope may use, as far as its user has it."""


def grants(capability: Capability, instance_role: InstanceRole, app_role: AppRole | None) -> bool:
    """Whether a user with these roles has `capability`."""
    in_app = APP_GRANTS[app_role] if app_role else frozenset()
    return capability in INSTANCE_GRANTS[instance_role] or capability in in_app


def covers(scopes: frozenset[Scope], capability: Capability) -> bool:
    """Whether a key with `scopes` may use `capability`."""
    return any(capability in SCOPE_COVERS[scope] for scope in scopes)
