"""What all kinds of triggers share. Each kind has its own file for its details."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from picloud.domain.errors import Conflict, NotFound, invalid
from picloud.domain.kinds import SYNC_KINDS, DispatchMode, Priority, TriggerKind
from picloud.models import App, CronTriggerDetails, Script, Trigger
from picloud.services.apps.targets import endpoint
from picloud.services.changes import code_changed
from picloud.services.paging import Page, PageRequest, fetch
from picloud.settings import Settings

MAX_ATTEMPTS = 100
MAX_BACKOFF_S = 7 * 86_400.0
MAX_TIMEOUT_S = 900.0

_ASSIGNED = ("enabled", "dispatch_mode", "max_attempts", "backoff_base_s", "backoff_cap_s", "timeout_s", "priority")


@dataclass(frozen=True, slots=True)
class CommonFields:
    """The common fields of a trigger as given; None: not given."""

    script: str | None = None
    enabled: bool | None = None
    dispatch_mode: DispatchMode | None = None
    max_attempts: int | None = None
    backoff_base_s: float | None = None
    backoff_cap_s: float | None = None
    timeout_s: float | None = None
    priority: Priority | None = None


class TriggerService:
    def __init__(self, session: Session, app: App, settings: Settings) -> None:
        self._session = session
        self._app = app
        self._settings = settings

    def list(self, page: PageRequest) -> Page[tuple[Trigger, Script]]:
        query = select(Trigger, Script).join(Script, Script.id == Trigger.script_id)
        own = query.where(Trigger.app_id == self._app.id, Trigger.deleted_at.is_(None))
        return fetch(self._session, own, Trigger.id, page)

    def get(self, trigger_id: UUID | None, kind: TriggerKind | None = None) -> Trigger:
        """Raises NotFound, also for a trigger of another app or another kind."""
        trigger = self._find(trigger_id)
        if trigger.deleted_at is not None or (kind and trigger.kind != kind):
            raise self._missing()
        return trigger

    def create(self, kind: TriggerKind, fields: CommonFields, registered_by: UUID) -> Trigger:
        """A trigger without its details. What is not given takes the instance's default now. Raises Invalid."""
        trigger = Trigger(
            app_id=self._app.id,
            kind=kind,
            script_id=endpoint(self._session, self._app, fields.script or "").id,
            enabled=True,
            dispatch_mode=self._settings.trigger_dispatch_mode if kind in SYNC_KINDS else DispatchMode.ASYNC,
            max_attempts=self._settings.trigger_max_attempts,
            backoff_base_s=self._settings.trigger_backoff_base_s,
            backoff_cap_s=self._settings.trigger_backoff_cap_s,
            timeout_s=self._settings.trigger_timeout_s,
            priority=Priority.NORMAL,
            registered_by=registered_by,
        )
        self._assign(trigger, fields)
        self._session.add(trigger)
        self._session.flush()
        self._session.refresh(trigger)
        code_changed(self._session, self._app.id)
        return trigger

    def update(self, trigger: Trigger, fields: CommonFields) -> Trigger:
        """Change what is given. Raises Invalid."""
        if fields.script is not None:
            trigger.script_id = endpoint(self._session, self._app, fields.script).id
        self._assign(trigger, fields)
        trigger.updated_at = func.now()
        self._session.flush()
        code_changed(self._session, self._app.id)
        self._session.refresh(trigger)
        return trigger

    def delete(self, trigger: Trigger) -> None:
        """It fires no more, and is kept for as long as it may be restored."""
        no_more = update(CronTriggerDetails).where(CronTriggerDetails.trigger_id == trigger.id).values(next_at=None)
        self._session.execute(no_more)
        trigger.deleted_at = func.now()
        self._session.flush()
        code_changed(self._session, self._app.id)

    def restore(self, trigger_id: UUID | None) -> Trigger:
        """A deleted trigger as it was. What happened meanwhile is not made up for. Raises NotFound, Conflict."""
        trigger = self._find(trigger_id)
        self._session.refresh(trigger, with_for_update=True)
        if trigger.deleted_at is None:
            raise Conflict("The trigger is not deleted.")
        trigger.deleted_at = None
        self._session.flush()
        code_changed(self._session, self._app.id)
        return trigger

    def _find(self, trigger_id: UUID | None) -> Trigger:
        trigger = self._session.get(Trigger, trigger_id) if trigger_id else None
        if trigger is None or trigger.app_id != self._app.id:
            raise self._missing()
        return trigger

    def _missing(self) -> NotFound:
        return NotFound(f"The app {self._app.slug} has no such trigger.")

    def _assign(self, trigger: Trigger, fields: CommonFields) -> None:
        _check(fields, TriggerKind(trigger.kind))
        for name in _ASSIGNED:
            value = getattr(fields, name)
            if value is not None:
                setattr(trigger, name, value)
        if trigger.backoff_cap_s < trigger.backoff_base_s:
            raise invalid("/backoff_cap_s", f"has to be at least backoff_base_s, which is {trigger.backoff_base_s:g}")


def _check(fields: CommonFields, kind: TriggerKind) -> None:
    if fields.dispatch_mode == DispatchMode.SYNC and kind not in SYNC_KINDS:
        raise invalid("/dispatch_mode", f"a {kind} trigger can only be async")
    bounds = (
        ("max_attempts", fields.max_attempts, 1, MAX_ATTEMPTS),
        ("backoff_base_s", fields.backoff_base_s, 0, MAX_BACKOFF_S),
        ("backoff_cap_s", fields.backoff_cap_s, 0, MAX_BACKOFF_S),
        ("timeout_s", fields.timeout_s, 0.1, MAX_TIMEOUT_S),
    )
    for name, value, least, most in bounds:
        if value is not None and not least <= value <= most:
            raise invalid(f"/{name}", f"has to be from {least:g} to {most:g}")
