"""Tables, one file per aggregate. Importing this package makes `Base.metadata` whole."""

from picloud.models.api_key import ApiKey
from picloud.models.app import App, AppMember
from picloud.models.app_domain import AppDomain
from picloud.models.audit_event import AuditEvent
from picloud.models.base import Base
from picloud.models.cron_trigger import CronTriggerDetails
from picloud.models.dead_letter import DeadLetter
from picloud.models.dead_letter_trigger import DeadLetterTriggerDetails
from picloud.models.email_attachment import EmailAttachment
from picloud.models.email_trigger import EmailTriggerDetails, InboundDedupeKey, InboundSecret
from picloud.models.event import Event
from picloud.models.execution import Execution, ExecutionStatus
from picloud.models.idempotent_answer import IdempotentAnswer
from picloud.models.inbound_request import InboundCounter, InboundRequest
from picloud.models.kv_entry import KvEntry, KvUsage
from picloud.models.kv_trigger import KvTriggerDetails
from picloud.models.master_key import KnownMasterKey
from picloud.models.node import NODE_EPOCH
from picloud.models.notification import Notice, NotificationSettings
from picloud.models.outbox import Outbox
from picloud.models.queue_trigger import QueueTriggerDetails
from picloud.models.route import Route
from picloud.models.script import Script, ScriptVersion
from picloud.models.script_sample import ScriptSample
from picloud.models.secret import Secret
from picloud.models.setup_link import SetupLink
from picloud.models.sign_in_attempt import SignInAttempts
from picloud.models.trigger import Trigger
from picloud.models.user import User
from picloud.models.user_session import UserSession
from picloud.models.user_totp import UserTotp

__all__ = [
    "NODE_EPOCH",
    "ApiKey",
    "App",
    "AppDomain",
    "AppMember",
    "AuditEvent",
    "Base",
    "CronTriggerDetails",
    "DeadLetter",
    "DeadLetterTriggerDetails",
    "EmailAttachment",
    "EmailTriggerDetails",
    "Event",
    "Execution",
    "ExecutionStatus",
    "IdempotentAnswer",
    "InboundCounter",
    "InboundDedupeKey",
    "InboundRequest",
    "InboundSecret",
    "KnownMasterKey",
    "KvEntry",
    "KvTriggerDetails",
    "KvUsage",
    "Notice",
    "NotificationSettings",
    "Outbox",
    "QueueTriggerDetails",
    "Route",
    "Script",
    "ScriptSample",
    "ScriptVersion",
    "Secret",
    "SetupLink",
    "SignInAttempts",
    "Trigger",
    "User",
    "UserSession",
    "UserTotp",
]
