"""Kinds of things that happen, and of what makes scripts run."""

from enum import StrEnum


class EventKind(StrEnum):
    """What happened."""

    HTTP = "http"
    KV = "kv"
    CRON = "cron"
    EMAIL = "email"
    DEAD_LETTER = "dead_letter"
    QUEUE = "queue"
    MANUAL = "manual"


class TriggerKind(StrEnum):
    """What makes a script run without a caller."""

    KV = "kv"
    CRON = "cron"
    EMAIL = "email"
    DEAD_LETTER = "dead_letter"
    QUEUE = "queue"


class DispatchMode(StrEnum):
    """`sync`: whoever causes the event waits for the first attempt. Kinds in SYNC_KINDS only."""

    ASYNC = "async"
    SYNC = "sync"


class Priority(StrEnum):
    """Which of an app's deliveries go first, in this order. Between apps it says nothing."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


SYNC_KINDS = frozenset({TriggerKind.KV, TriggerKind.EMAIL})


class AttachmentPolicy(StrEnum):
    """What becomes of a mail's attachments: kept, only named in the event, or left out of it."""

    STORE = "store"
    META = "meta"
    DROP = "drop"


class HttpInTest(StrEnum):
    """Which requests to the outside a test of a script makes: none, those that ask for no change, or all."""

    NONE = "none"
    SAFE = "safe"
    ALL = "all"


class ScriptKind(StrEnum):
    """An endpoint has a handler and can be a target; a module is imported by the app's other scripts."""

    ENDPOINT = "endpoint"
    MODULE = "module"


class RouteAccess(StrEnum):
    """Who may call a route: anybody, or who sends an API key that may read the app's scripts."""

    PUBLIC = "public"
    KEY = "key"


class InstanceRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class AppRole(StrEnum):
    APP_ADMIN = "app_admin"
    EDITOR = "editor"
    VIEWER = "viewer"
