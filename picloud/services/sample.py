"""The sample app `hello`: one script with an HTTP route, one with an email trigger."""

import json
from dataclasses import dataclass
from datetime import datetime
from importlib import resources
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from picloud.crypto import MasterKey
from picloud.domain.clock import rfc3339
from picloud.domain.kinds import AppRole, InstanceRole, RouteAccess, ScriptKind
from picloud.inbound.signatures import sign_plain
from picloud.models import App, InboundSecret, Trigger, User
from picloud.sandbox_pool.pool import Pool
from picloud.services.apps.apps import AppService, MemberService
from picloud.services.apps.routes import RouteService
from picloud.services.apps.scripts import ScriptService
from picloud.services.people.users import UserService
from picloud.services.triggers.email import GENERATE, EmailFields, EmailTriggerService, binding
from picloud.services.triggers.triggers import CommonFields, TriggerService
from picloud.settings import Settings

SLUG = "hello"
OWNER_EMAIL = "sample@picloud.invalid"
"""The sample's trigger runs as this user. It has no password and no key, and a role in this one app."""


@dataclass(frozen=True, slots=True)
class SampleMail:
    """A mail for the sample's trigger, ready to be sent."""

    path: str
    body: str
    headers: dict[str, str]


class SampleService:
    def __init__(self, session: Session, pool: Pool, master_key: MasterKey, settings: Settings) -> None:
        self._session = session
        self._pool = pool
        self._master_key = master_key
        self._settings = settings

    def deploy(self) -> App:
        """The app, made when it isn't there."""
        apps = AppService(self._session)
        return apps.find(SLUG) or self._make(apps)

    def mail(self, app: App, now: datetime) -> SampleMail | None:
        """A mail signed in the plain form, which holds for ever; None where the trigger was removed or unsigned."""
        query = (
            select(Trigger, InboundSecret)
            .join(InboundSecret, InboundSecret.trigger_id == Trigger.id)
            .where(Trigger.app_id == app.id, Trigger.deleted_at.is_(None), InboundSecret.expires_at.is_(None))
        )
        row = self._session.execute(query.order_by(Trigger.id)).first()
        if row is None:
            return None
        trigger, secret = row
        plain = self._master_key.unseal(secret.sealed, bound_to=binding(secret.id, trigger.id)).decode()
        body = _mail_body(now)
        return SampleMail(f"/api/v1/email-inbound/{app.id}/{trigger.id}", body, sign_plain(plain, body.encode()))

    def _make(self, apps: AppService) -> App:
        app, user = apps.create(SLUG, "Hello"), self._user()
        MemberService(self._session, app).put(user, AppRole.APP_ADMIN)
        scripts = ScriptService(self._session, app, self._pool, source_max_bytes=self._settings.script_max_bytes)
        for name in ("greet", "inbox"):
            scripts.create(name, ScriptKind.ENDPOINT, _source(name), user.id)
        RouteService(self._session, app).create("GET", "/hello", "greet", RouteAccess.PUBLIC)
        self._make_trigger(app, user.id)
        return app

    def _make_trigger(self, app: App, registered_by: UUID) -> None:
        triggers = TriggerService(self._session, app, self._settings)
        EmailTriggerService(self._session, triggers, self._master_key).create(
            CommonFields(script="inbox"),
            registered_by,
            email=EmailFields("normalized", 202),
            inbound_secret=GENERATE,
        )

    def _user(self) -> User:
        users = UserService(self._session)
        return users.by_email(OWNER_EMAIL) or users.create(OWNER_EMAIL, InstanceRole.MEMBER)


def _source(name: str) -> str:
    return resources.files("picloud.sample").joinpath(f"{name}.py").read_text(encoding="utf-8")


def _mail_body(now: datetime) -> str:
    mail = {
        "from": "ada@example.com",
        "to": ["in@hello.example"],
        "subject": "Hello",
        "text": "Hello from the command line",
        "message_id": f"<{now:%Y%m%d.%H%M%S}@example.com>",
        "received_at": rfc3339(now.replace(microsecond=0)),
    }
    return json.dumps(mail)
