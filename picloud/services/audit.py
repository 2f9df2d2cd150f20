from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.orm import Session

from picloud.domain import ids
from picloud.domain.access import Capability
from picloud.domain.audit import Action, Actor, Values, difference
from picloud.domain.kinds import AppRole
from picloud.models import App, AppMember, AuditEvent
from picloud.services.paging import Page, PageRequest, fetch
from picloud.services.principals import Principal, PrincipalService

MAX_TEXT_CHARS = 1000
"""Longer texts are cut: what a thing held in full stands in its own versions."""


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """`apps`: only events of these apps; None: of all, and of the instance."""

    apps: Collection[UUID] | None = None
    app_id: UUID | None = None
    actor: str | None = None
    action: str | None = None
    target: str | None = None
    since: datetime | None = None
    until: datetime | None = None


class AuditService:
    def __init__(self, session: Session) -> None:
        self._session = session

    def record(
        self,
        actor: Actor,
        action: Action,
        target: object,
        *,
        app_id: UUID | None = None,
        before: Values | None = None,
        after: Values | None = None,
    ) -> None:
        """In the session's transaction. `before` and `after` must hold no secret; they are kept where they differ."""
        old, new = difference(before, after)
        self._session.add(
            AuditEvent(
                actor_id=actor.user_id,
                actor=actor.name,
                via=actor.via,
                address=actor.address,
                request_id=actor.request_id,
                action=action,
                app_id=app_id,
                target=str(target),
                before=_storable(old),
                after=_storable(new),
            )
        )
        self._session.flush()

    def list(self, wanted: AuditFilter, page: PageRequest) -> Page[AuditEvent]:
        """Newest first."""
        query = select(AuditEvent)
        if wanted.apps is not None:
            query = query.where(AuditEvent.app_id.in_(wanted.apps))
        if wanted.actor is not None:
            actor_id = ids.parse(wanted.actor)
            query = query.where(AuditEvent.actor_id == actor_id if actor_id else AuditEvent.actor == wanted.actor)
        for column, value in (
            (AuditEvent.app_id, wanted.app_id),
            (AuditEvent.action, wanted.action),
            (AuditEvent.target, wanted.target),
        ):
            query = query.where(column == value) if value is not None else query
        if wanted.since is not None:
            query = query.where(AuditEvent.id >= ids.lower_bound(wanted.since))
        if wanted.until is not None:
            query = query.where(AuditEvent.id < ids.lower_bound(wanted.until))
        return fetch(self._session, query, AuditEvent.id, page, newest_first=True)


def forget_audit(connection: Connection, before: datetime) -> None:
    """Remove the events from before a moment."""
    connection.execute(delete(AuditEvent).where(AuditEvent.id < ids.lower_bound(before)))


def visible_apps(session: Session, principal: Principal) -> Collection[UUID] | None:
    """The apps whose events the principal may see; None: all there are and were, and those of the instance."""
    if principal.app_id is not None:
        role = PrincipalService(session).role_in(principal.user_id, principal.app_id)
        return [principal.app_id] if principal.may(Capability.APP_READ_AUDIT, role) else []
    if principal.may(Capability.INSTANCE_READ_AUDIT):
        return None
    if principal.may(Capability.APP_READ_AUDIT):
        return session.scalars(select(App.id)).all()
    roles = session.execute(select(AppMember.app_id, AppMember.role).where(AppMember.user_id == principal.user_id))
    return [app_id for app_id, role in roles if principal.may(Capability.APP_READ_AUDIT, AppRole(role))]


def _storable(values: Values | None) -> Any:
    return None if values is None else _cut(msgspec.to_builtins(dict(values)))


def _cut(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT_CHARS:
        return f"{value[:MAX_TEXT_CHARS]}… ({len(value)} characters)"
    if isinstance(value, dict):
        return {key: _cut(item) for key, item in value.items()}
    return [_cut(item) for item in value] if isinstance(value, list) else value
